// Command million shows what a million connections cost: with `vm` on one
// pushd process inside a virtual machine, whose limits it can raise, with
// `many` on as many processes side by side as the limits of this machine ask
// for. This package is the command line; internal/trial does the work in both.
// Inside the virtual machine the same program is process 1 and the clients.
package main

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"pushd/bench/internal/cli"
	"pushd/bench/million/internal/clients"
	"pushd/bench/million/internal/guest"
)

func main() {
	if guest.Is() {
		guest.Run()
	}
	cli.Main(command())
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:   "million",
		Short: "What very many connections cost",
		Long: "What very many connections cost. Run it at the top of the source tree.\n\n" +
			"Exit status: 0 nothing was lost, 1 the trial could not be made, 2 something was lost.",

		SilenceUsage: true, SilenceErrors: true,
	}
	root.AddCommand(vmCommand(), manyCommand(), clientCommand())
	return root
}

// clientCommand is what a trial starts its client processes with.
func clientCommand() *cobra.Command {
	var o clients.Options
	cmd := &cobra.Command{
		Use:    "client",
		Short:  "Be one client process of a trial",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			// Ctrl-C reaches all processes of a terminal; it is the trial that ends these.
			return clients.Run(context.WithoutCancel(cmd.Context()), o, os.Stdin, os.Stdout)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Server, "server", "", "host:port")
	f.StringVar(&o.Name, "name", "", "of this process; the first part of its users' ids")
	f.IntVar(&o.Count, "count", 0, "clients")
	f.Int64Var(&o.Run, "run", 0, "number of the trial")
	f.DurationVar(&o.Heartbeat, "heartbeat", 0, "longest time between a client's heartbeats")
	f.IntVar(&o.Window, "window", 0, "logins under way at once")
	f.DurationVar(&o.Patience, "patience", 0, "time for an opening handshake")
	return cmd
}
