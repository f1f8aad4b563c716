package trial

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"

	"pushd/bench/internal/admin"
	"pushd/bench/internal/process"
	"pushd/bench/million/internal/crowd"
)

// server is one pushd process.
type server struct {
	cmd    *exec.Cmd
	listen string // host:port of the public listener
	base   string // URL of the admin API
	admin  *admin.Client
	log    *process.Tail
	ended  chan struct{}
}

const (
	adminKey = "million-trial-key"
	// startTimeout is long because an emulated processor links and starts slowly.
	startTimeout = 2 * time.Minute
	stopTimeout  = 20 * time.Second
)

// startServer starts pushd on two free ports and waits until it is ready.
func (t *trial) startServer(ctx context.Context) (*server, error) {
	ports, err := process.FreePorts(2)
	if err != nil {
		return nil, err
	}
	s := &server{
		listen: ports[0], base: "http://" + ports[1], log: &process.Tail{}, ended: make(chan struct{}),
		cmd: exec.Command(t.cfg.Pushd, "serve", "--dev", "--listen", ports[0], "--admin-listen", ports[1], "--admin-key", adminKey,
			// Without a database: a million users would each become a row of it.
			"--data-dir", t.dir, "--rate.messages", "0", "--store", "none",
			// A connection that says nothing for three of its client's intervals is dead, emulated or not.
			"--heartbeat", (3 * t.cfg.Heartbeat).String(),
			"--login-timeout", t.cfg.Patience.String(), "--handshake-timeout", t.cfg.Patience.String(),
			"--write-timeout", t.cfg.Patience.String(), "--loops", strconv.Itoa(t.cfg.Loops), "--drain", "0s"),
	}
	s.cmd.Stderr = s.log
	s.cmd.Env = append(os.Environ(), t.cfg.environment()...)
	// A server must not outlive this program, whichever way it ends.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if s.admin, err = admin.New(s.base, adminKey); err != nil {
		return nil, err
	}
	if err := t.start(s.cmd); err != nil {
		return nil, fmt.Errorf("start server: %w", err)
	}
	go func() {
		defer close(s.ended)
		_ = s.cmd.Wait() // how it ended matters only when it ends early, and then its log says why
	}()
	if err := s.ready(ctx); err != nil {
		s.stop()
		return nil, fmt.Errorf("start server: %w\n%s", err, s.log)
	}
	return s, nil
}

func (s *server) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		if _, err := s.call(ctx, http.MethodGet, "/readyz", nil); err == nil {
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-s.ended:
			return errors.New("it ended at once")
		case <-ctx.Done():
			return fmt.Errorf("not ready in %v: %w", startTimeout, ctx.Err())
		}
	}
}

func (s *server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(stopTimeout):
		_ = s.cmd.Process.Kill()
		<-s.ended
	}
	s.admin.Close()
}

// maxReply bounds an answer of the admin API.
const maxReply = 1 << 20

// call makes a request that package admin has no method for.
func (s *server) call(ctx context.Context, method, path string, body any) ([]byte, error) {
	var b []byte
	var err error
	if body != nil {
		if b, err = json.Marshal(body); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, s.base+path, bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	req.Header.Set("Authorization", "Bearer "+adminKey)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	defer resp.Body.Close()
	reply, err := io.ReadAll(io.LimitReader(resp.Body, maxReply))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s: %.200s", path, resp.Status, reply)
	}
	return reply, nil
}

// client is one crowd process and what it last said.
type client struct {
	name  string
	count int
	cmd   *exec.Cmd
	stdin io.WriteCloser
	log   *process.Tail
	ended chan struct{}

	mu     sync.Mutex
	status crowd.Status // guarded by mu
}

func (t *trial) startClient(s *server, name string, count int) (*client, error) {
	c := &client{name: name, count: count, log: &process.Tail{}, ended: make(chan struct{}), cmd: exec.Command(t.cfg.Self, "client",
		"--server", s.listen, "--name", name, "--count", strconv.Itoa(count), "--run", strconv.FormatInt(t.run, 10),
		"--heartbeat", t.cfg.Heartbeat.String(), "--window", strconv.Itoa(t.cfg.Window), "--patience", t.cfg.Patience.String())}
	c.cmd.Stderr = c.log
	c.cmd.Env = append(os.Environ(), t.cfg.environment()...)
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var err error
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start client: %w", err)
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start client: %w", err)
	}
	if err := t.start(c.cmd); err != nil {
		return nil, fmt.Errorf("start client: %w", err)
	}
	go func() {
		defer close(c.ended)
		c.listen(out)
		_ = c.cmd.Wait() // as for the server
	}()
	return c, nil
}

// listen takes the statuses until the client ends.
func (c *client) listen(out io.Reader) {
	lines := json.NewDecoder(out)
	for {
		var s crowd.Status
		if lines.Decode(&s) != nil {
			return
		}
		c.mu.Lock()
		c.status = s
		c.mu.Unlock()
	}
}

func (c *client) last() crowd.Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status
}

func (c *client) stop() {
	_ = c.stdin.Close()
	select {
	case <-c.ended:
	case <-time.After(stopTimeout):
		_ = c.cmd.Process.Kill()
		<-c.ended
	}
}

// start starts a process on a thread that stays: the kernel sends Pdeathsig
// when the thread that started the process ends, not when the program does.
func (t *trial) start(cmd *exec.Cmd) error {
	done := make(chan error)
	t.starts <- func() { done <- cmd.Start() }
	return <-done
}
