// Package serverproc builds the server and runs it as a process of its own, for
// tests that talk to it as strangers do. It knows of the server what a user
// knows: the flags, and the line that tells the addresses.
package serverproc

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"pushd/internal/testbuild"
	"pushd/internal/testwait"
)

// Options are what Start has no parameter for; the zero value changes nothing.
type Options struct {
	Env   []string // NAME=value, beside the caller's own without its PUSHD_…
	Shell string   // what a shell does before it becomes the server: "ulimit -n 1024"
	Fails bool     // the server may end as it likes; whoever starts it looks at Wait
}

// Server is a running server.
type Server struct {
	Listen, Admin string // the addresses that it really listens on

	fails   bool
	process *exec.Cmd
	log     *log
	ended   chan struct{} // closed once status and the whole log are there
	status  error         // of the process
	stop    sync.Once
}

var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "pushd-test")
	if err != nil {
		return "", err
	}
	path, err := testbuild.Server(dir)
	if err != nil {
		_ = os.RemoveAll(dir) // the build's error is the one to tell
	}
	return path, err
})

// Main builds the server, once for all tests of a package, runs them, and
// removes what was built. It is for TestMain, and returns the exit status.
func Main(m *testing.M) int {
	path, err := build()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	status := m.Run()
	if err := os.RemoveAll(filepath.Dir(path)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return status
}

// Command is the built program with other arguments than serve, in an
// environment without settings of the server.
func Command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = t.TempDir()
	cmd.Env = environment()
	return cmd
}

func environment() (env []string) {
	for _, setting := range os.Environ() { // the caller's PUSHD_… are not ours
		if !strings.HasPrefix(setting, "PUSHD_") {
			env = append(env, setting)
		}
	}
	return append(env, testbuild.Environment()...)
}

// Start runs the server on free ports, unless the flags say otherwise, until
// Stop or the end of the test.
func Start(t *testing.T, flags ...string) *Server {
	t.Helper()
	s := StartWith(t, Options{}, flags...)
	if s.Listen == "" {
		t.Fatalf("the server ended before it was ready:\n%s", s.Log())
	}
	return s
}

// StartWith is Start with options. When the server ends before it is ready, its
// addresses are empty.
func StartWith(t *testing.T, o Options, flags ...string) *Server {
	t.Helper()
	cmd := Command(t, append([]string{"serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--data-dir", t.TempDir()}, flags...)...)
	if o.Shell != "" {
		// exec: the process that is signalled and watched is the server itself.
		cmd.Args = append([]string{"sh", "-c", o.Shell + ` && exec "$@"`, "sh", cmd.Path}, cmd.Args[1:]...)
		shell, err := exec.LookPath("sh")
		if err != nil {
			t.Fatal(err)
		}
		cmd.Path = shell
	}
	cmd.Env = append(cmd.Env, o.Env...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &Server{fails: o.Fails, process: cmd, log: &log{}, ended: make(chan struct{})}
	addresses := make(chan ready, 1)
	go func() {
		defer close(s.ended)
		s.log.follow(stderr, addresses) // to its end before Wait, which closes the pipe
		s.status = cmd.Wait()
	}()
	t.Cleanup(func() { s.Stop(t) })

	select {
	case r := <-addresses:
		s.Listen, s.Admin = r.Listen, r.Admin
	case <-time.After(testwait.Patience):
		t.Fatal("no ready line in the server's log")
	}
	return s
}

// PID is the server's process id.
func (s *Server) PID() int { return s.process.Process.Pid }

// Log is what the server has logged so far.
func (s *Server) Log() string { return s.log.text() }

// Signal sends the server a signal.
func (s *Server) Signal(t *testing.T, signal syscall.Signal) {
	t.Helper()
	if err := s.process.Process.Signal(signal); err != nil {
		t.Fatalf("%v: %v", signal, err)
	}
}

// Wait waits for the server to end and returns its exit status as os/exec does.
func (s *Server) Wait(t *testing.T) error {
	t.Helper()
	select {
	case <-s.ended:
	case <-time.After(testwait.Patience):
		t.Fatalf("the server didn't end; its log:\n%s", s.Log())
	}
	return s.status
}

// Stop ends the server with SIGTERM, which it must obey in good order. A second
// call does nothing.
func (s *Server) Stop(t *testing.T) {
	t.Helper()
	s.stop.Do(func() {
		if err := s.process.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("SIGTERM: %v", err)
		}
		killer := time.AfterFunc(testwait.Patience, func() { _ = s.process.Process.Kill() })
		defer killer.Stop()
		<-s.ended
		if s.status != nil && !s.fails {
			t.Errorf("the server after SIGTERM: %v", s.status)
		}
		if t.Failed() {
			t.Logf("the server's log:\n%s", s.Log())
		}
	})
}

// ready is the server's log line with its addresses.
type ready struct {
	Msg    string `json:"msg"`
	Listen string `json:"listen"`
	Admin  string `json:"admin"`
}

// log is what the server writes, as it writes it.
type log struct {
	mu   sync.Mutex
	said strings.Builder // guarded by mu
}

func (l *log) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.said.String()
}

// follow reads the log to its end, so that the server never blocks on it. The
// ready line goes to addresses, or nothing does and it is closed.
func (l *log) follow(stderr io.Reader, addresses chan<- ready) {
	defer close(addresses)
	seen := false
	for lines := bufio.NewReader(stderr); ; {
		line, err := lines.ReadString('\n')
		l.mu.Lock()
		l.said.WriteString(line)
		l.mu.Unlock()
		var r ready
		if !seen && json.Unmarshal([]byte(line), &r) == nil && r.Msg == "ready" {
			seen = true
			addresses <- r
		}
		if err != nil {
			return
		}
	}
}
