package system

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"pushd/internal/testwait"
)

// TestHostileClients has one client after the other do what it must not, beside
// one that behaves. Each time the offender is told, a metric counts it, and what
// is pushed to the other arrives; at the end the server is as it was. That every
// variant is found is tested beside the code that finds it.
func TestHostileClients(t *testing.T) {
	s := dev(t, "--handshake-timeout", "2s", "--login-timeout", "2s", "--max-fragments", "50")
	bystander := s.login("bystander", "web")
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(200 * time.Millisecond):
				_, _ = io.WriteString(bystander.Conn, text(`{"Module":"robot","Action":"HeartBeat"}`))
			}
		}
	}()
	before := s.descriptors()

	header := func(length string) string { return "\x81\xff" + length + "\x00\x00\x00\x00" }
	masked := func(first byte, payload string) string {
		return string([]byte{first, 0x80 | byte(len(payload)), 0, 0, 0, 0}) + payload
	}
	refused := func(reason string) string { return `pushd_handshakes_refused_total{reason="` + reason + `"}` }
	closed := func(reason string) string { return `pushd_connections_closed_total{reason="` + reason + `"}` }
	for _, c := range []struct {
		name, send string
		open       bool // after an opening handshake
		status     int  // the HTTP status, or
		code       int  // the close code, or neither: just closed
		metric     string
		log        string // what the log must say
	}{
		{name: "half a request line", send: "GET /w", metric: refused("timeout")},
		{name: "nothing", metric: refused("timeout")},
		{name: "headers without end", send: "GET /ws HTTP/1.1\r\n" + strings.Repeat("X: y\r\n", 2000), status: 431, metric: refused("header_too_large")},
		{name: "a line without end", send: "GET /ws?" + strings.Repeat("a", 9000), status: 431, metric: refused("header_too_large")},
		{name: "another version", send: strings.Replace(handshake("/ws"), "Version: 13", "Version: 8", 1), status: 426, metric: refused("bad_request")},
		{name: "no key", send: strings.Replace(handshake("/ws"), key16, "x", 1), status: 400, metric: refused("bad_request")},
		{name: "another path", send: handshake("/wsx"), status: 404, metric: closed("handed_off")},
		{name: "a page of another site", send: handshake("/ws", "Origin", "https://push.test.evil.example"), status: 403, metric: refused("origin"), log: "https://push.test.evil.example"},
		{name: "a page without origin", send: handshake("/ws", "Origin", "null"), status: 403, metric: refused("origin"), log: "option origins"},
		{name: "no login", open: true, code: 4005, metric: closed("login_timeout")},
		{name: "1 GiB declared", open: true, send: header("\x00\x00\x00\x00\x40\x00\x00\x00"), code: 1009, metric: closed("too_big")},
		{name: "2^63-1 declared", open: true, send: header("\x7f\xff\xff\xff\xff\xff\xff\xff"), code: 1009, metric: closed("too_big")},
		{name: "top bit set", open: true, send: header("\xff\xff\xff\xff\xff\xff\xff\xff"), code: 1002, metric: closed("protocol_error")},
		{name: "a byte too many", open: true, send: "\x81\xff\x00\x00\x00\x00\x00\x01\x00\x01\x00\x00\x00\x00", code: 1009, metric: closed("too_big")},
		{name: "fragments without end", open: true, send: masked(0x01, "x") + strings.Repeat(masked(0x00, "x"), 60), code: 1009, metric: closed("too_big")},
		{name: "unmasked", open: true, send: "\x81\x02{}", code: 1002, metric: closed("protocol_error")},
		{name: "reserved opcode", open: true, send: masked(0x83, "x"), code: 1002, metric: closed("protocol_error")},
		{name: "compressed", open: true, send: masked(0xc1, "x"), code: 1002, metric: closed("protocol_error")},
		{name: "binary", open: true, send: masked(0x82, "x"), code: 1003, metric: closed("not_text")},
		{name: "bad UTF-8", open: true, send: masked(0x81, "\xff"), code: 1007, metric: closed("bad_utf8")},
		{name: "not JSON", open: true, send: strings.Repeat(masked(0x81, "no"), 20), code: 4006, metric: closed("too_many_errors")},
		{name: "too deep", open: true, send: strings.Repeat(text(strings.Repeat("[", 60000)), 20), code: 4006, metric: `pushd_requests_total{action="unknown",code="400",module="unknown"}`},
		{name: "no such module", open: true, send: text(request("no", "Such", "")) + text("x") + strings.Repeat(text("x"), 19), code: 4006, metric: `pushd_requests_total{action="unknown",code="404",module="unknown"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := s.in(t)
			bystander.t = t
			counted := s.metric(c.metric)
			var bad *client
			if c.open {
				bad = s.dial()
			} else {
				bad = s.raw()
			}
			// The server may hang up before it has been sent everything.
			_, _ = io.WriteString(bad.Conn, c.send)
			switch {
			case c.status != 0:
				if got := bad.response(); got != c.status {
					t.Errorf("status %d, want %d", got, c.status)
				}
			case c.code != 0:
				bad.closed(c.code)
			default:
				if b, _ := io.ReadAll(bad.r); len(b) != 0 { // a reset is an end too
					t.Errorf("got %q", b)
				}
			}
			bad.Close()
			// It is counted when the server has closed its side, a moment after the
			// client learned of it.
			testwait.Until(t, fmt.Sprintf("%s to pass %v", c.metric, counted), func() float64 { return s.metric(c.metric) },
				func(now float64) bool { return now > counted })
			s.logs(c.log)
			s.push("bystander", `{"after":"`+c.name+`"}`)
			for {
				if f := bystander.next(); f.Code == nil {
					if f.Data["after"] != c.name {
						t.Errorf("another push: %v", f)
					}
					break
				}
			}
		})
	}

	testwait.Until(t, fmt.Sprintf("at most %d descriptors, as before", before), s.descriptors, func(now int) bool { return now <= before })
	s.consistent()
	if n := s.metric(`pushd_faults_total{kind="panic"}`); n != 0 {
		t.Errorf("%v panics", n)
	}
}

// TestDeclaredLengthsTakeNoMemory has 500 clients each declare 64 KiB, which is
// allowed, or 1 GiB, which is not, and send nothing of it.
func TestDeclaredLengthsTakeNoMemory(t *testing.T) {
	s := dev(t)
	for range 20 {
		s.dial().Close() // whatever the first ones make the server set up
	}
	before := s.status("VmRSS")
	var open []*client
	for range 500 {
		big := s.dial()
		big.write("\x81\xff\x00\x00\x00\x00\x40\x00\x00\x00\x00\x00\x00\x00")
		big.closed(1009)
		small := s.dial()
		small.write("\x81\xff\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00")
		open = append(open, small)
	}
	if len(open) != 500 || s.online().Connections < 500 {
		t.Errorf("%d connections", s.online().Connections)
	}
	// 500 times 64 KiB would be 31 MiB.
	if grown := s.status("VmRSS") - before; grown > 20<<10 {
		t.Errorf("%d KiB more than before", grown)
	}
}

// TestFramesBehindTheHandshake sends the login and more in the segment of the
// opening handshake.
func TestFramesBehindTheHandshake(t *testing.T) {
	s := dev(t)
	c := s.raw()
	c.write(handshake("/ws") + text(request("robot", "Login", `{"UserId":"alice","PlatId":"web"}`)) +
		text(`{"Module":"robot","Action":"Ping","Seq":9}`) + text(request("robot", "HeartBeat", "")))
	if c.response() != http.StatusSwitchingProtocols {
		t.Fatal("not upgraded")
	}
	for _, want := range []string{"Login", "Ping", "HeartBeat"} {
		if f := c.next(); f.Action != want || f.Code == nil || *f.Code != 0 {
			t.Errorf("want %s, got %+v", want, f)
		}
	}
}

// TestWhatIsAnsweredBeforeLogin covers the answers to what isn't understood or
// not yet allowed, as docs/protocol.md has them.
func TestWhatIsAnsweredBeforeLogin(t *testing.T) {
	s := dev(t)
	c := s.dial()
	c.ok("robot", "Ping", "")
	for _, action := range []string{"robot.HeartBeat", "robot.Logout", "topic.Subscribe", "topic.Publish", "presence.Online", "chat.Send", "group.Create", "friend.List"} {
		module, action, _ := strings.Cut(action, ".")
		c.refused(401, module, action, "{}")
	}
	for _, unknown := range [][2]string{{"Robot", "Ping"}, {"robot", "ping"}, {"shop", "Buy"}} {
		if msg := c.refused(404, unknown[0], unknown[1], ""); !strings.Contains(msg, unknown[0]) {
			t.Errorf("%v: %q doesn't name it", unknown, msg)
		}
	}
	for _, data := range []string{`{"UserId":"","PlatId":"web"}`, `{"UserId":"$x","PlatId":"web"}`, `{"UserId":"a b","PlatId":"web"}`, `{"UserId":"a","PlatId":"fridge"}`, `{"UserId":"a"}`, `{"UserId":1,"PlatId":"web"}`, fmt.Sprintf(`{"UserId":%q,"PlatId":1}`, strings.Repeat("x", 129))} {
		c.refused(400, "robot", "Login", data)
	}
	c.ok("robot", "Login", `{"UserId":"alice","PlatId":1}`)
	c.refused(409, "robot", "Login", `{"UserId":"bob","PlatId":1}`)
	c.refused(409, "robot", "Login", `{"UserId":"alice","PlatId":2}`)
	c.ok("robot", "Login", `{"UserId":"alice","PlatId":"1"}`)
}

// TestDeclaredBodiesTakeNoMemory has strangers announce 1,000,000 bytes of body
// on 300 HTTP connections, to both listeners, and send a thousand of them.
func TestDeclaredBodiesTakeNoMemory(t *testing.T) {
	s := dev(t)
	for name, address := range map[string]string{"public": s.Listen, "admin, without a key": s.Admin} {
		before := s.status("VmRSS")
		var conns []net.Conn
		for range 300 {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			conns = append(conns, conn)
			if _, err := io.WriteString(conn, "POST /api/push HTTP/1.1\r\nHost: push.test\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n"+strings.Repeat("x", 1000)); err != nil {
				t.Fatal(err)
			}
		}
		s.login("after-"+name[:5], "web").ok("robot", "Ping", "") // the server has seen what was sent before
		time.Sleep(time.Second)
		// 300 times what is declared would be 286 MiB.
		if grown := s.status("VmRSS") - before; grown > 64<<10 {
			t.Errorf("%s: %d KiB more than before", name, grown)
		}
		for _, c := range conns {
			c.Close()
		}
	}
}
