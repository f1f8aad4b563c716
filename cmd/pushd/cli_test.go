package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"pushd/internal/testbuild"
)

// binary is the program, built once for all tests that run it as a process.
var binary string

func TestMain(m *testing.M) {
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "pushd-test")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if binary, err = testbuild.Server(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return code
}

// result is what a process left behind.
type result struct {
	code           int
	stdout, stderr string
}

// runIn runs the program in a directory with only the given environment.
func runIn(t *testing.T, dir string, env []string, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &stdout, &stderr
	cmd.Env = slices.Concat([]string{"PATH=/usr/bin:/bin"}, testbuild.Environment(), env)
	err := cmd.Run()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

func TestCommandLine(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"good.yaml": "heartbeat: 30s\nadmin-key: hunter2\n",
		"typo.yaml": "hartbeat: 30s\n",
		"open.key":  strings.Repeat("k", 40),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name   string
		env    []string
		args   string
		code   int
		stdout []string
		stderr []string
	}{
		{"no command", nil, "", 0, []string{"./pushd serve --dev", "Available Commands"}, nil},
		{"help", nil, "--help", 0, []string{"./pushd token --user alice"}, nil},
		{"help of serve", nil, "serve --help", 0, []string{"--heartbeat duration", "(default 60s)", "Examples:"}, nil},
		{"help of token", nil, "token --help", 0, []string{"--user", "Examples:"}, nil},
		{"version", nil, "version", 0, []string{"pushd ", "go1."}, nil},
		{"completion", nil, "completion bash", 0, []string{"__start_pushd"}, nil},
		{"words of an option complete", nil, "__complete serve --auth.mode=", 0, []string{"token\nopen\n"}, nil},
		{"unknown command", nil, "serv", 2, nil, []string{`unknown command "serv"`, "did you mean pushd serve?"}},
		{"unknown command below another", nil, "config chekc", 2, nil, []string{"did you mean pushd config check?"}},
		{"unknown flag", nil, "serve --hartbeat 5s", 2, nil, []string{"unknown flag --hartbeat", "--heartbeat?"}},
		{"unknown flag with a secret", nil, "serve --admin-kye=hunter2", 2, nil, []string{"--admin-key?"}},
		{"flag without value", nil, "serve --heartbeat", 2, nil, []string{"--heartbeat"}},
		{"stray word", nil, "serve now", 2, nil, []string{"takes no arguments", `"now"`}},
		{"bad flag", nil, "serve --heartbeat 5", 2, nil, []string{"heartbeat (flag --heartbeat)", `"5"`}},
		{"bad variable", []string{"PUSHD_LOOPS=x"}, "serve", 2, nil, []string{"loops (environment PUSHD_LOOPS)"}},
		{"unknown variable", []string{"PUSHD_LOOP=1"}, "config check", 2, nil, []string{"did you mean PUSHD_LOOPS?"}},
		{"unknown key", nil, "config check --config typo.yaml", 2, nil, []string{"typo.yaml:1", "did you mean heartbeat?"}},
		{"contradiction", nil, "serve --admin-listen :8090", 2, nil, []string{"admin-listen", "pushd keys api"}},
		{"open key file", nil, "config check --auth.jwt.key @open.key", 2, nil, []string{"auth.jwt.key", "chmod 600 open.key"}},
		{"accounts' key in no file", nil, "config check --accounts.key @nosuch", 2, nil, []string{"accounts.key", "nosuch"}},
		{"secret of hooks in no file", nil, "config check --hooks.url http://127.0.0.1:1/ --hooks.secret @nosuch", 2, nil, []string{"hooks.secret", "nosuch"}},
		{"secret of phones that is none", nil, "config check --offline.gateway http://127.0.0.1:1/ --offline.secret x", 2, nil, []string{"offline.gateway", "whsec_"}},
		{"a database in no directory", nil, "config check --store sqlite:nosuch/x.db", 2, nil, []string{"store", "nosuch"}},
		{"a database that is away is not asked", nil, "config check --store postgres://nobody@127.0.0.1:1/none", 0, nil, nil},
		{"short key of accounts", nil, "config check --accounts.key short", 2, nil, []string{"accounts.key", "32"}},
		{"files' key in no file", nil, "config check --files.key @nosuch", 2, nil, []string{"files.key", "nosuch"}},
		{"neither matters without a database", nil, "config check --store none --accounts.key @nosuch --files.key @nosuch", 0, nil, nil},
		{"file that is no key set", nil, "config check --auth.jwt.jwks good.yaml", 2, nil, []string{"auth.jwt.jwks", "good.yaml"}},
		{"key set of another algorithm is not either", nil, "config check --auth.jwt.jwks http://127.0.0.1:1/keys --auth.jwt.algorithm RS256", 0, nil, nil},
		{"key set behind an address is not fetched", nil, "config check --auth.jwt.jwks http://127.0.0.1:1/keys", 0, []string{"http://127.0.0.1:1/keys"}, nil},
		{
			"check shows sources",
			[]string{"PUSHD_LOOPS=2"},
			"config check --config good.yaml --workers 3", 0,
			[]string{"good.yaml:1", "environment PUSHD_LOOPS", "flag --workers", "[redacted]"},
			nil,
		},
		{"check names the file from the environment", []string{"PUSHD_CONFIG=good.yaml"}, "config check", 0, []string{"30s"}, nil},
		{"check under --dev", nil, "config check --dev", 0, []string{"default of --dev"}, []string{"warning: development mode"}},
		{"default", nil, "config default", 0, []string{"#heartbeat: 60s"}, nil},
		{"reference", nil, "config reference", 0, []string{"### `heartbeat`"}, nil},
		{"pair without files", nil, "keys jwt --algorithm ES256", 2, nil, []string{"--out"}},
		{"unknown algorithm", nil, "keys jwt --algorithm none", 2, nil, []string{"HS256, RS256, ES256, EdDSA"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := runIn(t, dir, c.env, strings.Fields(c.args)...)
			if got.code != c.code {
				t.Errorf("exit code %d, want %d", got.code, c.code)
			}
			for _, part := range c.stdout {
				if !strings.Contains(got.stdout, part) {
					t.Errorf("standard output lacks %q", part)
				}
			}
			for _, part := range c.stderr {
				if !strings.Contains(got.stderr, part) {
					t.Errorf("standard error lacks %q", part)
				}
			}
			if c.code != 0 && got.stdout != "" {
				t.Error("a failure wrote to standard output")
			}
			if strings.Contains(got.stdout+got.stderr, "hunter2") {
				t.Error("the admin key is shown")
			}
			if t.Failed() {
				t.Logf("standard output:\n%s\nstandard error:\n%s", got.stdout, got.stderr)
			}
		})
	}
	if _, err := os.Stat(filepath.Join(dir, "data")); err == nil {
		t.Error("config check made the data directory")
	}
}

func TestVersionJSON(t *testing.T) {
	got := runIn(t, t.TempDir(), nil, "version", "--json")
	var b buildInfo
	if err := json.Unmarshal([]byte(got.stdout), &b); err != nil || b.Version == "" || b.Go == "" {
		t.Errorf("%q: %+v, %v", got.stdout, b, err)
	}
}

func TestKeysCommand(t *testing.T) {
	dir := t.TempDir()
	one, two := runIn(t, dir, nil, "keys", "api"), runIn(t, dir, nil, "keys", "jwt")
	if len(strings.TrimSpace(one.stdout)) != 43 || len(strings.TrimSpace(two.stdout)) != 43 || one.stdout == two.stdout {
		t.Errorf("keys %q and %q", one.stdout, two.stdout)
	}
	for _, algorithm := range []string{"RS256", "ES256", "EdDSA"} {
		t.Run(algorithm, func(t *testing.T) {
			out := strings.ToLower(algorithm)
			if got := runIn(t, dir, nil, "keys", "jwt", "--algorithm", algorithm, "--out", out); got.code != 0 || got.stdout != out+".pem\n"+out+".pub.pem\n" {
				t.Fatalf("%+v", got)
			}
			if info, err := os.Stat(filepath.Join(dir, out+".pem")); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("private key: %v, %v", info, err)
			}
			if got := runIn(t, dir, nil, "config", "check", "--auth.jwt.algorithm", algorithm, "--auth.jwt.key", "@"+out+".pub.pem"); got.code != 0 {
				t.Errorf("the public key is refused: %s", got.stderr)
			}
			before, _ := os.ReadFile(filepath.Join(dir, out+".pem"))
			if got := runIn(t, dir, nil, "keys", "jwt", "--algorithm", algorithm, "--out", out); got.code != 1 || !strings.Contains(got.stderr, "file exists") {
				t.Errorf("an existing key: %+v", got)
			}
			if after, _ := os.ReadFile(filepath.Join(dir, out+".pem")); !bytes.Equal(before, after) {
				t.Error("an existing key was replaced")
			}
		})
	}
}

// TestConfigCheckIsSilent: the backend that a configuration names hears nothing from
// a check of it, or it would believe that the running server of that name has stopped.
func TestConfigCheckIsSilent(t *testing.T) {
	var heard atomic.Int64
	backend := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { heard.Add(1) }))
	defer backend.Close()
	r := runIn(t, t.TempDir(), nil, "config", "check", "--hooks.url", backend.URL+"/hooks",
		"--offline.gateway", backend.URL+"/push")
	if r.code != 0 || heard.Load() > 0 {
		t.Errorf("exit status %d, %d requests: %s", r.code, heard.Load(), r.stderr)
	}
}

// TestConfigCheckReadsGeneratedKeys: keys that an earlier start generated are held to
// what serve asks of them.
func TestConfigCheckReadsGeneratedKeys(t *testing.T) {
	for _, file := range []string{"accounts.key", "files.key", "jwt.key"} {
		t.Run(file, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, file), []byte("short"), 0o600); err != nil {
				t.Fatal(err)
			}
			r := runIn(t, dir, nil, "config", "check", "--data-dir", ".")
			if r.code != 2 || !strings.Contains(r.stderr, strings.TrimSuffix(file, ".key")) {
				t.Errorf("exit status %d: %s", r.code, r.stderr)
			}
		})
	}
}
