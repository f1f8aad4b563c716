// Package foreign lets clients that are not ours talk to the built server:
// Debian's python3-websockets and npm's ws. What they expect is written in
// client.py and client.mjs, from docs/protocol.md and nothing else.
package foreign

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"pushd/internal/testwait"
	"pushd/test/internal/serverproc"
)

// python is Debian's own: a python3 from elsewhere, first in the path, doesn't
// see Debian's packages.
const python = "/usr/bin/python3"

const secret = "a-secret-of-the-tests-and-of-nothing-else"

func TestMain(m *testing.M) { os.Exit(serverproc.Main(m)) }

func TestOpenMode(t *testing.T) {
	server := serverproc.Start(t, "--dev")
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
	server := serverproc.Start(t, "--auth.mode", "token", "--auth.jwt.key", secret, "--admin-key", "tests")
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
	ctx, cancel := context.WithTimeout(context.Background(), testwait.Patience)
	defer cancel()
	args = append(client[1:len(client):len(client)], args...)
	out, err := exec.CommandContext(ctx, client[0], args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", client[0], err, out)
	}
	t.Logf("%s", out)
}
