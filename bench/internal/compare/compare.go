package compare

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"pushd/bench/internal/host"
	"pushd/bench/internal/process"
	"pushd/bench/internal/report"
)

// Options say what is compared and how long.
type Options struct {
	Servers     []string // names; the first is what the others are related to
	Cases       []string // of CaseNames
	Rounds      int
	Quick       bool     // small and short: shows that it works, not what is true
	PushdBinary string   // "": built from the source tree
	PeersBinary string   // "": built from the source tree
	PushdArgs   []string // further arguments of pushd serve
	ServerCPU   int
	ClientCPU   int
	Progress    io.Writer // one line for each run
}

func (o Options) has(name string) bool { return slices.Contains(o.Servers, name) }

func (o Options) hasPeers() bool {
	return len(o.Servers) > 1 || len(o.Servers) == 1 && !o.has(Pushd)
}

// Case is one thing that is measured on every server: a scenario and its
// arguments.
type Case struct {
	Name        string
	scenario    string
	full, quick string
	once        bool // in the first round only: it hardly varies, and it takes a minute
}

// cases are all of them, in the order in which a round takes them.
var cases = []Case{
	{
		Name: "echo", scenario: "echo",
		full:  "-n 1000 --duration 3s --warmup 500ms --heartbeat 0s",
		quick: "-n 200 --duration 1s --warmup 200ms --heartbeat 0s",
	}, {
		Name: "fanout", scenario: "fanout",
		full:  "-n 8000 --connect-rate 20000 --rounds 20 --heartbeat 0s",
		quick: "-n 500 --rounds 10 --heartbeat 0s",
	}, {
		Name: "burst", scenario: "fanout",
		full:  "-n 8000 --connect-rate 20000 --rounds 200 --burst 10 --heartbeat 0s",
		quick: "-n 500 --rounds 50 --burst 10 --heartbeat 0s",
	}, {
		Name: "churn", scenario: "churn",
		full:  "-n 200 --stay 20ms --connect-rate 20000 --duration 3s --heartbeat 0s",
		quick: "-n 50 --stay 20ms --connect-rate 20000 --duration 1s --heartbeat 0s",
	}, {
		Name: "disturbed", scenario: "mixed",
		full:  "-n 19000 --connect-rate 20000 --askers 1000 --ask-rate 2000 --before 4s --push-rate 0 --broadcast-every 1s --duration 4s --heartbeat 0s",
		quick: "-n 1000 --askers 100 --ask-rate 500 --before 500ms --warmup 200ms --push-rate 0 --broadcast-every 200ms --duration 1s --heartbeat 0s",
	}, {
		Name: "idle", scenario: "idle", once: true,
		full:  "--steps 5000,18000 --settle 20s --traffic 10 --duration 0s",
		quick: "--steps 500,2000 --settle 1s --traffic 2 --duration 0s",
	},
}

// CaseNames are the names of all cases.
func CaseNames() []string {
	var names []string
	for _, c := range cases {
		names = append(names, c.Name)
	}
	return names
}

func caseOf(name string) (Case, error) {
	for _, c := range cases {
		if c.Name == name {
			return c, nil
		}
	}
	return Case{}, fmt.Errorf("case %q: must be one of %s", name, strings.Join(CaseNames(), ", "))
}

func (c Case) arguments(quick bool) []string {
	if quick {
		return strings.Fields(c.quick)
	}
	return strings.Fields(c.full)
}

// Measure runs all and sums up. Interrupted, it sums up what it has.
func Measure(ctx context.Context, o Options) (*Comparison, error) {
	if len(o.Servers) == 0 || o.Rounds < 1 {
		return nil, errors.New("nothing to compare: at least one server and one round are needed")
	}
	var chosen []Case
	for _, name := range o.Cases {
		c, err := caseOf(name)
		if err != nil {
			return nil, err
		}
		chosen = append(chosen, c)
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
		for _, what := range chosen {
			if round > 0 && what.once {
				continue
			}
			for _, name := range o.Servers {
				result, err := o.one(ctx, bin, name, what, dir)
				if ctx.Err() != nil {
					c.sumUp()
					return c, nil
				}
				if err != nil {
					return nil, fmt.Errorf("round %d, %s on %s: %w", round+1, what.Name, name, err)
				}
				run := Run{what.Name, result}
				_, _ = fmt.Fprintf(o.Progress, "round %d/%d  %-9s %-8s %s\n", round+1, o.Rounds, what.Name, name, run.headline())
				c.Runs = append(c.Runs, run)
			}
		}
	}
	c.sumUp()
	return c, nil
}

// one starts a server afresh and runs one case against it.
func (o Options) one(ctx context.Context, bin binaries, name string, what Case, dir string) (*report.Result, error) {
	s, err := bin.start(ctx, name, o, dir)
	if err != nil {
		return nil, err
	}
	defer s.Stop()
	client, err := self()
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "result.json")
	args := append([]string{
		what.scenario, "--url", "ws://" + s.Listen + "/ws", "--admin", s.AdminURL, "--admin-key", adminKey, "--label", name,
		"--server-pid", strconv.Itoa(s.PID()), "--cpu", strconv.Itoa(o.ClientCPU), "--json", file, "--out", "none",
	}, what.arguments(o.Quick)...)
	log, err := process.Run(ctx, stopTimeout, client, append(args, s.args...)...)
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != report.ExitNotOK) {
		return nil, fmt.Errorf("client: %w\n%s\nserver's log:\n%s", err, log, s.Log())
	}
	return report.ReadFile(file)
}
