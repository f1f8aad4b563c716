// Command pushbench puts load on a push server and reports what it found. This
// package is the command line: it reads flags and starts one of the scenarios
// of internal/scenario, or the comparison of internal/compare. README.md tells
// how to make each figure.
package main

import (
	"github.com/spf13/cobra"

	"pushd/bench/internal/cli"
)

func main() {
	cli.Main(command())
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:   "pushbench",
		Short: "Load client for pushd and servers like it",
		Long: "Load client for pushd and servers like it.\n\n" +
			"Exit status: 0 all as it should be, 1 the run could not be made, 2 something was lost, duplicated or refused.",

		SilenceUsage: true, SilenceErrors: true,
	}
	root.AddCommand(idleCommand(), echoCommand(), fanoutCommand(), pushCommand(), chatCommand(), churnCommand(), stormCommand(), mixedCommand(), compareCommand(), reportCommand())
	return root
}
