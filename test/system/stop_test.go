package system

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"pushd/internal/testwait"
	"pushd/test/internal/serverproc"
)

// TestStop ends a server with 300 clients: it says that it isn't ready before
// the last of them is told when to come back, takes no more, and exits with 0.
func TestStop(t *testing.T) {
	s := dev(t, "--drain", "3s")
	const clients = 300
	conns := make([]*client, clients)
	for i := range conns {
		conns[i] = s.login(fmt.Sprintf("user-%d", i), "web")
	}
	if status, _ := s.api("/readyz", ""); status != http.StatusOK {
		t.Fatal("not ready before:", status)
	}
	s.Signal(t, syscall.SIGTERM)

	// The last to be closed sees a server that isn't ready, takes nobody, and
	// still answers backends.
	var wg sync.WaitGroup
	waits := make(chan int, clients)
	for _, c := range conns {
		wg.Go(func() {
			var reason struct {
				Wait int `json:"reconnect_after_ms"`
			}
			defer func() { waits <- reason.Wait }() // also when c fails the test
			if err := json.Unmarshal([]byte(c.closed(1012)), &reason); err != nil || reason.Wait <= 0 {
				t.Errorf("%v: %+v", err, reason)
			}
			c.write("\x88\x82\x00\x00\x00\x00\x03\xf4")
			c.Close()
		})
	}
	first := <-waits
	if status, _, err := s.tryAPI("/readyz", ""); err != nil || status != http.StatusServiceUnavailable {
		t.Errorf("/readyz once the first is closed: %d %v", status, err)
	}
	if conn, err := net.Dial("tcp", s.Listen); err == nil {
		_ = conn.SetDeadline(time.Now().Add(testwait.Patience))
		_, _ = io.WriteString(conn, handshake("/ws"))
		if head, _ := io.ReadAll(io.LimitReader(conn, 12)); string(head) == "HTTP/1.1 101" {
			t.Error("a draining server takes new connections")
		}
		conn.Close()
	}
	wg.Wait()
	close(waits)
	different := map[int]bool{first: true}
	for wait := range waits {
		different[wait] = true
	}
	if len(different) < clients/10 {
		t.Errorf("only %d different times to come back at", len(different))
	}
	if err := s.Wait(t); err != nil {
		t.Error("exit:", err)
	}
}

// TestStopAtOnce: a second signal ends a server that is told to drain for long.
func TestStopAtOnce(t *testing.T) {
	s := &server{serverproc.StartWith(t, serverproc.Options{Fails: true}, "--dev", "--drain", "1h"), t, "dev"}
	var conns []*client
	for i := range 300 {
		conns = append(conns, s.login(fmt.Sprintf("user-%d", i), "web"))
	}
	s.Signal(t, syscall.SIGTERM)
	testwait.Equal(t, "the status of /readyz", http.StatusServiceUnavailable, func() int {
		status, _, err := s.tryAPI("/readyz", "")
		if err != nil {
			return 0
		}
		return status
	})
	s.Signal(t, syscall.SIGTERM)
	var exit *exec.ExitError
	if err := s.Wait(t); !errors.As(err, &exit) {
		t.Errorf("it ended with %v, want the second signal", err)
	}
	for _, c := range conns {
		c.Close()
	}
}
