package system

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"pushd/internal/testwait"
)

// TestTour is what the server is for: a user on two platforms is pushed to,
// counted, listed and kicked over HTTP.
func TestTour(t *testing.T) {
	s := dev(t, "--node", "tour")
	web, ios, bob := s.login("alice", "web"), s.login("alice", "3"), s.login("bob", "web")
	if r := s.push("alice", `{"text":"hi","big":9007199254740993}`); r.Sessions != 2 || r.Users != 1 || r.ID == "" {
		t.Errorf("%+v", r)
	}
	for _, c := range []*client{web, ios} {
		if _, b := c.read(); string(b) != `{"Module":"push","Action":"Message","Data":{"text":"hi","big":9007199254740993}}` {
			t.Errorf("%s", b)
		}
	}
	if r := s.push("carol", `{}`); r.Sessions != 0 || len(r.Offline) != 1 || r.Offline[0] != "carol" {
		t.Errorf("%+v", r)
	}
	if o := s.online(); o.Connections != 3 || o.Sessions != 3 || o.Users != 2 || o.Platforms["web"] != 2 || o.Platforms["ios"] != 1 {
		t.Errorf("%+v", o)
	}
	sessions := get[struct {
		Sessions []struct{ Session, Platform, Address, Node string }
	}](s, "/api/online/users/alice", "").Sessions
	if len(sessions) != 2 || sessions[0].Node != "tour" || sessions[0].Address == "" {
		t.Errorf("%+v", sessions)
	}
	if r := get[pushReply](s, "/api/broadcast", `{"message":{"n":2},"platforms":["web"]}`); r.Sessions != 2 {
		t.Errorf("%+v", r)
	}
	if web.pushed()["n"] != 2.0 || bob.pushed()["n"] != 2.0 {
		t.Error("another push")
	}

	closed := get[struct{ Closed int }](s, "/api/kick", `{"user":"alice","platform":"ios","reason":"that was the tour"}`)
	if reason := ios.closed(4004); closed.Closed != 1 || reason != "that was the tour" {
		t.Errorf("%d closed, %q", closed.Closed, reason)
	}
	closed = get[struct{ Closed int }](s, "/api/kick", `{"user":"alice"}`)
	web.closed(4004)
	if status, _ := s.api("/api/online/users/alice", ""); closed.Closed != 1 || status != http.StatusNotFound {
		t.Errorf("%d closed, then status %d", closed.Closed, status)
	}
	bob.ok("robot", "Ping", "")
	s.consistent()
}

// TestSilence closes who doesn't log in and who says nothing after it, and
// nobody else.
func TestSilence(t *testing.T) {
	s := dev(t, "--heartbeat", "2s", "--login-timeout", "1s")
	stranger, quiet, out, alive := s.dial(), s.login("quiet", "web"), s.login("out", "web"), s.login("alive", "web")
	out.ok("robot", "Logout", "")
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for beats := time.NewTicker(300 * time.Millisecond); ; {
			select {
			case <-done:
				beats.Stop()
				return
			case <-beats.C:
				_, _ = alive.Write([]byte(text(request("robot", "HeartBeat", ""))))
			}
		}
	})
	stranger.closed(4005)
	out.closed(4005)
	quiet.closed(4102)
	close(done)
	wg.Wait()
	alive.ok("robot", "Ping", "")
	for reason, want := range map[string]float64{"login_timeout": 2, "no_heartbeat": 1} {
		// Counted when the server has closed its side, a moment after the client learned.
		s.reaches(`pushd_connections_closed_total{reason="`+reason+`"}`, want)
	}
}

// TestOneSurvivor logs the same user in from a hundred connections at once: one
// stays, and can be pushed to; each of the others is told 4003.
func TestOneSurvivor(t *testing.T) {
	s := dev(t)
	const clients = 100
	conns := make([]*client, clients)
	for i := range conns {
		conns[i] = s.dial()
	}
	codes := make(chan int, clients)
	var wg sync.WaitGroup
	for _, c := range conns {
		wg.Go(func() {
			code := -1
			defer func() { codes <- code }() // also when c fails the test
			c.send(request("robot", "Login", `{"UserId":"alice","PlatId":"web"}`))
			for {
				f, closed := c.nextOrClose()
				if closed != 0 || f.Module == "push" {
					code = closed
					return
				}
			}
		})
	}
	for range clients - 1 {
		if code := <-codes; code != 4003 {
			t.Errorf("closed with %d", code)
		}
	}
	if r := s.push("alice", `{"to":"the survivor"}`); r.Sessions != 1 {
		t.Errorf("%+v", r)
	}
	if code := <-codes; code != 0 {
		t.Errorf("the survivor was closed with %d", code)
	}
	wg.Wait()
	s.consistent()
}

// TestComeAndGo has 2,000 clients log in, get a broadcast and leave, some
// politely; nothing of them may remain.
func TestComeAndGo(t *testing.T) {
	s := dev(t, "--resume-window", "0s")
	round := func(clients int) {
		var wg sync.WaitGroup
		var mu sync.Mutex
		conns := make([]*client, 0, clients)
		for part := range 8 {
			wg.Go(func() {
				for i := part; i < clients; i += 8 {
					c := s.login(fmt.Sprintf("user-%d", i), "web")
					c.ok("topic", "Subscribe", fmt.Sprintf(`{"topic":"t-%d"}`, i%50))
					mu.Lock()
					conns = append(conns, c)
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if r := s.broadcast(`{"to":"all"}`); r.Sessions != clients {
			t.Fatalf("%+v", r)
		}
		for i, c := range conns {
			if c.pushed()["to"] != "all" {
				t.Fatal("another push")
			}
			if i%2 == 0 {
				c.write("\x88\x82\x00\x00\x00\x00\x03\xe8")
				c.closed(1000)
			}
			c.Close()
		}
		s.empties()
	}
	round(100) // whatever the first ones make the server set up
	type use struct {
		files      int
		goroutines float64
	}
	settled := func() use {
		s.reaches("pushd_connections", 0) // descriptors are given back
		return use{s.descriptors(), s.metric("go_goroutines")}
	}
	before := settled()
	round(2000)
	testwait.Until(t, fmt.Sprintf("descriptors and goroutines to be about as before, %+v", before), settled, func(now use) bool {
		// What the runtime and the database's pool come and go with is not the clients';
		// a leak of one for each of them would be 2,000.
		return now.files <= before.files+40 && now.goroutines <= before.goroutines+20
	})
	s.consistent()
	for _, gauge := range []string{"pushd_sessions", "pushd_users_online", "pushd_topics", "pushd_sessions_parked", "pushd_delivery_queue_bytes"} {
		s.reaches(gauge, 0)
	}
}

// TestClientThatStopsReading is broadcast to beside others: it is closed as a
// slow consumer, and the others get every message.
func TestClientThatStopsReading(t *testing.T) {
	s := dev(t)
	stuck := s.login("stuck", "web")
	readers := []*client{s.login("a", "web"), s.login("b", "ios"), s.login("c", "web")}
	const pushes = 300
	var wg sync.WaitGroup
	for _, c := range readers {
		wg.Go(func() {
			for n := range pushes {
				if got := c.pushed()["n"]; got != float64(n) {
					t.Errorf("got push %v, want %d", got, n)
					return
				}
			}
		})
	}
	wg.Go(func() {
		s.reaches(`pushd_connections_closed_total{reason="slow_consumer"}`, 1)
		// The code comes behind what fitted into the socket, if it is read soon.
		stuck.closed(4101)
	})
	before := s.status("VmRSS")
	filler := strings.Repeat("x", 60000)
	for n := range pushes {
		s.broadcast(fmt.Sprintf(`{"n":%d,"filler":%q}`, n, filler))
	}
	wg.Wait()
	// 300 messages are 17 MiB; a queue holds 256 KiB.
	if grown := s.status("VmRSS") - before; grown > 64<<10 {
		t.Errorf("%d KiB more than before", grown)
	}
	for _, c := range readers {
		c.ok("robot", "Ping", "")
	}
	s.consistent()
}

// TestStuckForTooLong has a queue that cannot overflow: the age of what waits in
// it ends the connection.
func TestStuckForTooLong(t *testing.T) {
	s := dev(t, "--write-timeout", "1s", "--send-buffer", "1GiB")
	stuck := s.login("stuck", "web")
	filler := strings.Repeat("x", 60000)
	testwait.Equal(t, "the number of those closed", 1, func() float64 {
		for range 10 {
			s.push("stuck", `{"filler":"`+filler+`"}`)
		}
		return s.metric(`pushd_connections_closed_total{reason="slow_consumer"}`)
	})
	stuck.closed(4101)
}
