// Command pushbench puts load on a push server and reports what it found. This
// package is the command line: it reads flags and starts one of the scenarios
// of internal/scenario, or the comparison of internal/compare. README.md tells
// how to make each figure.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"pushd/bench/internal/report"
)

// errNotOK is how a run ends that worked and found the server wanting; what was
// wrong is in the result that was printed.
var errNotOK = errors.New("not everything arrived as it should")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal ends the run with its partial result; the next ends the process.
	context.AfterFunc(ctx, stop)
	if err := command().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "pushbench:", err)
		if errors.Is(err, errNotOK) {
			os.Exit(report.ExitNotOK)
		}
		os.Exit(1)
	}
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:           "pushbench",
		Short:         "Load client for pushd and servers like it",
		Long:          "Load client for pushd and servers like it.\n\nExit status: 0 all as it should be, 1 the run could not be made, 2 something was lost, duplicated or refused.",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(idleCommand(), echoCommand(), fanoutCommand(), pushCommand(), chatCommand(), churnCommand(), stormCommand(), mixedCommand(), compareCommand(), reportCommand())
	return root
}
