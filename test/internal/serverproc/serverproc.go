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
)

// Patience bounds what tests wait for. It is never what a test measures.
const Patience = time.Minute

// Server is a running server.
type Server struct {
	Listen, Admin string // the addresses that it really listens on

	process *exec.Cmd
	log     <-chan string // all that it logged, once it has ended
	stopped bool
}

var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "pushd-test")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "pushd")
	if out, err := exec.Command("go", "build", "-o", path, "pushd/cmd/pushd").CombinedOutput(); err != nil {
		_ = os.RemoveAll(dir) // the build's error is the one to tell
		return "", fmt.Errorf("go build: %w: %s", err, out)
	}
	return path, nil
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

// Start runs the server on free ports, unless the flags say otherwise, until
// Stop or the end of the test.
func Start(t *testing.T, flags ...string) *Server {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--data-dir", t.TempDir()}
	s := &Server{process: exec.Command(path, append(args, flags...)...)}
	s.process.Dir = t.TempDir()
	for _, setting := range os.Environ() { // the caller's PUSHD_… are not ours
		if !strings.HasPrefix(setting, "PUSHD_") {
			s.process.Env = append(s.process.Env, setting)
		}
	}
	stderr, err := s.process.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	addresses := make(chan ready, 1)
	log := make(chan string, 1)
	s.log = log
	go func() { log <- follow(stderr, addresses) }()
	t.Cleanup(func() { s.Stop(t) })

	select {
	case r, ok := <-addresses:
		if !ok {
			t.Fatal("the server ended its log before it was ready")
		}
		s.Listen, s.Admin = r.Listen, r.Admin
	case <-time.After(Patience):
		t.Fatal("no ready line in the server's log")
	}
	return s
}

// Stop ends the server with SIGTERM, which it must obey in good order. A second
// call does nothing.
func (s *Server) Stop(t *testing.T) {
	t.Helper()
	if s.stopped {
		return
	}
	s.stopped = true
	if err := s.process.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("SIGTERM: %v", err)
	}
	killer := time.AfterFunc(Patience, func() { _ = s.process.Process.Kill() })
	defer killer.Stop()
	text := <-s.log // Wait closes the pipe, so the log is read to its end first
	if err := s.process.Wait(); err != nil {
		t.Errorf("the server after SIGTERM: %v", err)
	}
	if t.Failed() {
		t.Logf("the end of the server's log:\n%s", text[max(0, len(text)-8<<10):])
	}
}

// ready is the server's log line with its addresses.
type ready struct {
	Msg    string `json:"msg"`
	Listen string `json:"listen"`
	Admin  string `json:"admin"`
}

// follow reads the log to its end, so that the server never blocks on it, and
// returns it. The ready line goes to addresses, which is closed in any case.
func follow(stderr io.Reader, addresses chan<- ready) string {
	defer close(addresses)
	var log strings.Builder
	seen := false
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		log.Write(append(lines.Bytes(), '\n'))
		var r ready
		if !seen && json.Unmarshal(lines.Bytes(), &r) == nil && r.Msg == "ready" {
			seen = true
			addresses <- r
		}
	}
	return log.String()
}
