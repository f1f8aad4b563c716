package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"pushd/bench/internal/cli"
	"pushd/bench/internal/fleet"
	"pushd/bench/internal/host"
	"pushd/bench/internal/progress"
	"pushd/bench/internal/report"
	"pushd/bench/internal/scenario"
)

// common are the flags of every scenario.
type common struct {
	cfg       scenario.Config
	tokenFile string
	tokenKey  string
	cpu       int
	json      string
	out       string
	quick     bool
}

func (c *common) register(f *pflag.FlagSet, connections int, duration time.Duration) {
	f.StringVar(&c.cfg.URL, "url", "ws://127.0.0.1:8089/ws", "WebSocket address of the server")
	f.StringVar(&c.cfg.Admin, "admin", "http://127.0.0.1:8090", "admin API, for pushes and heap figures; '' for none")
	f.StringVar(&c.cfg.AdminKey, "admin-key", "dev", "API key for --admin")
	f.StringVar(&c.cfg.Label, "label", "pushd", "what the server is called in the result")
	f.IntVarP(&c.cfg.Connections, "connections", "n", connections, "number of connections")
	f.Float64Var(&c.cfg.ConnectRate, "connect-rate", 5000, "connections begun per second")
	f.IntVar(&c.cfg.Sources, "sources", 0, "loopback source addresses, from 127.0.0.2 on; 0: enough")
	f.DurationVar(&c.cfg.Duration, "duration", duration, "length of the measured part")
	f.DurationVar(&c.cfg.Heartbeat, "heartbeat", 25*time.Second, "longest time between a client's heartbeats, with up to a tenth of jitter; 0 for none")
	f.StringVar(&c.cfg.Identity.Users, "users", "bench-%d", "user ids, %d is the number")
	f.StringSliceVar(&c.cfg.Identity.Platforms, "platform", []string{"web"}, "platforms, in turn; with several, each user is on all of them")
	f.StringVar(&c.tokenFile, "token-file", "", "file with one token a line, whose subjects are the users")
	f.StringVar(&c.tokenKey, "token-hmac-key", "", "key to sign an HS256 token for each user with")
	f.IntVar(&c.cfg.ServerPID, "server-pid", 0, "server's process, to read memory and processor time of")
	f.BoolVar(&c.cfg.Bare, "bare", false, "server without login and JSON: it echoes payloads, and sends what is posted to /broadcast of --admin to all")
	f.BoolVar(&c.cfg.Centrifugo, "centrifugo", false, "server with Centrifugo's JSON protocol; what is posted to /broadcast of --admin goes to all")
	f.IntVar(&c.cpu, "cpu", -1, "keep this client on one processor")
	f.StringVar(&c.json, "json", "", "write the result to this file")
	f.BoolVar(&c.quick, "quick", false, "a small and short run, unless other flags say otherwise: shows that it works, not what is true")
	f.StringVar(&c.out, "out", "auto", "progress: auto, bar, plain or none")
}

// quick are the values that --quick gives to flags that weren't given.
var quick = map[string]string{
	"connections": "200", "duration": "1s", "settle": "500ms", "warmup": "200ms", "rounds": "5", "stay": "50ms", "broadcast-every": "200ms",
}

func hurry(f *pflag.FlagSet) error {
	for name, value := range quick {
		if flag := f.Lookup(name); flag != nil && !flag.Changed {
			if err := flag.Value.Set(value); err != nil {
				return fmt.Errorf("--quick: %s: %w", name, err)
			}
		}
	}
	return nil
}

// runner is what a scenario's own flags make.
type runner interface {
	Run(ctx context.Context, cfg *scenario.Config) (*report.Result, error)
}

// run completes the configuration, runs the scenario and hands out its result.
func (c *common) run(cmd *cobra.Command, s runner) error {
	if c.quick {
		if err := hurry(cmd.Flags()); err != nil {
			return err
		}
	}
	c.cfg.Parameters = parameters(cmd.Flags())
	c.cfg.Identity.HMACKey = []byte(c.tokenKey)
	var err error
	if c.tokenFile != "" {
		if c.cfg.Identity.Tokens, err = fleet.ReadTokens(c.tokenFile); err != nil {
			return err
		}
	}
	if c.cfg.Progress, err = progress.New(os.Stderr, progress.Style(c.out)); err != nil {
		return err
	}
	if c.cpu >= 0 {
		if err := host.Pin(c.cpu); err != nil {
			return err
		}
	}
	result, err := s.Run(cmd.Context(), &c.cfg)
	if err != nil {
		return fmt.Errorf("%s: %w", cmd.Name(), err)
	}
	if err := result.Print(cmd.OutOrStdout()); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	if c.json != "" {
		if err := result.WriteFile(c.json); err != nil {
			return err
		}
	}
	if !result.OK {
		return cli.ErrNotOK
	}
	return nil
}

// secret flags are left out of results, which people publish.
var secret = map[string]bool{"admin-key": true, "token-hmac-key": true}

func parameters(f *pflag.FlagSet) map[string]any {
	p := map[string]any{}
	f.VisitAll(func(flag *pflag.Flag) {
		if !secret[flag.Name] && flag.Name != "help" {
			p[flag.Name] = flag.Value.String()
		}
	})
	return p
}
