package main

import (
	"time"

	"github.com/spf13/cobra"

	"pushd/bench/internal/scenario"
)

func idleCommand() *cobra.Command {
	var c common
	var s scenario.Idle
	cmd := &cobra.Command{
		Use:   "idle",
		Short: "Log in, send heartbeats, count who is lost, measure memory for each connection",
		Example: `  pushbench idle -n 18000 --duration 5m --server-pid $PID
  pushbench idle --steps 5000,18000 --duration 0s --server-pid $PID`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.run(cmd, s) },
	}
	f := cmd.Flags()
	c.register(f, 1000, time.Minute)
	f.IntSliceVar(&s.Steps, "steps", nil, "measure memory at each of these counts, and the slope between the first and the last; overrides -n")
	f.DurationVar(&s.Settle, "settle", 20*time.Second, "time between the one message of each client and a memory measurement")
	f.IntVar(&s.Payload, "payload", 64, "bytes of the one message, with --bare")
	f.DurationVar(&s.Timeout, "timeout", 10*time.Second, "after this, what was not answered is lost")
	return cmd
}

func echoCommand() *cobra.Command {
	var c common
	var s scenario.Echo
	cmd := &cobra.Command{
		Use:   "echo",
		Short: "Ping, or payloads sent back by a bare server, closed loop or at a rate",
		Example: `  pushbench echo -n 1000 --server-pid $PID
  pushbench echo -n 1000 --rate 10000 --duration 30s`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.run(cmd, s) },
	}
	f := cmd.Flags()
	c.register(f, 1000, 10*time.Second)
	f.IntVar(&s.InFlight, "inflight", 1, "closed loop: requests under way on each connection")
	f.Float64Var(&s.Rate, "rate", 0, "open loop: messages a second over all connections, latency from the intended send time; 0: closed loop")
	f.IntVar(&s.Payload, "payload", 64, "bytes of a message, with --bare")
	f.DurationVar(&s.Warmup, "warmup", time.Second, "time before the measured part")
	f.DurationVar(&s.Timeout, "timeout", 10*time.Second, "after this, what was not answered is lost")
	return cmd
}

func fanoutCommand() *cobra.Command {
	var c common
	var s scenario.Fanout
	cmd := &cobra.Command{
		Use:   "fanout",
		Short: "Broadcast or push to topics over the admin API and count every delivery",
		Example: `  pushbench fanout -n 8000 --rounds 20 --server-pid $PID
  pushbench fanout -n 8000 --topics 100 --rounds 1000 --rate 100`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.run(cmd, s) },
	}
	f := cmd.Flags()
	c.register(f, 1000, 0)
	f.Lookup("duration").Hidden = true // --rounds says how long
	f.IntVar(&s.Rounds, "rounds", 10, "messages sent by the server, one after the other")
	f.Float64Var(&s.Rate, "rate", 0, "rounds a second, latency from the intended send time; 0: each when the one before has arrived")
	f.IntVar(&s.Topics, "topics", 0, "subscribe each client to one of so many topics and push to them in turn; 0: broadcast to all")
	f.IntVar(&s.Payload, "payload", 64, "bytes of padding in a message")
	f.DurationVar(&s.Timeout, "timeout", 10*time.Second, "after this, what has not arrived is lost")
	return cmd
}

func churnCommand() *cobra.Command {
	var c common
	var s scenario.Churn
	cmd := &cobra.Command{
		Use:     "churn",
		Short:   "Connect, log in, stay, leave, over and over; --connect-rate bounds how fast",
		Example: `  pushbench churn -n 500 --stay 200ms --connect-rate 2000 --duration 1m --server-pid $PID`,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return c.run(cmd, s) },
	}
	f := cmd.Flags()
	c.register(f, 500, 20*time.Second)
	f.DurationVar(&s.Stay, "stay", time.Second, "how long a client stays on average")
	return cmd
}
