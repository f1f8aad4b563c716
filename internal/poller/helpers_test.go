package poller_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"go.uber.org/goleak"

	"pushd/internal/metrics"
	"pushd/internal/poller"
	"pushd/internal/testlog"
)

func TestMain(m *testing.M) {
	// netpoll starts its own pollers when it is linked in.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/cloudwego/netpoll.(*defaultPoll).Wait"))
}

// peer is a handler made of functions; what is nil does nothing.
type peer struct {
	poller.Conn
	hooks *hooks
}

type hooks struct {
	opened  func(*peer, *poller.Handshake)
	message func(*peer, []byte)
	expired func(*peer)
	closed  func(*peer, poller.Reason)
}

func (p *peer) Opened(_ *poller.Conn, h *poller.Handshake) {
	if p.hooks.opened != nil {
		p.hooks.opened(p, h)
	}
}

func (p *peer) Message(_ *poller.Conn, b []byte) {
	if p.hooks.message != nil {
		p.hooks.message(p, b)
	}
}

func (p *peer) Expired(*poller.Conn) {
	if p.hooks.expired != nil {
		p.hooks.expired(p)
	}
}

func (p *peer) Closed(_ *poller.Conn, why poller.Reason) {
	if p.hooks.closed != nil {
		p.hooks.closed(p, why)
	}
}

// echo answers each message with itself.
func echo(p *peer, b []byte) { p.WriteMessage(b) }

type server struct {
	*poller.Server
	t       testing.TB
	addr    string
	log     *testlog.Buffer
	metrics *metrics.Metrics
}

// start runs a server of one loop, unless opts say otherwise, until the test ends.
func start(t testing.TB, h hooks, opts poller.Options) *server {
	t.Helper()
	if opts.Loops == 0 {
		opts.Loops = 1
	}
	log, m := &testlog.Buffer{}, metrics.New(opts.Loops)
	s, err := poller.New(m, slog.New(slog.NewTextHandler(log, nil)), opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(context.Background(), "127.0.0.1:0", func() (*poller.Conn, poller.Handler) {
		p := &peer{hooks: &h}
		return &p.Conn, p
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Error("shutdown:", err)
		}
	})
	return &server{Server: s, t: t, addr: s.Addr().String(), log: log, metrics: m}
}

// client is a raw connection with deadlines.
type client struct {
	net.Conn
	t  testing.TB
	br *bufio.Reader
}

func (s *server) dial() *client {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	return &client{Conn: conn, t: s.t, br: bufio.NewReader(conn)}
}

const key = "dGhlIHNhbXBsZSBub25jZQ=="

func request(headers ...string) string {
	return "GET /ws HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key + "\r\n" + strings.Join(headers, "") + "\r\n"
}

// open dials and completes the opening handshake.
func (s *server) open(headers ...string) *client {
	s.t.Helper()
	c := s.dial()
	c.send([]byte(request(headers...)))
	c.upgraded()
	return c
}

func (c *client) send(b []byte) {
	c.t.Helper()
	if _, err := c.Write(b); err != nil {
		c.t.Fatal("write:", err)
	}
}

// upgraded reads the answer to the handshake and checks it.
func (c *client) upgraded() (header string) {
	c.t.Helper()
	header = c.response()
	if !strings.HasPrefix(header, "HTTP/1.1 101 ") || !strings.Contains(header, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") {
		c.t.Fatalf("not upgraded: %q", header)
	}
	return header
}

// response reads the head of an HTTP response.
func (c *client) response() string {
	c.t.Helper()
	var b strings.Builder
	for {
		line, err := c.br.ReadString('\n')
		b.WriteString(line)
		if err != nil {
			c.t.Fatalf("response ended after %q: %v", b.String(), err)
		}
		if line == "\r\n" {
			return b.String()
		}
	}
}

// text is a masked text frame.
func text(s string) []byte { return frame(true, ws.OpText, []byte(s)) }

func frame(fin bool, op ws.OpCode, payload []byte) []byte {
	f := ws.MaskFrameWith(ws.NewFrame(op, fin, payload), [4]byte{1, 2, 3, 4})
	var b bytes.Buffer
	if err := ws.WriteFrame(&b, f); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// maxFrame bounds what a test takes for one frame.
const maxFrame = 32 << 20

// readFrame reads a whole frame that the server sent.
func readFrame(r io.Reader) (ws.Frame, error) {
	h, err := ws.ReadHeader(r)
	if err != nil {
		return ws.Frame{}, err
	}
	if h.Length > maxFrame {
		return ws.Frame{}, fmt.Errorf("a frame of %d bytes", h.Length)
	}
	payload := make([]byte, h.Length)
	_, err = io.ReadFull(r, payload)
	return ws.Frame{Header: h, Payload: payload}, err
}

// frame reads one frame.
func (c *client) frame() ws.Frame {
	c.t.Helper()
	f, err := readFrame(c.br)
	if err != nil {
		c.t.Fatal("waiting for a frame:", err)
	}
	return f
}

// expect reads one text message.
func (c *client) expect(want string) {
	c.t.Helper()
	f, err := readFrame(c.br)
	if err != nil {
		c.t.Fatalf("waiting for %q: %v", want, err)
	}
	if f.Header.OpCode != ws.OpText || string(f.Payload) != want {
		c.t.Fatalf("got %v %.200q, want text %.200q", f.Header.OpCode, f.Payload, want)
	}
}

// expectClose reads up to a Close frame, checks its code, and that the stream
// then ends.
func (c *client) expectClose(code int) {
	c.t.Helper()
	for {
		f, err := readFrame(c.br)
		if err != nil {
			c.t.Fatalf("waiting for close %d: %v", code, err)
		}
		if f.Header.OpCode != ws.OpClose {
			continue
		}
		got, reason := ws.ParseCloseFrameData(f.Payload)
		if int(got) != code {
			c.t.Fatalf("closed with %d %q, want %d", got, reason, code)
		}
		break
	}
	if n, err := io.Copy(io.Discard, c.br); err != nil || n != 0 {
		c.t.Fatalf("after Close: %d bytes, %v", n, err)
	}
}

// on runs f on loop 0 and waits for it.
func (s *server) on(f func()) {
	s.t.Helper()
	done := make(chan struct{})
	if !s.Post(0, func() bool { f(); close(done); return false }) {
		s.t.Fatal("mailbox refused")
	}
	<-done
}

var never time.Time // no deadline
