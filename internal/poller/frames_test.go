package poller_test

import (
	"encoding/binary"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"pushd/internal/poller"
	"pushd/internal/poller/pollertest"
	"pushd/internal/testwait"
)

func TestEcho(t *testing.T) {
	s := start(t, hooks{message: echo}, poller.Options{})
	c := s.open()
	for _, m := range []string{"", "a", strings.Repeat("b", 125), strings.Repeat("c", 126), strings.Repeat("d", 65535), strings.Repeat("é", 32768), "日本語"} {
		c.send(text(m))
		c.expect(m)
	}
	c.send(frame(true, ws.OpPing, []byte("are you there")))
	if f := c.frame(); f.Header.OpCode != ws.OpPong || string(f.Payload) != "are you there" {
		t.Fatalf("no pong: %v %q", f.Header, f.Payload)
	}
	c.send(frame(true, ws.OpPong, []byte("unasked")))
	c.send(frame(true, ws.OpClose, ws.NewCloseFrameBody(1000, "bye")))
	c.expectClose(1000)
}

// TestBadFrames sends what RFC 6455 forbids and expects the right Close frame,
// then an ended connection, and a server that still serves others.
func TestBadFrames(t *testing.T) {
	s := start(t, hooks{message: echo}, poller.Options{MaxMessage: 1 << 16, MaxFragments: 100})
	long := func(first byte, length uint64) []byte {
		return binary.BigEndian.AppendUint64([]byte{first, 0x80 | 127}, length)
	}
	join := func(parts ...[]byte) (all []byte) {
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	closeBody := func(b ...byte) []byte { return frame(true, ws.OpClose, b) }
	code := func(n uint16) []byte { return closeBody(byte(n>>8), byte(n)) }
	for _, tc := range []struct {
		name string
		send []byte
		code int
	}{
		{"length 2^31", long(0x81, 1<<31), 1009},
		{"length 2^62", long(0x81, 1<<62), 1009},
		{"length 2^63-1", long(0x81, 1<<63-1), 1009},
		{"length with the top bit", long(0x81, 1<<63), 1002},
		{"length 2^64-1", long(0x81, 1<<64-1), 1002},
		{"1 GiB declared and nothing sent", long(0x81, 1<<30), 1009},
		{"one byte over the limit", text(strings.Repeat("a", 1<<16+1)), 1009},
		{"the same in 65 fragments", join(join(manyFragments(64, 1024)...), frame(true, ws.OpContinuation, []byte("a"))), 1009},
		{"too many fragments", join(manyFragments(101, 1)...), 1009},
		{"empty fragments without end", join(manyFragments(101, 0)...), 1009},
		{"unmasked", []byte{0x81, 1, 'a'}, 1002},
		{"reserved bit 1", []byte{0xc1, 0x80, 0, 0, 0, 0}, 1002},
		{"reserved bit 2", []byte{0xa1, 0x80, 0, 0, 0, 0}, 1002},
		{"reserved bit 3", []byte{0x91, 0x80, 0, 0, 0, 0}, 1002},
		{"opcode 3", []byte{0x83, 0x80, 0, 0, 0, 0}, 1002},
		{"opcode 7", []byte{0x87}, 1002},
		{"opcode 11", []byte{0x8b, 0x80, 0, 0, 0, 0}, 1002},
		{"opcode 15", []byte{0x8f}, 1002},
		{"ping of 126 bytes", []byte{0x89, 0x80 | 126, 0, 126, 0, 0, 0, 0}, 1002},
		{"fragmented ping", []byte{0x09, 0x80, 0, 0, 0, 0}, 1002},
		{"continuation without a start", frame(true, ws.OpContinuation, []byte("a")), 1002},
		{"continuation after a whole message", join(text("a"), frame(true, ws.OpContinuation, []byte("a"))), 1002},
		{"a message inside a fragmented one", join(frame(false, ws.OpText, []byte("a")), text("b")), 1002},
		{"binary", frame(true, ws.OpBinary, []byte{1, 2, 3}), 1003},
		{"bad UTF-8", frame(true, ws.OpText, []byte("\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80\x65")), 1007},
		{"overlong UTF-8", frame(true, ws.OpText, []byte{0xc0, 0xaf}), 1007},
		{"half a character at the end", frame(true, ws.OpText, []byte{'a', 0xe6, 0x97}), 1007},
		{"half a character before an ASCII fragment", join(frame(false, ws.OpText, []byte{0xe6, 0x97}), frame(false, ws.OpContinuation, []byte("a"))), 1007},
		{"bad UTF-8 in a fragment, message not ended", frame(false, ws.OpText, []byte{'a', 0xff}), 1007},
		{"half a character at the end of fragments", join(frame(false, ws.OpText, []byte{0xe6}), frame(true, ws.OpContinuation, []byte{0x97})), 1007},
		{"close with one byte", closeBody(3), 1002},
		{"close 0", code(0), 1002},
		{"close 999", code(999), 1002},
		{"close 1004", code(1004), 1002},
		{"close 1005", code(1005), 1002},
		{"close 1006", code(1006), 1002},
		{"close 1015", code(1015), 1002},
		{"close 1016", code(1016), 1002},
		{"close 2999", code(2999), 1002},
		{"close 5000", code(5000), 1002},
		{"close with bad UTF-8", closeBody(3, 0xe8, 0xff), 1007},
		{"close, empty", closeBody(), 1000},
		{"close 1001", code(1001), 1001},
		{"close 3000", code(3000), 3000},
		{"close 4999", code(4999), 4999},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s.t = t
			bystander := s.open()
			c := s.open()
			c.send(tc.send)
			c.expectClose(tc.code)
			c.Close()
			bystander.send(text("still here"))
			bystander.expect("still here")
		})
	}
}

// manyFragments is the beginning of a text message in n frames.
func manyFragments(n, size int) [][]byte {
	frames := make([][]byte, n)
	for i := range frames {
		op := ws.OpContinuation
		if i == 0 {
			op = ws.OpText
		}
		frames[i] = frame(false, op, []byte(strings.Repeat("a", size)))
	}
	return frames
}

// TestDeclaredLengthAllocatesNothing declares large frames on many connections
// and sends nothing of them.
func TestDeclaredLengthAllocatesNothing(t *testing.T) {
	s := start(t, hooks{message: echo}, poller.Options{MaxMessage: 1 << 30})
	conns := make([]*client, 20)
	for i := range conns {
		conns[i] = s.open()
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, c := range conns {
		c.send(binary.BigEndian.AppendUint64([]byte{0x81, 0x80 | 127}, 1<<30-1))
	}
	sent := uint64(len(conns) * (len(request()) + 10))
	testwait.Until(t, "headers to be read", s.metrics.Loop(0).BytesIn.Load, func(read uint64) bool { return read >= sent })
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 {
		t.Fatalf("%d bytes allocated for 20 declared gigabytes", grown)
	}
}

// TestPingFloodToDeafPeer sends pings and reads nothing: pongs must not queue.
func TestPingFloodToDeafPeer(t *testing.T) {
	s := start(t, hooks{}, poller.Options{SendBuffer: 64 << 10})
	c := s.open()
	flood := []byte(strings.Repeat(string(frame(true, ws.OpPing, make([]byte, 125))), 500))
	_ = c.SetWriteDeadline(time.Now().Add(2 * time.Second))
	for range 400 { // 26 MB of pings
		if _, err := c.Write(flood); err != nil {
			break
		}
	}
	other := s.open()
	other.send(frame(true, ws.OpPing, nil))
	if f := other.frame(); f.Header.OpCode != ws.OpPong {
		t.Fatal("another connection gets no pong")
	}
	if s.Connections() != 2 {
		t.Fatal("the flood ended the connection") // pongs were left out instead
	}
}

func TestPeerVanishes(t *testing.T) {
	why := make(chan poller.Reason, 1)
	s := start(t, hooks{closed: func(_ *peer, r poller.Reason) { why <- r }}, poller.Options{})
	c := s.open()
	c.Close()
	if r := <-why; r != poller.PeerGone {
		t.Fatal(r)
	}
	testwait.Equal(t, "the number of connections", 0, s.Connections)
}

// TestMessagesBeforeAHangUpAreKept sends much and closes at once.
func TestMessagesBeforeAHangUpAreKept(t *testing.T) {
	n := 0
	done := make(chan struct{})
	s := start(t, hooks{message: func(*peer, []byte) { n++ }, closed: func(*peer, poller.Reason) { close(done) }}, poller.Options{})
	c := s.open()
	const want = 2000
	c.send([]byte(strings.Repeat(string(text(strings.Repeat("x", 1000))), want)))
	c.Close()
	<-done
	if n != want {
		t.Fatalf("%d of %d messages", n, want)
	}
}

func TestCloseIsAnsweredAndWaitedFor(t *testing.T) {
	clock := pollertest.NewClock()
	s := start(t, hooks{message: func(p *peer, _ []byte) { p.Close(4004, strings.Repeat("ü", 200), "kicked") }},
		poller.Options{Clock: clock})
	c := s.open()
	c.send(text("bye"))
	f := c.frame()
	code, reason := ws.ParseCloseFrameData(f.Payload)
	if code != 4004 || len(f.Payload) > 125 || !strings.HasPrefix(reason, "üü") {
		t.Fatalf("%d %q", code, reason)
	}
	// Input after that is thrown away, and the peer that never closes is dropped.
	in := &s.metrics.Loop(0).BytesIn
	before := in.Load()
	c.send(text("ignored"))
	testwait.Until(t, "more bytes to come", in.Load, func(n uint64) bool { return n > before })
	clock.Pass(t, poller.Options{}.WithDefaults().CloseTimeout)
	if _, err := io.Copy(io.Discard, c.br); err != nil {
		t.Fatal(err)
	}
	testwait.Equal(t, "the number of connections", 0, s.Connections)
}
