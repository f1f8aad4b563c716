package api

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"sync/atomic"
	"syscall"
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
//
// It also hides from fasthttp that there are no descriptors, which would make it stop
// serving for good: accepting goes on when some are free.
type lingering struct {
	net.Listener
	log *slog.Logger
}

// acceptPause is how long accepting waits when there are no descriptors.
const acceptPause = 100 * time.Millisecond

func (l lingering) Accept() (net.Conn, error) {
	for logged := false; ; {
		c, err := l.Listener.Accept()
		switch {
		case err == nil:
			return &lingerConn{Conn: c}, nil
		case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE),
			errors.Is(err, syscall.ENOBUFS), errors.Is(err, syscall.ENOMEM):
			if !logged {
				logged = true
				l.log.Error("cannot accept connections; trying again ten times a second",
					slog.String("error", err.Error()),
					slog.String("cure", "raise the limit on open files (ulimit -n, LimitNOFILE=, fs.file-max)"))
			}
			time.Sleep(acceptPause)
		case errors.Is(err, syscall.ECONNABORTED):
		default:
			return nil, err
		}
	}
}

type lingerConn struct {
	net.Conn
	linger atomic.Bool
	ended  atomic.Bool // the client has ended its side, and Read has seen it
}

func (c *lingerConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if errors.Is(err, io.EOF) {
		c.ended.Store(true)
	}
	return n, err
}

// cutShort tells whether a body in chunks broke off. fasthttp reads one without
// its last chunk as if it were whole; but only for such a one does it have to read
// up to the end of the connection.
func cutShort(c net.Conn) bool {
	l, ok := c.(*lingerConn)
	return ok && l.ended.Load()
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
