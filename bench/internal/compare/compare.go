package compare

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"pushd/bench/internal/host"
	"pushd/bench/internal/report"
)

// Options say what is compared and how long.
type Options struct {
	Servers     []string // names; the first is what the others are related to
	Scenarios   []string // of echo, fanout, churn, idle
	Rounds      int
	Quick       bool     // small and short: shows that it works, not what is true
	PushdBinary string   // "": built from the source tree
	PeersBinary string   // "": built from the source tree
	PushdArgs   []string // further arguments of pushd serve
	ServerCPU   int
	ClientCPU   int
	Progress    io.Writer // one line for each run
}

func (o Options) has(name string) bool {
	for _, s := range o.Servers {
		if s == name {
			return true
		}
	}
	return false
}

func (o Options) hasPeers() bool {
	return len(o.Servers) > 1 || len(o.Servers) == 1 && !o.has(Pushd)
}

// once are the scenarios that are run in the first round only: memory hardly
// varies, and it takes a minute.
var once = map[string]bool{"idle": true}

// arguments are the client's for a scenario.
func (o Options) arguments(scenario string) ([]string, error) {
	full, quick := map[string]string{
		"echo":   "-n 1000 --duration 3s --warmup 500ms --heartbeat 0s",
		"fanout": "-n 8000 --rounds 20 --heartbeat 0s",
		"churn":  "-n 200 --stay 20ms --connect-rate 20000 --duration 3s --heartbeat 0s",
		"idle":   "--steps 5000,18000 --settle 20s --duration 0s",
	}, map[string]string{
		"echo":   "-n 200 --duration 1s --warmup 200ms --heartbeat 0s",
		"fanout": "-n 500 --rounds 10 --heartbeat 0s",
		"churn":  "-n 50 --stay 20ms --connect-rate 20000 --duration 1s --heartbeat 0s",
		"idle":   "--steps 500,2000 --settle 2s --duration 0s",
	}
	set := full
	if o.Quick {
		set = quick
	}
	args, ok := set[scenario]
	if !ok {
		return nil, fmt.Errorf("scenario %q: must be echo, fanout, churn or idle", scenario)
	}
	return strings.Fields(args), nil
}

// Run measures and sums up. Interrupted, it sums up what it has.
func Run(ctx context.Context, o Options) (*Comparison, error) {
	if len(o.Servers) == 0 || o.Rounds < 1 {
		return nil, errors.New("nothing to compare: at least one server and one round are needed")
	}
	for _, s := range o.Scenarios {
		if _, err := o.arguments(s); err != nil {
			return nil, err
		}
	}
	dir, err := os.MkdirTemp("", "pushbench-")
	if err != nil {
		return nil, fmt.Errorf("scratch directory: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // what stays behind in the scratch directory harms nobody
	bin, err := build(ctx, o, dir)
	if err != nil {
		return nil, err
	}
	c := &Comparison{
		Schema: Schema, Started: time.Now().UTC().Truncate(time.Second), Environment: host.Describe(),
		Servers: o.Servers, ServerCPU: o.ServerCPU, ClientCPU: o.ClientCPU, Quick: o.Quick,
	}
	for round := range o.Rounds {
		for _, scenario := range o.Scenarios {
			if round > 0 && once[scenario] {
				continue
			}
			for _, name := range o.Servers {
				result, err := o.one(ctx, bin, name, scenario, dir)
				if ctx.Err() != nil {
					c.sumUp()
					return c, nil
				}
				if err != nil {
					return nil, fmt.Errorf("round %d, %s on %s: %w", round+1, scenario, name, err)
				}
				_, _ = fmt.Fprintf(o.Progress, "round %d/%d  %-7s %-8s %s\n", round+1, o.Rounds, scenario, name, headline(result))
				c.Results = append(c.Results, result)
			}
		}
	}
	c.sumUp()
	return c, nil
}

// one starts a server afresh and runs one scenario against it.
func (o Options) one(ctx context.Context, bin binaries, name, scenario, dir string) (*report.Result, error) {
	s, err := bin.start(ctx, name, o, dir)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	client, err := self()
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "result.json")
	args, err := o.arguments(scenario)
	if err != nil {
		return nil, err
	}
	args = append([]string{
		scenario, "--url", s.url, "--admin", s.admin, "--admin-key", adminKey, "--label", name,
		"--server-pid", strconv.Itoa(s.cmd.Process.Pid), "--cpu", strconv.Itoa(o.ClientCPU), "--json", file, "--out", "none",
	}, args...)
	if s.bare {
		args = append(args, "--bare")
	}
	cmd := exec.CommandContext(ctx, client, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = stopTimeout
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	log := &tail{}
	cmd.Stderr = log
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != report.ExitNotOK) {
		return nil, fmt.Errorf("client: %w\n%s\nserver's log:\n%s", err, log, s.log)
	}
	return report.ReadFile(file)
}
