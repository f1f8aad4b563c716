package system

import (
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pushd/internal/testwait"
	"pushd/test/internal/serverproc"
)

// TestDescriptorsRunOut dials a server that may open 1,024 files 5,000 times.
// However max-connections is set, it must not spin, its admin listener must
// answer, those connected are served, and it takes new ones once there is room.
func TestDescriptorsRunOut(t *testing.T) {
	for _, c := range []struct {
		name, request, let string
		flags              []string
	}{
		{"by default", handshake("/ws"), "101", nil},
		{"max-connections too high", handshake("/ws"), "101", []string{"--max-connections", "1000000"}},
		// What is no WebSocket is kept open by another part of the server.
		{"HTTP", "GET /healthz HTTP/1.1\r\nHost: push.test\r\n\r\n", "200", nil},
		{"silent", "", "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := &server{serverproc.StartWith(t, serverproc.Options{Shell: "ulimit -n 1024"}, append([]string{"--dev", "--login-timeout", "1h", "--handshake-timeout", "10m"}, c.flags...)...), t, "dev"}
			if s.Listen == "" {
				t.Fatal(s.Log())
			}
			first := s.login("first", "web")
			before := s.descriptors()

			conns, let := storm(s, 5000, c.request, c.let)
			if let == 0 && c.let != "" {
				t.Error("nobody was let in")
			}
			busy := s.cpu()
			time.Sleep(time.Second)
			if used := s.cpu() - busy; used > 500*time.Millisecond {
				t.Errorf("%v of processor time in a second in which nothing happens", used)
			}
			for range 5 {
				if status, reply := s.api("/api/online", ""); status != http.StatusOK {
					t.Fatalf("admin: %d %s", status, reply)
				}
			}
			s.push("first", `{"still":"here"}`)
			if first.pushed()["still"] != "here" {
				t.Error("another push")
			}

			for _, c := range conns {
				c.Close()
			}
			testwait.Until(t, "room for descriptors", s.descriptors, func(now int) bool { return now <= before+8 })
			s.login("late", "web").ok("robot", "Ping", "")
			s.push("first", `{"and":"after"}`)
			if first.pushed()["and"] != "after" {
				t.Error("another push")
			}
			s.consistent()
		})
	}
}

// storm dials, sends the request on each connection, and counts those answered
// with the status that lets them in. All connections stay open.
func storm(s *server, dials int, request, let string) (conns []net.Conn, in int64) {
	s.t.Helper()
	var mu sync.Mutex
	var count atomic.Int64
	var wg sync.WaitGroup
	todo := make(chan struct{}, dials)
	for range dials {
		todo <- struct{}{}
	}
	close(todo)
	for range 16 {
		wg.Go(func() {
			for range todo {
				// The kernel may refuse or stall a dial too: that is the storm's
				// own affair.
				conn, err := net.DialTimeout("tcp", s.Listen, 5*time.Second)
				if err != nil {
					continue
				}
				mu.Lock()
				conns = append(conns, conn)
				mu.Unlock()
				_, _ = io.WriteString(conn, request)
				if let == "" {
					continue
				}
				_ = conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
				var head [12]byte
				if _, err := io.ReadFull(conn, head[:]); err == nil && string(head[9:]) == let {
					count.Add(1)
				}
			}
		})
	}
	wg.Wait()
	s.t.Cleanup(func() {
		for _, c := range conns {
			c.Close()
		}
	})
	return conns, count.Load()
}
