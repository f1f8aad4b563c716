package poller

import (
	"log/slog"
	"net/netip"
	"syscall"

	"pushd/internal/metrics"
)

// Feeder is an open connection whose input comes from a test instead of the
// poll. Its loop does not run.
type Feeder struct {
	server *Server
	conn   Conn
	peer   int
}

type feedHandler func([]byte)

func (feedHandler) Opened(*Conn, *Handshake)    {}
func (f feedHandler) Message(_ *Conn, b []byte) { f(b) }
func (feedHandler) Expired(*Conn)               {}
func (feedHandler) Closed(*Conn, Reason)        {}

// NewFeeder makes a connection that calls message.
func NewFeeder(message func([]byte)) *Feeder {
	s, err := New(metrics.New(1), slog.New(slog.DiscardHandler), Options{Loops: 1})
	if err != nil {
		panic(err)
	}
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK, 0)
	if err != nil {
		panic(err)
	}
	f := &Feeder{server: s, peer: pair[1]}
	f.conn.attach(s.loops[0], pair[0], netip.AddrPort{}, feedHandler(message))
	f.conn.state = stateOpen
	return f
}

// Feed processes bytes as if they had been read.
func (f *Feeder) Feed(b []byte) { f.conn.process(b) }

// Close frees what NewFeeder made.
func (f *Feeder) Close() {
	f.conn.release(Stopped)
	_ = syscall.Close(f.peer)
	f.server.loops[0].free()
}

// FD is the connection's descriptor; on its loop only.
func (c *Conn) FD() int { return c.op.FD }

// Watched tells whether the poll watches the connection; on its loop only.
func (c *Conn) Watched() bool { return c.is(watched) }
