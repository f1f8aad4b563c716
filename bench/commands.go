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
	f.IntVar(&s.Traffic, "traffic", 0, "after the last step, messages of 1 KiB from each client before memory is measured once more")
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
	f.IntSliceVar(&s.Sizes, "topic-sizes", nil, "subscribe the clients to topics of these sizes in turn, as many as there are clients for")
	f.IntVar(&s.Burst, "burst", 1, "messages posted at once, so that they wait together for each connection")
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

func pushCommand() *cobra.Command {
	var c common
	var s scenario.Push
	cmd := &cobra.Command{
		Use:   "push",
		Short: "Push to one user after the other over HTTP; latency is from the request to the arrival",
		Example: `  pushbench push -n 1000 --server-pid $PID
  pushbench push -n 1000 --rate 2000 --duration 30s`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.run(cmd, s) },
	}
	f := cmd.Flags()
	c.register(f, 1000, 10*time.Second)
	f.IntVar(&s.Workers, "workers", 16, "HTTP requests under way at most")
	f.Float64Var(&s.Rate, "rate", 0, "open loop: pushes a second, latency from the intended send time; 0: as fast as the server answers")
	f.IntVar(&s.Payload, "payload", 64, "bytes of padding in a message")
	f.DurationVar(&s.Timeout, "timeout", 10*time.Second, "after this, what has not arrived is lost")
	return cmd
}

func chatCommand() *cobra.Command {
	var c common
	var s scenario.Chat
	cmd := &cobra.Command{
		Use:   "chat",
		Short: "Pairs of users write to each other; latency is from the sending to the answer, which says that it is stored",
		Example: `  pushbench chat -n 1000 --senders 64 --server-pid $PID
  pushbench chat -n 10000 --rate 2000 --duration 30s`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.run(cmd, s) },
	}
	f := cmd.Flags()
	c.register(f, 1000, 10*time.Second)
	f.IntVar(&s.Senders, "senders", 0, "clients that write, the others only read; 0: all")
	f.Float64Var(&s.Rate, "rate", 0, "open loop: messages a second over all senders, latency from the intended send time; 0: each writes again when it has its answer")
	f.IntVar(&s.Payload, "payload", 64, "bytes of padding in a text")
	f.DurationVar(&s.Timeout, "timeout", 10*time.Second, "after this, what was not answered or has not arrived is lost")
	return cmd
}

func stormCommand() *cobra.Command {
	var c common
	var s scenario.Storm
	cmd := &cobra.Command{
		Use:     "storm",
		Short:   "Cut every client off at once and let all come again; latency is from the outage to being back",
		Example: `  pushbench storm -n 18000 --server-pid $PID`,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return c.run(cmd, s) },
	}
	f := cmd.Flags()
	c.register(f, 1000, 0)
	f.Lookup("duration").Hidden = true // it lasts until all are back
	f.Float64Var(&s.Rate, "storm-rate", 0, "connections begun per second after the outage; 0: all at once")
	f.DurationVar(&s.Timeout, "timeout", time.Minute, "after this, who is not back is lost")
	return cmd
}

func mixedCommand() *cobra.Command {
	var c common
	var s scenario.Mixed
	cmd := &cobra.Command{
		Use:   "mixed",
		Short: "Heartbeats, requests, pushes and broadcasts together, each at its own rate",
		Example: `  pushbench mixed -n 10000 --duration 1h --server-pid $PID
  pushbench mixed -n 19000 --askers 1000 --ask-rate 2000 --before 10s --push-rate 0 --broadcast-every 1s --duration 20s`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s.Push.Timeout = s.Broadcast.Timeout
			s.Push.Payload = s.Broadcast.Payload
			return c.run(cmd, s)
		},
	}
	f := cmd.Flags()
	c.register(f, 1000, time.Minute)
	f.Float64Var(&s.Echo.Rate, "ask-rate", 200, "requests of the clients a second; 0 for none")
	f.IntVar(&s.Askers, "askers", 0, "only the first so many clients make requests; 0: all")
	f.DurationVar(&s.Echo.Warmup, "warmup", time.Second, "requests before anything is measured")
	f.DurationVar(&s.Before, "before", 0, "measure the requests alone for so long, before the rest begins")
	f.Float64Var(&s.Push.Rate, "push-rate", 200, "pushes to single users a second; 0 for none")
	f.IntVar(&s.Push.Workers, "workers", 16, "HTTP requests under way at most")
	f.DurationVar(&s.Every, "broadcast-every", 10*time.Second, "time between broadcasts to all; 0 for none")
	f.IntVar(&s.Echo.Payload, "request-payload", 64, "bytes of a request, with --bare")
	f.IntVar(&s.Broadcast.Payload, "payload", 64, "bytes of padding in a push or broadcast")
	f.DurationVar(&s.Broadcast.Timeout, "timeout", 10*time.Second, "after this, what has not arrived is lost")
	return cmd
}
