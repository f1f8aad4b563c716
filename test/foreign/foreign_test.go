// Package foreign lets clients that are not ours talk to the built server:
// Debian's python3-websockets and npm's ws. What they expect is written in
// client.py and client.mjs, from docs/protocol.md and nothing else.
package foreign

import (
	"bufio"
	"context"
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

	"github.com/golang-jwt/jwt/v5"
)

// patience bounds what is waited for. It is never what a test measures.
const patience = 2 * time.Minute

// python is Debian's own: a python3 from elsewhere, first in the path, doesn't
// see Debian's packages.
const python = "/usr/bin/python3"

const secret = "a-secret-of-the-tests-and-of-nothing-else"

func TestOpenMode(t *testing.T) {
	server := start(t, "--dev")
	for _, client := range clients(t) {
		t.Run(client[0], func(t *testing.T) {
			run(t, client, "open", "ws://"+server.Listen+"/ws", "http://"+server.Admin, "dev")
		})
	}
}

func TestTokenMode(t *testing.T) {
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.RegisteredClaims{
		Subject:   "tess",
		IssuedAt:  jwt.NewNumericDate(time.Now()),
		ExpiresAt: jwt.NewNumericDate(time.Now().Add(time.Hour)),
	}).SignedString([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	server := start(t, "--auth.mode", "token", "--auth.jwt.key", secret, "--admin-key", "tests")
	for _, client := range clients(t) {
		t.Run(client[0], func(t *testing.T) {
			run(t, client, "token", "ws://"+server.Listen+"/ws", token)
		})
	}
}

// clients are the commands of the foreign clients. Missing ones are a failure:
// a test that didn't run says nothing.
func clients(t *testing.T) [][]string {
	t.Helper()
	const cure = "run scripts/test-deps.sh, which `make test` does"
	if out, err := exec.Command(python, "-c", "import websockets").CombinedOutput(); err != nil {
		t.Fatalf("python3-websockets is missing (%v: %s): %s", err, out, cure)
	}
	if _, err := exec.LookPath("node"); err != nil {
		t.Fatalf("%v: %s", err, cure)
	}
	if _, err := os.Stat(filepath.Join("node_modules", "ws", "package.json")); err != nil {
		t.Fatalf("npm's ws is missing (%v): %s", err, cure)
	}
	return [][]string{{python, "client.py"}, {"node", "client.mjs"}}
}

func run(t *testing.T, client []string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	args = append(client[1:len(client):len(client)], args...)
	out, err := exec.CommandContext(ctx, client[0], args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", client[0], err, out)
	}
	t.Logf("%s", out)
}

// ready is the server's log line with the addresses that it really listens on.
type ready struct {
	Msg    string `json:"msg"`
	Listen string `json:"listen"`
	Admin  string `json:"admin"`
}

// buildDir is where the server is built, once for all tests of this package.
var buildDir string

var build = sync.OnceValues(func() (string, error) {
	path := filepath.Join(buildDir, "pushd")
	if out, err := exec.Command("go", "build", "-o", path, "pushd/cmd/pushd").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w: %s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "pushd-foreign")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	buildDir = dir
	status := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(status)
}

// start runs the server on free ports until the test ends, when it must leave
// in good order on SIGTERM.
func start(t *testing.T, flags ...string) ready {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	server := exec.Command(path, append([]string{"serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"}, flags...)...)
	server.Dir = t.TempDir()
	for _, setting := range os.Environ() { // the caller's PUSHD_… are not ours
		if !strings.HasPrefix(setting, "PUSHD_") {
			server.Env = append(server.Env, setting)
		}
	}
	stderr, err := server.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	addresses := make(chan ready, 1)
	log := make(chan string, 1)
	go func() { log <- follow(stderr, addresses) }()
	t.Cleanup(func() { stop(t, server, log) })

	select {
	case r, ok := <-addresses:
		if !ok {
			t.Fatal("the server ended its log before it was ready")
		}
		return r
	case <-time.After(patience):
		t.Fatal("no ready line in the server's log")
	}
	return ready{}
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

func stop(t *testing.T, server *exec.Cmd, log <-chan string) {
	t.Helper()
	if err := server.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("SIGTERM: %v", err)
	}
	killer := time.AfterFunc(patience, func() { _ = server.Process.Kill() })
	defer killer.Stop()
	text := <-log // Wait closes the pipe, so the log is read to its end first
	if err := server.Wait(); err != nil {
		t.Errorf("the server after SIGTERM: %v", err)
	}
	if t.Failed() {
		t.Logf("the server's log:\n%s", text)
	}
}
