package loop_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"go.uber.org/goleak"

	"pushd/bench/internal/loop"
	"pushd/bench/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// handler passes what happens on, and leaves it to the test to judge it.
type handler struct {
	opened  func(*loop.Conn)
	message func(*loop.Conn, wire.Message)
	timer   func(*loop.Conn)
	closed  chan loop.Cause
}

func (h *handler) Opened(c *loop.Conn) {
	if h.opened != nil {
		h.opened(c)
	}
}

func (h *handler) Message(c *loop.Conn, m wire.Message) {
	if h.message != nil {
		h.message(c, m)
	}
}

func (h *handler) Timer(c *loop.Conn) { h.timer(c) }

func (h *handler) Closed(_ *loop.Conn, why loop.Cause) { h.closed <- why }

// dial runs a loop with n connections to serve's listener until the test ends.
func dial(t *testing.T, n int, h *handler, o loop.Options, serve func(net.Conn)) (*loop.Loop, netip.AddrPort) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serve(conn)
		}
	}()
	target := netip.MustParseAddrPort(l.Addr().String())
	h.closed = make(chan loop.Cause, 2*n)
	o.Sources = loop.LoopbackSources(3)
	lo, err := loop.New(n, target, wire.Request("x", "/ws"), h, o)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- lo.Run() }()
	t.Cleanup(func() {
		_ = lo.Do(lo.Stop)
		if err := <-ended; err != nil {
			t.Error(err)
		}
		l.Close()
		<-served
	})
	if err := lo.Do(func() {
		for i := range n {
			lo.Dial(i)
		}
	}); err != nil {
		t.Fatal(err)
	}
	return lo, target
}

// upgraded serves a connection after its handshake.
func upgraded(serve func(net.Conn)) func(net.Conn) {
	return func(conn net.Conn) {
		defer conn.Close()
		if _, err := (ws.Upgrader{}).Upgrade(conn); err == nil {
			serve(conn)
		}
	}
}

func TestWaysToEnd(t *testing.T) {
	short := loop.Options{HandshakeTimeout: 100 * time.Millisecond, CloseTimeout: 100 * time.Millisecond, MaxMessage: 1000}
	for name, c := range map[string]struct {
		serve func(net.Conn)
		want  string
	}{
		"refused": {func(c net.Conn) {
			_, _ = c.Read(make([]byte, 4096))
			_, _ = fmt.Fprint(c, "HTTP/1.1 503 Busy\r\nRetry-After: 1\r\n\r\n")
			c.Close()
		}, "refused: handshake answered 503"},
		"silent":         {func(c net.Conn) { _, _ = io.Copy(io.Discard, c); c.Close() }, "handshake timed out"},
		"closed":         {upgraded(func(c net.Conn) { _ = ws.WriteFrame(c, ws.NewCloseFrame(ws.NewCloseFrameBody(4003, "x"))) }), "closed 4003 by the server"},
		"closed, silent": {upgraded(func(c net.Conn) { _ = ws.WriteFrame(c, ws.NewCloseFrame(nil)); _, _ = io.Copy(io.Discard, c) }), "closed 1005 by the server"},
		"dropped":        {upgraded(func(net.Conn) {}), "dropped without a Close frame"},
		"masked":         {upgraded(func(c net.Conn) { _, _ = c.Write([]byte("\x81\x81abcde")) }), "protocol violation: masked server frame"},
		"too large": {
			upgraded(func(c net.Conn) { _ = wsutil.WriteServerText(c, make([]byte, 1001)) }),
			"protocol violation: payload of 1001 bytes, limit 1000",
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := &handler{}
			dial(t, 1, h, short, c.serve)
			if got := (<-h.closed).String(); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestWhatTheSocketDoesNotTakeFollowsInOrder(t *testing.T) {
	payload := bytes.Repeat([]byte("abcdefg"), 5000)
	frame := wire.AppendMasked(nil, wire.Text, payload)
	full, sent, got := make(chan struct{}), 0, make(chan bool, 1000)
	h := &handler{
		opened:  func(c *loop.Conn) { c.SetTimer(time.Millisecond) },
		message: func(_ *loop.Conn, m wire.Message) { got <- bytes.Equal(m.Payload, payload) },
	}
	h.timer = func(c *loop.Conn) {
		for range 8 { // the kept bytes are several frames, the first of them cut
			c.Write(frame)
			sent++
		}
		if loop.Kept(c) > 0 {
			close(full)
			return
		}
		c.SetTimer(time.Millisecond)
	}
	dial(t, 1, h, loop.Options{}, upgraded(func(c net.Conn) {
		<-full
		for {
			b, op, err := wsutil.ReadClientData(c)
			if err != nil || wsutil.WriteServerMessage(c, op, b) != nil {
				return
			}
		}
	}))
	<-full
	for range sent {
		if !<-got {
			t.Fatal("altered")
		}
	}
}

func TestAServerThatNeverReadsIsGivenUp(t *testing.T) {
	h := &handler{}
	frame := wire.AppendMasked(nil, wire.Binary, make([]byte, 60_000))
	h.opened = func(c *loop.Conn) { c.SetTimer(time.Millisecond) }
	h.timer = func(c *loop.Conn) { c.Write(frame); c.SetTimer(time.Millisecond) }
	release := make(chan struct{})
	defer close(release)
	dial(t, 1, h, loop.Options{}, upgraded(func(net.Conn) { <-release }))
	if got := (<-h.closed).Kind; got != loop.Stalled {
		t.Errorf("%v", got)
	}
}

func TestPingIsAnsweredAndLeavingIsClean(t *testing.T) {
	const n = 40
	ponged, closes := make(chan string, n), make(chan string, n)
	h := &handler{}
	lo, target := dial(t, n, h, loop.Options{}, upgraded(func(c net.Conn) {
		_ = ws.WriteFrame(c, ws.NewPingFrame([]byte("hello")))
		for {
			h, err := ws.ReadHeader(c)
			if err != nil {
				return
			}
			payload := make([]byte, h.Length)
			if _, err := io.ReadFull(c, payload); err != nil {
				return
			}
			ws.Cipher(payload, h.Mask, 0)
			switch h.OpCode {
			case ws.OpPong:
				ponged <- string(payload)
			case ws.OpClose:
				closes <- fmt.Sprint(ws.ParseCloseFrameData(payload))
				_ = ws.WriteFrame(c, ws.NewCloseFrame(payload))
			}
		}
	}))
	for range n {
		if got := <-ponged; got != "hello" {
			t.Errorf("pong %q", got)
		}
	}
	if err := lo.Do(func() {
		for i := range n {
			lo.Conn(i).Leave()
		}
	}); err != nil {
		t.Fatal(err)
	}
	for range n {
		if got := <-closes; !strings.HasPrefix(got, "1000") {
			t.Errorf("close %q", got)
		}
		if got := <-h.closed; got.Kind != loop.Left {
			t.Errorf("%v", got)
		}
	}
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	const timeWait = "06"
	for line := range strings.Lines(string(table)) {
		f := strings.Fields(line)
		if port := fmt.Sprintf(":%04X", target.Port()); f[3] == timeWait && (strings.HasSuffix(f[1], port) || strings.HasSuffix(f[2], port)) {
			t.Errorf("left in TIME_WAIT: %s", line)
		}
	}
}

func TestConnectionsComeFromSeveralAddresses(t *testing.T) {
	from := make(chan string, 9)
	dial(t, 9, &handler{}, loop.Options{}, upgraded(func(c net.Conn) {
		from <- netip.MustParseAddrPort(c.RemoteAddr().String()).Addr().String()
		_, _ = io.Copy(io.Discard, c)
	}))
	seen := map[string]int{}
	for range 9 {
		seen[<-from]++
	}
	if len(seen) != 3 || seen["127.0.0.2"] != 3 || seen["127.0.0.4"] != 3 {
		t.Errorf("%v", seen)
	}
}

func TestDoAfterTheEnd(t *testing.T) {
	lo, err := loop.New(1, netip.MustParseAddrPort("127.0.0.1:1"), nil, &handler{}, loop.Options{})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- lo.Run() }()
	if err := lo.Do(lo.Stop); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := lo.Do(func() { t.Error("ran") }); !errors.Is(err, loop.ErrStopped) {
		t.Errorf("%v", err)
	}
}
