package poller

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"syscall"

	"github.com/cloudwego/netpoll"
)

// passToHTTP gives a connection whose request is not a WebSocket handshake to
// Options.Handoff, with the bytes that were read put back in front.
func (c *Conn) passToHTTP(read []byte) {
	l := c.loop
	if l.server.opts.Handoff == nil {
		c.refuse(http.StatusNotFound, "not_found", "there is nothing here but the WebSocket endpoint")
		return
	}
	// The descriptor is duplicated: ours is closed with the operator as always,
	// and the runtime's poller gets one of its own.
	_ = c.op.Control(netpoll.PollDetach)
	conn, err := netConn(c.op.FD)
	if err != nil {
		l.server.metrics.Fault("handoff")
		if l.logEvery("handoff") {
			l.server.log.Error("cannot hand over an HTTP request, so its connection is closed", slog.Any("error", err))
		}
		c.release(HandshakeFailed)
		return
	}
	prefixed := &prefixConn{TCPConn: conn, prefix: append([]byte(nil), read...), server: l.server}
	l.server.handedOff.Add(1)
	if c.is(limited) {
		c.unset(limited)
		prefixed.counted, prefixed.address = true, c.address
	}
	c.release(HandedOff)
	if !l.server.opts.Handoff(prefixed) {
		l.server.metrics.Refused("http_busy")
		_, _ = prefixed.Write([]byte(busyReply))
		_ = prefixed.Close()
	}
}

func netConn(fd int) (*net.TCPConn, error) {
	dup, err := syscall.Dup(fd)
	if err != nil {
		return nil, err
	}
	syscall.CloseOnExec(dup)
	f := os.NewFile(uintptr(dup), "tcp")
	defer func() { _ = f.Close() }() // FileConn made a descriptor of its own
	conn, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		_ = conn.Close()
		return nil, fmt.Errorf("socket %d is a %T, not TCP", fd, conn)
	}
	return tcp, nil
}

// prefixConn is a connection some of whose input was already read. It embeds the
// whole TCP connection, since an HTTP server wants its CloseWrite.
type prefixConn struct {
	*net.TCPConn
	prefix []byte
	server *Server
	closed atomic.Bool

	counted bool // in the per-address limit, under address
	address [16]byte
}

// Close closes the connection, which then counts under no limit any more.
func (p *prefixConn) Close() error {
	if p.closed.CompareAndSwap(false, true) {
		p.server.handedOff.Add(-1)
		if p.counted {
			p.server.peers.leave(p.address)
		}
	}
	return p.TCPConn.Close()
}

func (p *prefixConn) Read(b []byte) (int, error) {
	if len(p.prefix) > 0 {
		n := copy(b, p.prefix)
		p.prefix = p.prefix[n:]
		return n, nil
	}
	return p.TCPConn.Read(b)
}
