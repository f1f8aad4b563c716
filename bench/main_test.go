package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"pushd/bench/internal/cli"
	"pushd/bench/internal/report"
	"pushd/internal/testwait"
)

// The test binary stands in for the programs that compare starts: itself as
// the client, and a peer.
func TestMain(m *testing.M) {
	if os.Getenv("PUSHBENCH_TEST") == "" {
		os.Exit(m.Run())
	}
	if os.Args[1] == "testpeer" {
		servePeer(os.Args[3], os.Args[5])
		return
	}
	main()
}

func servePeer(addr, adminAddr string) {
	var mu sync.Mutex
	conns := map[io.Writer]bool{}
	mux := http.NewServeMux()
	mux.HandleFunc("/ws", func(w http.ResponseWriter, r *http.Request) {
		conn, _, _, err := ws.UpgradeHTTP(r, w)
		if err != nil {
			return
		}
		defer conn.Close()
		mu.Lock()
		conns[conn] = true
		mu.Unlock()
		for {
			b, op, err := wsutil.ReadClientData(conn)
			mu.Lock()
			if err == nil {
				err = wsutil.WriteServerMessage(conn, op, b)
			}
			if err != nil {
				delete(conns, conn)
				mu.Unlock()
				return
			}
			mu.Unlock()
		}
	})
	admin := http.NewServeMux()
	admin.HandleFunc("/broadcast", func(_ http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		for conn := range conns {
			for line := range bytes.SplitSeq(b, []byte("\n")) {
				if err == nil {
					_ = wsutil.WriteServerText(conn, line)
				}
			}
		}
	})
	admin.HandleFunc("/readyz", func(http.ResponseWriter, *http.Request) {})
	admin.HandleFunc("/debug/pprof/", pprof.Index)
	go func() { _ = http.ListenAndServe(adminAddr, admin) }()
	_ = http.ListenAndServe(addr, mux)
}

func execute(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	cmd := command()
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

func TestCompareRunsEveryScenarioOnAPeer(t *testing.T) {
	t.Setenv("PUSHBENCH_TEST", "1")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "result")
	out, err := execute(t, "compare", "--quick", "--servers", "testpeer", "--peers", self, "--output", name)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"echo, messages per server CPU-second", "fan-out", "10 messages waiting", "among 19,000", "connections, with login", "heap objects"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	for _, ext := range []string{".json", ".md"} {
		if b, err := os.ReadFile(name + ext); err != nil || !strings.Contains(string(b), "testpeer") {
			t.Errorf("%s: %v", ext, err)
		}
	}
}

func TestCompareSaysWhyAServerDoesNotStart(t *testing.T) {
	_, err := execute(t, "compare", "--quick", "--servers", "none", "--peers", "/bin/false")
	if err == nil || !strings.Contains(err.Error(), "start none: it ended at once") {
		t.Errorf("%v", err)
	}
}

func TestFailedRunIsPrintedAndWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "r.json")
	out, err := execute(t, "idle", "-n", "3", "--url", "ws://127.0.0.1:1/", "--admin", "", "--token-hmac-key", strings.Repeat("s", 40),
		"--duration", "1ms", "--json", file, "--out", "none")
	if !errors.Is(err, cli.ErrNotOK) || !strings.Contains(out, "connection refused (3)") {
		t.Errorf("%v\n%s", err, out)
	}
	r, err := report.ReadFile(file)
	if err != nil || r.OK || r.Parameters["connections"] != "3" || r.Environment.Kernel == "" {
		t.Errorf("%+v, %v", r, err)
	}
	if b, err := os.ReadFile(file); err != nil || strings.Contains(string(b), "ssss") {
		t.Errorf("the token key is in the result; %v", err)
	}
}

func TestQuickRunsAndTheirReport(t *testing.T) {
	t.Setenv("PUSHBENCH_TEST", "1")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var addrs []string
	for range 2 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		addrs = append(addrs, l.Addr().String())
		l.Close()
	}
	server := exec.Command(self, "testpeer", "--listen", addrs[0], "--admin-listen", addrs[1])
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Wait() }()
	defer func() { _ = server.Process.Kill() }()
	testwait.Equal(t, "whether the peer takes connections", true, func() bool {
		conn, err := net.Dial("tcp", addrs[0])
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	dir := t.TempDir()
	files := []string{filepath.Join(dir, "before.json"), filepath.Join(dir, "after.json")}
	for _, file := range files {
		out, err := execute(t, "echo", "--quick", "-n", "20", "--bare", "--url", "ws://"+addrs[0]+"/ws", "--admin", "", "--json", file, "--out", "none")
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	if r, err := report.ReadFile(files[0]); err != nil || r.Parameters["duration"] != "1s" || r.Connections.Wanted != 20 {
		t.Errorf("%+v, %v", r, err)
	}
	page := filepath.Join(dir, "report.html")
	if out, err := execute(t, "report", "-o", page, files[0], files[1]); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if b, err := os.ReadFile(page); err != nil || !bytes.Contains(b, []byte("before, 99 %")) || !bytes.Contains(b, []byte("second / first")) {
		t.Errorf("%v\n%s", err, b)
	}
	if _, err := execute(t, "report", "-o", page, filepath.Join(dir, "none.json")); err == nil {
		t.Error("a file that isn't there is taken")
	}
}

func TestHelpNamesEveryScenario(t *testing.T) {
	out, err := execute(t, "--help")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"idle", "echo", "fanout", "push", "churn", "storm", "mixed", "compare", "report", "Exit status"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}
