package trial

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"sync"
	"time"

	"pushd/bench/internal/process"
	"pushd/bench/million/internal/clients"
)

const (
	adminKey = "million-trial-key"
	// startTimeout is long because an emulated processor links and starts slowly.
	startTimeout = 2 * time.Minute
	stopTimeout  = 20 * time.Second
)

// startServer starts pushd and waits until it is ready.
func (t *trial) startServer(ctx context.Context) (*process.Server, error) {
	return process.StartServer(ctx, process.ServerOptions{
		Name: "server", AdminKey: adminKey, ReadyIn: startTimeout, StopIn: stopTimeout, Launch: t.launch,
		Command: func(listen, admin string) *exec.Cmd {
			return t.command(t.cfg.Pushd, "serve", "--dev", "--listen", listen, "--admin-listen", admin, "--admin-key", adminKey,
				// Without a database: a million users would each become a row of it.
				"--data-dir", t.dir, "--rate.messages", "0", "--store", "none",
				// A connection that says nothing for three of its client's intervals is dead, emulated or not.
				"--heartbeat", (3 * t.cfg.Heartbeat).String(),
				"--login-timeout", t.cfg.Patience.String(), "--handshake-timeout", t.cfg.Patience.String(),
				"--write-timeout", t.cfg.Patience.String(), "--loops", strconv.Itoa(t.cfg.Loops), "--drain", "0s")
		},
	})
}

// command is a program with its share of the processors.
func (t *trial) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	cmd.Env = append(cmd.Environ(), t.cfg.environment()...)
	return cmd
}

// client is one client process and what it last said.
type client struct {
	name    string
	count   int
	process *process.Process
	stdin   io.WriteCloser

	mu     sync.Mutex
	status clients.Status // guarded by mu
}

func (t *trial) startClient(s *process.Server, name string, count int) (*client, error) {
	c := &client{name: name, count: count}
	cmd := t.command(t.cfg.Self, "client",
		"--server", s.Listen, "--name", name, "--count", strconv.Itoa(count), "--run", strconv.FormatInt(t.run, 10),
		"--heartbeat", t.cfg.Heartbeat.String(), "--window", strconv.Itoa(t.cfg.Window), "--patience", t.cfg.Patience.String())
	var err error
	if c.stdin, err = cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start client: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start client: %w", err)
	}
	c.process, err = process.Start(cmd, process.Options{Launch: t.launch, Read: func() { c.listen(out) }})
	if err != nil {
		return nil, fmt.Errorf("start client: %w", err)
	}
	return c, nil
}

// listen takes the statuses until the client ends.
func (c *client) listen(out io.Reader) {
	lines := json.NewDecoder(out)
	for {
		var s clients.Status
		if lines.Decode(&s) != nil {
			return
		}
		c.mu.Lock()
		c.status = s
		c.mu.Unlock()
	}
}

func (c *client) last() clients.Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status
}

func (c *client) stop() { c.process.Stop(stopTimeout, c.stdin.Close) }

// launch starts a process on a thread that stays: the kernel sends Pdeathsig
// when the thread that started the process ends, not when the program does.
func (t *trial) launch(start func() error) error {
	done := make(chan error)
	t.starts <- func() { done <- start() }
	return <-done
}
