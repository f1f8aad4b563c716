package api

import (
	"io"
	"net"
	"sync/atomic"
	"time"
)

// Bounds of what is read and thrown away after an error reply.
const (
	lingerTime  = time.Second
	lingerBytes = 4 << 20
)

// lingering is a listener whose connections can be closed so that the client
// gets the last reply even while it is still sending: a plain close with unread
// input makes the kernel send a reset, which overtakes the reply.
type lingering struct{ net.Listener }

func (l lingering) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &lingerConn{Conn: c}, nil
}

type lingerConn struct {
	net.Conn
	linger atomic.Bool
}

// linger has the connection's Close wait, within bounds, for the client to
// see the reply.
func linger(c net.Conn) {
	if c, ok := c.(*lingerConn); ok {
		c.linger.Store(true)
	}
}

func (c *lingerConn) Close() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok && c.linger.Swap(false) && half.CloseWrite() == nil {
		if c.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
			// How it ends doesn't matter; the close below ends it for good.
			_, _ = io.CopyN(io.Discard, c.Conn, lingerBytes)
		}
	}
	return c.Conn.Close()
}
