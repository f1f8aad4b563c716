package poller_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"pushd/internal/poller"
	"pushd/internal/testwait"
)

// plenty is more than the kernel keeps for one connection, in messages of 64 KiB.
const plenty = 512

// patientOptions let all of plenty wait for a peer that reads late.
var patientOptions = poller.Options{SendBuffer: 64 << 20, WriteTimeout: testwait.Patience}

func numbered(n int) string { return fmt.Sprintf("%08d", n) + strings.Repeat("p", 64<<10-8) }

// writePlenty writes messages that expectPlenty reads.
func (p *peer) writePlenty() {
	for n := range plenty {
		p.Write(serverText(numbered(n)))
	}
}

func (c *client) expectPlenty() {
	c.t.Helper()
	for n := range plenty {
		c.expect(numbered(n))
	}
}

// inOneTurn keeps the loop busy until it has all of these tasks, which then run in one
// turn.
func (s *server) inOneTurn(tasks ...func()) {
	s.t.Helper()
	hold, held, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	s.Post(0, func() bool { close(held); <-hold; return false })
	<-held
	for _, task := range append(tasks, func() { close(done) }) {
		s.Post(0, func() bool { task(); return false })
	}
	close(hold)
	<-done
}

// TestPeerThatReadsLate has more written than the kernel takes, in each of the
// ways in which the rest comes to wait until the socket takes more.
func TestPeerThatReadsLate(t *testing.T) {
	for _, test := range []struct {
		name   string
		write  func(s *server, c *client, p *peer)
		echoed []string // beside what is written
	}{
		{"at once", func(s *server, _ *client, p *peer) { s.on(p.writePlenty) }, nil},
		{"gathered in one turn", func(s *server, _ *client, p *peer) {
			s.inOneTurn(p.writePlenty, func() {})
		}, nil},
		{"before the poll lets go of it", func(s *server, c *client, p *peer) {
			s.on(func() { p.writePlenty(); p.Pause() })
			c.letGo(s, p)
			s.on(p.Resume)
		}, []string{"unread"}},
		{"while the poll has let go of it", func(s *server, c *client, p *peer) {
			s.on(p.Pause)
			c.letGo(s, p)
			s.on(p.writePlenty)
			s.on(p.Resume)
		}, []string{"unread"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var all collect
			s := start(t, hooks{opened: all.opened, message: echo}, patientOptions)
			c := s.open()
			_ = c.SetDeadline(time.Now().Add(testwait.Patience))
			p := all.wait(t, 1)[0]
			test.write(s, c, p)
			c.send(text("after all"))
			c.expectPlenty()
			for _, text := range append(test.echoed, "after all") {
				c.expect(text)
			}
		})
	}
}

// letGo sends to a paused connection and waits until the poll has let go of it.
func (c *client) letGo(s *server, p *peer) {
	c.t.Helper()
	c.send(text("unread"))
	testwait.Equal(c.t, "whether the poll watches the connection", false, func() (watched bool) {
		s.on(func() { watched = p.Watched() })
		return watched
	})
}

func TestSeveralFramesInOneWrite(t *testing.T) {
	want := []string{"a", strings.Repeat("b", 200), strings.Repeat("c", 70000), "d"}
	half := strings.Repeat("h", 20<<10)
	var frames []byte
	for _, text := range want {
		frames = append(frames, serverText(text)...)
	}
	var all collect
	s := start(t, hooks{opened: all.opened, message: func(p *peer, _ []byte) {
		p.WriteMessage([]byte("before"))
		p.Write(frames)           // too long for what gathers while input is processed
		p.Write(serverText(half)) // what gathers has room for one of them
		p.Write(serverText(half))
		p.Write(serverText("after"))
	}}, poller.Options{})
	c := s.open()
	p := all.wait(t, 1)[0]
	s.on(func() { p.Write(frames) })
	for _, text := range want {
		c.expect(text)
	}
	c.send(text("now"))
	for _, text := range append(append([]string{"before"}, want...), half, half, "after") {
		c.expect(text)
	}
	s.on(func() {
		if n := p.Stats().MessagesOut; n != 12 {
			t.Errorf("%d messages counted of 12", n)
		}
	})
}

// fill writes to a connection's socket past the poller until the kernel takes no
// byte more.
func (p *peer) fill() (n int, err error) {
	for junk := make([]byte, 64<<10); ; {
		wrote, err := syscall.Write(p.FD(), junk)
		n += max(wrote, 0)
		switch {
		case errors.Is(err, syscall.EAGAIN) && len(junk) == 1:
			return n, nil
		case errors.Is(err, syscall.EAGAIN):
			junk = junk[:1]
		case err != nil:
			return n, err
		}
	}
}

// TestSlowConsumerThatGotNothing has the whole queue thrown away: no part of it
// is on the wire, so the Close frame can be next.
func TestSlowConsumerThatGotNothing(t *testing.T) {
	var all collect
	s := start(t, hooks{opened: all.opened}, poller.Options{SendBuffer: 100 << 10, CloseTimeout: testwait.Patience})
	c := s.open()
	_ = c.SetDeadline(time.Now().Add(testwait.Patience))
	p := all.wait(t, 1)[0]
	var junk int
	s.on(func() {
		var err error
		if junk, err = p.fill(); err != nil {
			t.Error(err)
		}
		for range 3 {
			p.Write(serverText(strings.Repeat("z", 60<<10)))
		}
	})
	rest, err := io.ReadAll(c.br)
	if err != nil || len(rest) < junk {
		t.Fatalf("%d bytes of at least %d, %v", len(rest), junk, err)
	}
	f, err := readFrame(bytes.NewReader(rest[junk:]))
	if err != nil || f.Header.OpCode != ws.OpClose || binary.BigEndian.Uint16(f.Payload) != poller.CodeSlowConsumer {
		t.Errorf("%+v, %v", f, err)
	}
}

// TestSlowConsumerThatIsClosedOtherwise goes over its send buffer and is closed
// for another reason before the loop comes to it.
func TestSlowConsumerThatIsClosedOtherwise(t *testing.T) {
	var all collect
	s := start(t, hooks{opened: all.opened}, poller.Options{SendBuffer: 100 << 10})
	c := s.open()
	p := all.wait(t, 1)[0]
	s.inOneTurn(func() {
		for range 3 {
			p.WriteMessage([]byte(strings.Repeat("z", 60<<10)))
		}
		p.WriteMessage([]byte("dropped")) // it is as good as closed
		p.Ping()
		p.Close(4004, "", "kicked")
		p.WriteMessage([]byte("too late"))
		p.Ping()
	})
	c.expectClose(4004)
}

func TestPing(t *testing.T) {
	var all collect
	s := start(t, hooks{opened: all.opened}, poller.Options{})
	c := s.open()
	p := all.wait(t, 1)[0]
	s.on(p.Ping)
	if f := c.frame(); f.Header.OpCode != ws.OpPing || f.Header.Length != 0 {
		t.Errorf("%+v", f)
	}
}

// TestFullSocket has what was gathered in a turn meet a socket that takes nothing.
func TestFullSocket(t *testing.T) {
	var all collect
	s := start(t, hooks{opened: all.opened}, poller.Options{})
	c := s.open()
	p := all.wait(t, 1)[0]
	var junk int
	s.inOneTurn(func() {
		var err error
		if junk, err = p.fill(); err != nil {
			t.Error(err)
		}
		p.WriteMessage([]byte("one"))
	})
	if _, err := io.CopyN(io.Discard, c.br, int64(junk)); err != nil {
		t.Fatal(err)
	}
	c.expect("one")
}

// TestBrokenSocket writes to a peer that has reset the connection, before the
// poll has told: nothing comes of it but the end that the poll reports.
func TestBrokenSocket(t *testing.T) {
	for name, run := range map[string]func(*server, func()){
		"at once":              func(s *server, write func()) { s.on(write) },
		"gathered in one turn": func(s *server, write func()) { s.inOneTurn(write) },
	} {
		t.Run(name, func(t *testing.T) {
			var all collect
			why := make(chan poller.Reason, 2)
			s := start(t, hooks{opened: all.opened, closed: func(_ *peer, r poller.Reason) { why <- r }}, poller.Options{})
			c := s.open()
			p := all.wait(t, 1)[0]
			run(s, func() {
				_ = c.Conn.(*net.TCPConn).SetLinger(0) // to be closed by a reset
				_ = c.Close()
				p.WriteMessage([]byte("for nobody"))
				if !p.Open() {
					t.Error("a write closed the connection")
				}
			})
			if r := <-why; r != poller.PeerGone {
				t.Error(r)
			}
		})
	}
}
