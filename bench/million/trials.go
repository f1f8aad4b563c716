package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"pushd/bench/internal/cli"
	"pushd/bench/internal/process"
	"pushd/bench/million/internal/guest"
	"pushd/bench/million/internal/trial"
	"pushd/bench/million/internal/vm"
)

// common are the flags of both ways to make a trial.
type common struct {
	trial.Config
	output string // without its extension
	beats  float64
	dir    string
}

func (c *common) register(f *pflag.FlagSet, window int, beats float64) {
	f.IntVarP(&c.Connections, "connections", "n", 1_000_000, "number of connections in all")
	f.IntVar(&c.Window, "window", window, "logins under way at once, for each client process")
	f.DurationVar(&c.Heartbeat, "heartbeat", 0, "longest time between a client's heartbeats; 0: at least a minute, and as long as --beats asks for")
	f.Float64Var(&c.beats, "beats", beats, "heartbeats a second of all clients together, at most; sets --heartbeat")
	f.DurationVar(&c.Hold, "hold", 30*time.Second, "how long nothing but heartbeats goes on once all are logged in")
	f.DurationVar(&c.Patience, "patience", 2*time.Minute, "for a handshake, a login, a write that doesn't move")
	f.DurationVar(&c.Deadline, "deadline", 5*time.Minute, "give up when nothing moves for so long")
	f.IntVar(&c.Pushes, "pushes", 200, "pushes to one user each")
	f.IntVar(&c.Broadcasts, "broadcasts", 1, "messages to all")
	f.StringVar(&c.output, "output", "", "result and log are written here with .json and .log added")
	f.StringVar(&c.dir, "dir", filepath.Join("build", "million"), "for the kernel and the programs")
}

// prepare completes the configuration and builds the programs.
func (c *common) prepare(ctx context.Context, name string) (commit string, err error) {
	if c.beats <= 0 {
		return "", fmt.Errorf("%v heartbeats a second: must be more than none", c.beats)
	}
	if c.Heartbeat == 0 {
		c.Heartbeat = max(time.Minute, time.Duration(float64(c.Connections)/c.beats)*time.Second)
	}
	if err := c.Check(); err != nil {
		return "", err
	}
	if c.output == "" {
		c.output = filepath.Join("build", fmt.Sprintf("%s-%d", name, c.Connections))
	}
	if c.dir, err = filepath.Abs(c.dir); err != nil {
		return "", fmt.Errorf("directory: %w", err)
	}
	for _, dir := range []string{c.dir, filepath.Dir(c.output)} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return "", fmt.Errorf("directory: %w", err)
		}
	}
	for program, from := range map[*string]string{&c.Pushd: "./cmd/pushd", &c.Self: "./bench/million"} {
		*program = filepath.Join(c.dir, filepath.Base(from))
		// Static: there is no C library where they run.
		source := process.Source{Package: from, Flags: []string{"-trimpath"}, Env: []string{"CGO_ENABLED=0"}}
		if err := source.Build(ctx, *program); err != nil {
			return "", err
		}
	}
	return revision(ctx), nil
}

// revision names the source tree, where git knows it.
func revision(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "git", "rev-parse", "--short=12", "HEAD").Output()
	if err != nil {
		return ""
	}
	commit := strings.TrimSpace(string(out))
	if exec.CommandContext(ctx, "git", "diff", "--quiet", "HEAD").Run() != nil {
		commit += "+changes"
	}
	return commit
}

// journal writes to the terminal and to the log.
type journal struct {
	out io.Writer
}

func (j journal) say(format string, args ...any) {
	_, _ = fmt.Fprintf(j.out, format+"\n", args...) // the result is what counts
}

func (j journal) tell(p trial.Progress) { j.say("%s", p) }

// logged makes the journal, runs the trial and hands out its result.
func (c *common) logged(ctx context.Context, commit string, run func(context.Context, journal) (*trial.Result, error)) error {
	file, err := os.Create(c.output + ".log")
	if err != nil {
		return fmt.Errorf("log: %w", err)
	}
	defer func() { _ = file.Close() }() // the result has what matters
	j := journal{io.MultiWriter(os.Stderr, file)}
	j.say("%s: %d connections, source %s", time.Now().UTC().Format(time.RFC3339), c.Connections, commit)
	r, err := run(ctx, j)
	if err != nil {
		j.say("%v", err)
		return err
	}
	r.Versions.Commit = commit
	if err := r.WriteFile(c.output + ".json"); err != nil {
		return err
	}
	j.say("%s\nresult: %s.json", r.Text(), c.output)
	if !r.OK {
		return cli.ErrNotOK
	}
	return nil
}

// vmMemory is what the machine needs: for each connection two kernel sockets,
// the server's and the client's memory, and a message on its way.
func vmMemory(connections int) int {
	const system, each = 700 << 20, 13 << 10
	return (system + connections*each) >> 20
}

func vmCommand() *cobra.Command {
	var c common
	var o vm.Options
	cmd := &cobra.Command{
		Use:   "vm",
		Short: "One pushd process, in a virtual machine",
		Long: `One pushd process in a virtual machine, with the clients beside it. QEMU
(apt-get install qemu-system-x86) runs it with KVM where that works, else by
software emulation. Debian's kernel is fetched, not installed.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			c.Servers = 1
			commit, err := c.prepare(ctx, "million")
			if err != nil {
				return err
			}
			if o.Memory == 0 {
				o.Memory = vmMemory(c.Connections)
			}
			o.Plan = guest.Plan{Trial: c.Config}
			// Both ends of each connection are in there; and scripts/sysctl plans for a thousand and more.
			if o.Plan.Sysctl, o.Plan.Files, err = vm.Settings(ctx, max(2*c.Connections, 1000), o.Memory); err != nil {
				return err
			}
			o.Pushd, o.Self, o.Dir, o.Console = c.Pushd, c.Self, c.dir, c.output+".console.log"
			return c.logged(ctx, commit, func(ctx context.Context, j journal) (*trial.Result, error) {
				o.Tell, o.Say = j.tell, j.say
				return vm.Run(ctx, o)
			})
		},
	}
	f := cmd.Flags()
	// Heartbeats cost an emulated processor as much as logins do.
	c.register(f, 128, 50)
	f.IntVar(&c.Clients, "clients", 1, "client processes")
	f.IntVar(&o.CPUs, "cpus", 2, "of the machine")
	f.IntVar(&o.Memory, "memory", 0, "of the machine, MiB; 0: enough")
	f.StringVar(&o.Accel, "accel", "auto", "kvm, tcg (software emulation), or auto: kvm where it works")
	f.StringArrayVar(&o.Append, "qemu", nil, "one more argument for QEMU; may be repeated")
	return cmd
}

// spareFiles are the descriptors that a process needs beside its connections.
const spareFiles = 300

func manyCommand() *cobra.Command {
	var c common
	var each int
	cmd := &cobra.Command{
		Use:   "many",
		Short: "As many pushd processes, side by side on this machine",
		Long: `As many pushd processes side by side on this machine as its limit on open files
asks for, each with a client process of its own.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if each == 0 {
				var limit unix.Rlimit
				if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
					return fmt.Errorf("read RLIMIT_NOFILE: %w", err)
				}
				each = int(min(limit.Max, 1<<30)) - spareFiles
			}
			if each < 1 {
				return fmt.Errorf("%d connections for each process: must be at least 1", each)
			}
			c.Servers, c.Clients, c.Loops, c.Processors = (c.Connections+each-1)/each, 1, 1, 1
			commit, err := c.prepare(cmd.Context(), "many")
			if err != nil {
				return err
			}
			return c.logged(cmd.Context(), commit, func(ctx context.Context, j journal) (r *trial.Result, err error) {
				err = trial.Run(ctx, c.Config, j.tell, func(done *trial.Result) error { r = done; return nil })
				return r, err
			})
		},
	}
	f := cmd.Flags()
	c.register(f, 16, 2000)
	f.IntVar(&each, "each", 0, "connections for each server; 0: what the limit on open files allows")
	return cmd
}
