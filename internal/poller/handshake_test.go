package poller_test

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pushd/internal/poller"
	"pushd/internal/poller/pollertest"
	"pushd/internal/testwait"
)

func TestHandshakeStatus(t *testing.T) {
	s := start(t, hooks{message: echo}, poller.Options{Origins: []string{"https://app.example.com", "http://localhost:8080"}})
	ok := request()
	replace := func(from, to string) string { return strings.Replace(ok, from, to, 1) }
	origin := func(o string) string { return request("Origin: " + o + "\r\n") }
	for _, tc := range []struct {
		name, request, want string
		header              string
	}{
		{name: "plain", request: ok, want: "101"},
		{name: "query string", request: replace("/ws ", "/ws?x=1 "), want: "101"},
		{name: "lower case names", request: replace("Sec-WebSocket-Key", "sec-websocket-key"), want: "101"},
		{name: "connection is a list", request: replace("Connection: Upgrade", "Connection: keep-alive, Upgrade"), want: "101"},
		{name: "version 12", request: replace("Version: 13", "Version: 12"), want: "426", header: "Sec-WebSocket-Version: 13"},
		{name: "no version", request: replace("Sec-WebSocket-Version: 13\r\n", ""), want: "400"},
		{name: "POST", request: replace("GET", "POST"), want: "400"},
		{name: "no key", request: replace("Sec-WebSocket-Key: "+key+"\r\n", ""), want: "400"},
		{name: "short key", request: replace(key, "c2hvcnQ="), want: "400"},
		{name: "key that isn't base64", request: replace(key, "!!!!!!!!!!!!!!!!!!!!!!!!"), want: "400"},
		{name: "no connection", request: replace("Connection: Upgrade\r\n", ""), want: "400"},
		{name: "connection close", request: replace("Connection: Upgrade", "Connection: close"), want: "400"},
		{name: "no upgrade", request: replace("Upgrade: websocket\r\n", ""), want: "400"},
		{name: "upgrade to h2c", request: replace("Upgrade: websocket", "Upgrade: h2c"), want: "400"},
		{name: "two hosts", request: request("Host: example.com\r\n"), want: "400"},
		{name: "control character in host", request: replace("Host: example.com", "Host: exa\x00mple.com"), want: "400"},
		{name: "two keys", request: request("Sec-WebSocket-Key: " + key + "\r\n"), want: "400"},
		{name: "no host", request: replace("Host: example.com\r\n", ""), want: "400"},
		{name: "with a body", request: request("Content-Length: 5\r\n"), want: "400"},
		{name: "chunked", request: request("Transfer-Encoding: chunked\r\n"), want: "400"},
		{name: "HTTP/1.0", request: replace("HTTP/1.1", "HTTP/1.0"), want: "505"},
		{name: "wrong path", request: replace("/ws", "/wss"), want: "404"},
		{name: "path with slash", request: replace("/ws", "/ws/"), want: "404"},
		{name: "not HTTP", request: "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 \r\n\r\n", want: "404"},
		{name: "allowed origin", request: origin("https://app.example.com"), want: "101"},
		{name: "allowed origin with its default port", request: origin("https://APP.example.com:443"), want: "101"},
		{name: "allowed origin with port", request: origin("http://localhost:8080"), want: "101"},
		{name: "other port", request: origin("http://localhost:8081"), want: "403"},
		{name: "other scheme", request: origin("http://app.example.com"), want: "403"},
		{name: "suffix trick", request: origin("https://app.example.com.evil.net"), want: "403"},
		{name: "prefix trick", request: origin("https://evil-app.example.com"), want: "403"},
		{name: "user trick", request: origin("https://app.example.com@evil.net"), want: "403"},
		{name: "null origin", request: origin("null"), want: "403"},
		{name: "empty origin", request: origin(""), want: "403"},
		{name: "same host isn't on the list", request: origin("http://example.com"), want: "403"},
		{name: "two origins", request: request("Origin: https://evil.net\r\nOrigin: https://app.example.com\r\n"), want: "403"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s.t = t
			c := s.dial()
			c.send([]byte(tc.request))
			head := c.response()
			if !strings.HasPrefix(head, "HTTP/1.1 "+tc.want+" ") {
				t.Fatalf("want %s, got %q", tc.want, head)
			}
			if !strings.Contains(head, tc.header) {
				t.Fatalf("no %q in %q", tc.header, head)
			}
			if tc.want == "101" {
				c.send(text("hi"))
				c.expect("hi")
			} else if _, err := io.Copy(io.Discard, c.br); err != nil {
				t.Fatalf("connection was not ended cleanly: %v", err)
			}
		})
	}
	if log := s.log.String(); !strings.Contains(log, "origins") || !strings.Contains(log, "evil") && !strings.Contains(log, "localhost:8081") {
		t.Errorf("the log names neither the refused origin nor the option: %s", log)
	}
}

func TestOriginsOtherThanAList(t *testing.T) {
	const own, secure, other, listed = "http://example.com", "https://example.com", "http://example.com:8089", "https://a.example"
	for _, tc := range []struct {
		name    string
		origins []string
		allowed []string
	}{
		{"the default", nil, []string{own, secure, "http://example.com:80"}},
		{"the host's own", []string{poller.SameOrigin}, []string{own, secure}},
		{"the host's own and another", []string{poller.SameOrigin, listed}, []string{own, secure, listed}},
		{"none", []string{}, nil},
		{"any", []string{"*"}, []string{own, secure, other, listed, "null"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := start(t, hooks{}, poller.Options{Origins: tc.origins})
			for _, origin := range append([]string{own, secure, other, listed, "http://example.org", "null"}, tc.allowed...) {
				want := "403"
				if slices.Contains(tc.allowed, origin) || tc.name == "any" {
					want = "101"
				}
				c := s.dial()
				c.send([]byte(request("Origin: " + origin + "\r\n")))
				if head := c.response(); !strings.HasPrefix(head, "HTTP/1.1 "+want) {
					t.Errorf("%s: want %s, got %q", origin, want, head)
				}
			}
			c := s.dial()
			c.send([]byte(request()))
			if head := c.response(); !strings.HasPrefix(head, "HTTP/1.1 101") {
				t.Errorf("who sends no Origin is no browser: %q", head)
			}
		})
	}
}

func TestBadOriginOptionIsRefused(t *testing.T) {
	for _, o := range []string{"example.com", "https://", "https://a.b/path", "https://user@a.b", "://x"} {
		if _, err := poller.New(nil, nil, poller.Options{Origins: []string{o}}); err == nil || !strings.Contains(err.Error(), o) {
			t.Errorf("%q: %v", o, err)
		}
	}
}

// TestHandshakeTimeout covers half a request line, one byte now and then, and a
// peer that says nothing: all are gone after the timeout for the whole.
func TestHandshakeTimeout(t *testing.T) {
	clock := pollertest.NewClock()
	s := start(t, hooks{}, poller.Options{HandshakeTimeout: 2 * time.Second, Clock: clock})
	silent, half, slow := s.dial(), s.dial(), s.dial()
	half.send([]byte("GET /w"))
	in := &s.metrics.Loop(0).BytesIn
	const sent = uint64(len("GET /w"))
	testwait.Equal(t, "the number of connections", 3, s.Connections)
	testwait.Equal(t, "the number of bytes that came", sent, in.Load)
	for i, b := range []byte(request())[:7] {
		slow.send([]byte{b})
		testwait.Equal(t, "the number of bytes that came", sent+uint64(i)+1, in.Load)
		clock.Pass(t, pollertest.Tick)
	}
	if n := s.Connections(); n != 3 {
		t.Errorf("%d of 3 connections are left before the timeout", n)
	}
	clock.Pass(t, pollertest.Tick)
	for _, c := range []*client{silent, half, slow} {
		// Unread input may turn the end into a reset; either way it ended.
		if b, _ := io.ReadAll(c); len(b) != 0 {
			t.Errorf("got %q", b)
		}
	}
	if n := s.Connections(); n != 0 {
		t.Errorf("%d connections are left", n)
	}
}

func TestHeaderTooLarge(t *testing.T) {
	s := start(t, hooks{}, poller.Options{})
	for name, send := range map[string]string{
		"endless header": "GET /ws HTTP/1.1\r\nX: " + strings.Repeat("a", 9000),
		"complete":       request("X: " + strings.Repeat("a", 9000) + "\r\n"),
	} {
		c := s.dial()
		c.send([]byte(send))
		if head := c.response(); !strings.HasPrefix(head, "HTTP/1.1 431 ") {
			t.Errorf("%s: %q", name, head)
		}
	}
}

// TestEverySplit sends a handshake and frames in one stream, cut in two at every
// byte, and expects the same messages each time (also: pipelined frames behind
// the handshake are not lost).
func TestEverySplit(t *testing.T) {
	s := start(t, hooks{message: echo}, poller.Options{})
	stream := []byte(request())
	stream = append(stream, text("one")...)
	stream = append(stream, frame(false, 1, []byte("t\xe6"))...)
	stream = append(stream, frame(true, 9, []byte("ping"))...)
	stream = append(stream, frame(false, 0, []byte{0x97})...)
	stream = append(stream, frame(true, 0, []byte{0xa5})...)
	stream = append(stream, text(strings.Repeat("x", 200))...)
	for cut := 0; cut <= len(stream); cut++ {
		before := s.metrics.Loop(0).BytesIn.Load()
		c := s.dial()
		c.send(stream[:cut])
		if cut > 0 && cut < len(stream) {
			// The loop has the first part for certain before the second is sent.
			testwait.Until(t, "the first part to be read", s.metrics.Loop(0).BytesIn.Load, func(read uint64) bool { return read-before >= uint64(cut) })
		}
		c.send(stream[cut:])
		c.upgraded()
		c.expect("one")
		if f := c.frame(); f.Header.OpCode != 0xa || string(f.Payload) != "ping" {
			t.Fatalf("cut %d: no pong: %v", cut, f)
		}
		c.expect("t日")
		c.expect(strings.Repeat("x", 200))
		c.Close()
		testwait.Equal(t, "the number of connections", 0, s.Connections)
	}
}

// TestByteByByte is the same with every byte on its own.
func TestByteByByte(t *testing.T) {
	s := start(t, hooks{message: echo}, poller.Options{})
	c := s.dial()
	for _, b := range append([]byte(request()), text("slowly")...) {
		c.send([]byte{b})
	}
	c.upgraded()
	c.expect("slowly")
}

func TestHandOff(t *testing.T) {
	got := make(chan net.Conn, 1)
	s := start(t, hooks{}, poller.Options{Handoff: func(c net.Conn) bool { got <- c; return true }})
	c := s.dial()
	c.send([]byte("POST /upload HTTP/1.1\r\nHost: x\r\nContent-Le"))
	conn := <-got
	defer conn.Close()
	c.send([]byte("ngth: 2\r\n\r\nhi"))
	want := "POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"
	b := make([]byte, len(want))
	if _, err := io.ReadFull(conn, b); err != nil || string(b) != want {
		t.Fatalf("%q %v", b, err)
	}
	if conn.RemoteAddr().String() != c.LocalAddr().String() {
		t.Errorf("address %v, want %v", conn.RemoteAddr(), c.LocalAddr())
	}
	if _, err := fmt.Fprint(conn, "HTTP/1.1 204 No Content\r\n\r\n"); err != nil {
		t.Error(err)
	}
	if head := c.response(); !strings.HasPrefix(head, "HTTP/1.1 204") {
		t.Error(head)
	}
	if n := s.Connections(); n != 0 {
		t.Errorf("still counts %d connections", n)
	}
}

func TestHandOffRefused(t *testing.T) {
	s := start(t, hooks{}, poller.Options{Handoff: func(net.Conn) bool { return false }})
	c := s.dial()
	c.send([]byte("GET / HTTP/1.1\r\n"))
	if head := c.response(); !strings.HasPrefix(head, "HTTP/1.1 503") || !strings.Contains(head, "Retry-After") {
		t.Error(head)
	}
}

func TestToken(t *testing.T) {
	for _, tc := range []struct {
		name, request, want string
		query               bool
		protocol            bool
	}{
		{name: "none", request: request(), want: ""},
		{name: "authorization", request: request("Authorization: Bearer abc.def\r\n"), want: "abc.def"},
		{name: "authorization in lower case", request: request("authorization: bearer abc.def\r\n"), want: "abc.def"},
		{name: "basic is none", request: request("Authorization: Basic abc\r\n"), want: ""},
		{name: "subprotocol", request: request("Sec-WebSocket-Protocol: pushd.v1, pushd.token.a-b_c\r\n"), want: "a-b_c", protocol: true},
		{name: "subprotocol, token first", request: request("Sec-WebSocket-Protocol: pushd.token.xyz, pushd.v1\r\n"), want: "xyz", protocol: true},
		{name: "subprotocol in two headers", request: request("Sec-WebSocket-Protocol: pushd.token.xyz\r\nSec-WebSocket-Protocol: pushd.v1\r\n"), want: "xyz", protocol: true},
		{name: "foreign subprotocol", request: request("Sec-WebSocket-Protocol: chat\r\n"), want: ""},
		{name: "query, not allowed", request: strings.Replace(request(), "/ws ", "/ws?token=abc ", 1), want: ""},
		{name: "query, allowed", request: strings.Replace(request(), "/ws ", "/ws?a=b&token=abc ", 1), want: "abc", query: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := start(t, hooks{opened: func(p *peer, h *poller.Handshake) { p.WriteMessage([]byte("token=" + h.Token)) }},
				poller.Options{QueryToken: tc.query})
			c := s.dial()
			c.send([]byte(tc.request))
			head := c.upgraded()
			if got := strings.Contains(head, "Sec-WebSocket-Protocol: pushd.v1\r\n"); got != tc.protocol {
				t.Errorf("subprotocol selected: %v in %q", got, head)
			}
			if strings.Contains(head, "pushd.token") {
				t.Errorf("the token is echoed: %q", head)
			}
			c.expect("token=" + tc.want)
			if strings.Contains(s.log.String(), "abc") {
				t.Error("token in the log")
			}
		})
	}
}

func TestForwardedFor(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}
	for _, tc := range []struct {
		name, header, want string
		trusted            []netip.Prefix
	}{
		{name: "no header", want: "127.0.0.1", trusted: trusted},
		{name: "not trusted", header: "X-Forwarded-For: 1.2.3.4\r\n", want: "127.0.0.1"},
		{name: "trusted", header: "X-Forwarded-For: 1.2.3.4\r\n", want: "1.2.3.4", trusted: trusted},
		{name: "invented in front", header: "X-Forwarded-For: 9.9.9.9, 1.2.3.4\r\n", want: "1.2.3.4", trusted: trusted},
		{name: "chain of proxies", header: "X-Forwarded-For: 9.9.9.9, 1.2.3.4, 10.0.0.7\r\n", want: "1.2.3.4", trusted: trusted},
		{name: "two headers", header: "X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-For: 1.2.3.4\r\n", want: "1.2.3.4", trusted: trusted},
		{name: "IPv6", header: "X-Forwarded-For: 2001:db8::1\r\n", want: "2001:db8::1", trusted: trusted},
		{name: "with port", header: "X-Forwarded-For: [2001:db8::1]:443\r\n", want: "2001:db8::1", trusted: trusted},
		{name: "rubbish", header: "X-Forwarded-For: me\r\n", want: "127.0.0.1", trusted: trusted},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := start(t, hooks{opened: func(p *peer, _ *poller.Handshake) { p.WriteMessage([]byte(p.Address().Addr().String())) }},
				poller.Options{TrustedProxies: tc.trusted})
			c := s.open(tc.header)
			c.expect(tc.want)
		})
	}
}

func TestConnectionLimits(t *testing.T) {
	t.Run("in all", func(t *testing.T) {
		s := start(t, hooks{}, poller.Options{MaxConnections: 2})
		a := s.open()
		s.open()
		c := s.dial()
		if head := c.response(); !strings.HasPrefix(head, "HTTP/1.1 503") || !strings.Contains(head, "Retry-After") {
			t.Fatal(head)
		}
		a.Close()
		testwait.Equal(t, "the number of connections", 1, s.Connections)
		s.open()
	})
	t.Run("of one address", func(t *testing.T) {
		s := start(t, hooks{message: echo}, poller.Options{MaxPerAddress: 2})
		a := s.open()
		s.dial() // a silent one counts too
		c := s.dial()
		if head := c.response(); !strings.HasPrefix(head, "HTTP/1.1 503") || !strings.Contains(head, "Retry-After") {
			t.Fatal(head)
		}
		a.Close()
		testwait.Equal(t, "the number of connections", 1, s.Connections)
		s.open()
	})
	t.Run("handed-off connections count until they are closed", func(t *testing.T) {
		handed := make(chan net.Conn, 1)
		s := start(t, hooks{}, poller.Options{MaxConnections: 1, MaxPerAddress: 1, Handoff: func(c net.Conn) bool { handed <- c; return true }})
		s.dial().send([]byte("GET / HTTP/1.1\r\n"))
		conn := <-handed
		if head := s.dial().response(); !strings.HasPrefix(head, "HTTP/1.1 503") {
			t.Fatal(head)
		}
		conn.Close()
		conn.Close()
		s.open()
	})
	t.Run("handshakes in a second", func(t *testing.T) {
		s := start(t, hooks{}, poller.Options{HandshakeRate: 3})
		refused := 0
		for range 10 {
			c := s.dial()
			c.send([]byte(request()))
			if strings.HasPrefix(c.response(), "HTTP/1.1 503") {
				refused++
			}
		}
		if refused == 0 {
			t.Error("ten handshakes at once, three a second allowed, none refused")
		}
	})
	t.Run("a trusted proxy's own address is exempt", func(t *testing.T) {
		s := start(t, hooks{}, poller.Options{MaxPerAddress: 1, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
		s.open()
		s.open()
		s.open("X-Forwarded-For: 1.2.3.4\r\n")
		c := s.dial()
		c.send([]byte(request("X-Forwarded-For: 1.2.3.4\r\n")))
		if head := c.response(); !strings.HasPrefix(head, "HTTP/1.1 503") {
			t.Fatal(head)
		}
	})
}
