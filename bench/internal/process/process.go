// Package process builds, starts, watches and ends the programs that a
// measurement runs: servers, and clients in processes of their own. It knows
// nothing of what is measured.
package process

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Process is a program that a measurement started.
type Process struct {
	cmd   *exec.Cmd
	log   Tail
	ended chan struct{} // closed when the process is gone
}

// Options are what differs from one process to the next; the zero value works.
type Options struct {
	// Launch calls start on the thread that the process is to be started by, whose
	// processors it inherits; nil: on any.
	Launch func(start func() error) error
	// Read reads what the process prints until that ends; nil: nobody asked for a pipe.
	Read func()
}

// Start starts cmd and keeps the end of what it logs to its standard error.
func Start(cmd *exec.Cmd, o Options) (*Process, error) {
	p := &Process{cmd: cmd, ended: make(chan struct{})}
	cmd.Stderr = &p.log
	cmd.WaitDelay = time.Second // for a child of its own that holds the log open
	dieWithParent(cmd)
	launch := o.Launch
	if launch == nil {
		launch = func(start func() error) error { return start() }
	}
	if err := launch(cmd.Start); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.ended)
		if o.Read != nil {
			o.Read() // to its end before Wait, which closes the pipe
		}
		_ = cmd.Wait() // how it ended matters only when it ends early, and then Err tells it
	}()
	return p, nil
}

// dieWithParent is for whatever a measurement starts: nothing of it must outlive
// this program, whichever way it ends.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// PID is the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Log is the end of what the process has logged.
func (p *Process) Log() string { return p.log.String() }

// Err is nil while the process runs; then it says how it ended, with its log.
func (p *Process) Err() error {
	select {
	case <-p.ended:
		return fmt.Errorf("%v\n%s", p.cmd.ProcessState, &p.log)
	default:
		return nil
	}
}

// WaitReady asks until the process answers without an error, ends, or has had
// the patience.
func (p *Process) WaitReady(ctx context.Context, patience time.Duration, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-p.ended:
			return errors.New("it ended at once")
		case <-ctx.Done():
			return fmt.Errorf("not ready in %v: %w, the last time: %w", patience, ctx.Err(), err)
		}
	}
}

// Terminate asks the process to end, for Stop.
func (p *Process) Terminate() error { return p.cmd.Process.Signal(syscall.SIGTERM) }

// Stop asks the process to end, and kills it when it has not within the patience.
func (p *Process) Stop(patience time.Duration, ask func() error) {
	_ = ask() // it fails when the process has ended already
	select {
	case <-p.ended:
	case <-time.After(patience):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// Run runs a client to its end, or interrupts it when ctx ends and gives it the
// patience to sum up. It returns the end of its log.
func Run(ctx context.Context, patience time.Duration, program string, args ...string) (log string, err error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = patience
	dieWithParent(cmd)
	tail := &Tail{}
	cmd.Stderr = tail
	err = cmd.Run()
	return tail.String(), err
}

// Source is a program in the source tree.
type Source struct {
	Dir     string // of its module; "": the current directory
	Package string
	Flags   []string // for go build
	Env     []string // NAME=value, beside the caller's own
}

// Build compiles the program into the file output.
func (s Source) Build(ctx context.Context, output string) error {
	cmd := exec.CommandContext(ctx, "go", append(append([]string{"build"}, s.Flags...), "-o", output, s.Package)...)
	cmd.Dir = s.Dir
	cmd.Env = append(cmd.Environ(), s.Env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s (run this at the top of the source tree): %w\n%s", filepath.Join(s.Dir, s.Package), err, out)
	}
	return nil
}
