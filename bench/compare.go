package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"pushd/bench/internal/cli"
	"pushd/bench/internal/compare"
	"pushd/bench/internal/host"
)

func compareCommand() *cobra.Command {
	o := compare.Options{Progress: os.Stderr}
	var output string
	cmd := &cobra.Command{
		Use:   "compare",
		Short: "Measure pushd, logged in, and peers, bare, side by side and print one table",
		Long: "Measure pushd, logged in, and peers, bare, side by side and print one table.\n\n" +
			"Each server runs on one processor and the client on another, in turns over several rounds. " +
			"Run it at the top of the source tree: it builds what it needs.",
		Example: `  pushbench compare --output build/compare
  pushbench compare --quick --servers gorilla,gws`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Quick && !cmd.Flags().Changed("rounds") {
				o.Rounds = 1
			}
			if err := pickProcessors(&o); err != nil {
				return err
			}
			c, err := compare.Measure(cmd.Context(), o)
			if err != nil {
				return fmt.Errorf("compare: %w", err)
			}
			if err := c.Print(cmd.OutOrStdout()); err != nil {
				return fmt.Errorf("print: %w", err)
			}
			if output != "" {
				if err := c.WriteFiles(output); err != nil {
					return err
				}
			}
			if !c.OK() {
				return cli.ErrNotOK
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&o.Servers, "servers", append([]string{compare.Pushd}, compare.Peers()...), "what is compared; the first is what the others are related to")
	f.StringSliceVar(&o.Cases, "cases", compare.CaseNames(), "what is measured; idle in the first round only")
	f.IntVar(&o.Rounds, "rounds", 3, "rounds; 1 by default with --quick")
	f.BoolVar(&o.Quick, "quick", false, "small and short: shows that it works, not what is true")
	f.StringVar(&o.PushdBinary, "pushd", "", "pushd's binary; '': build it")
	f.StringVar(&o.PeersBinary, "peers", "", "the peers' binary; '': build it")
	f.StringArrayVar(&o.PushdArgs, "pushd-arg", nil, "a further argument for pushd serve; may be given again")
	f.IntVar(&o.ServerCPU, "server-cpu", -1, "processor of the server; -1: the first")
	f.IntVar(&o.ClientCPU, "client-cpu", -1, "processor of the client; -1: the last")
	f.StringVar(&output, "output", "", "write the comparison to this file name, with .json and .md appended")
	return cmd
}

func pickProcessors(o *compare.Options) error {
	cpus, err := host.CPUs()
	if err != nil {
		return err
	}
	if o.ServerCPU < 0 {
		o.ServerCPU = cpus[0]
	}
	if o.ClientCPU < 0 {
		o.ClientCPU = cpus[len(cpus)-1]
	}
	if o.ServerCPU == o.ClientCPU {
		_, _ = fmt.Fprintln(o.Progress, "server and client share one processor: they disturb each other")
	}
	return nil
}
