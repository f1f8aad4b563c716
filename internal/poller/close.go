package poller

import (
	"encoding/binary"
	"fmt"
	"net/http"
	"syscall"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// Close sends a Close frame with a code and a text for people (cut to the 123
// bytes that fit), after what is already queued, and ends the connection. The
// handler's Closed is called before Close returns. It does nothing on a
// connection that isn't open.
func (c *Conn) Close(code int, text string, why Reason) {
	if c.state == stateOpen {
		c.closeWith(code, text, why)
	}
}

func (c *Conn) closeWith(code int, text string, why Reason) {
	for len(text) > ws.MaxControlFramePayloadSize-2 {
		_, size := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-size]
	}
	var payload [ws.MaxControlFramePayloadSize]byte
	binary.BigEndian.PutUint16(payload[:], uint16(code))
	n := 2 + copy(payload[2:], text)
	if why == PeerClosed {
		c.set(echoed)
	}
	was := c.state
	c.state = stateClosing // from here on the send buffer's bound is no reason
	c.writeFrame(ws.OpClose, payload[:n])
	c.startClosing(was, why)
}

// refuse answers an opening handshake with an HTTP status.
func (c *Conn) refuse(status int, reason, text string) {
	c.loop.server.metrics.Refused(reason)
	c.writeRaw(fmt.Appendf(nil,
		"HTTP/1.1 %d %s\r\nContent-Type: text/plain; charset=utf-8\r\n"+
			"Connection: close\r\nContent-Length: %d\r\n\r\n%s\n",
		status, http.StatusText(status), len(text)+1, text))
	c.startClosing(c.state, HandshakeFailed)
}

// startClosing leaves the handshake or the open state: nothing more is read or
// written but what is queued, then our side of the stream ends (FIN), and the
// peer has CloseTimeout to end its own. Closing the descriptor at once would
// reset the connection when input is unread, and the peer would lose the Close
// frame that tells it why.
func (c *Conn) startClosing(was state, why Reason) {
	c.state = stateClosing
	c.deadline = 0
	c.unset(paused)
	if c.in != nil {
		c.loop.putIn(c.in)
		c.in = nil
	}
	c.arm(c.loop.Now() + Ticks(c.loop.server.opts.CloseTimeout))
	c.watch()
	c.ended(was, why)
	if c.state == stateClosing && c.loop.reading != c && c.out == nil {
		c.finish()
	}
}

// finish is called when the last queued byte of a closing connection is written.
func (c *Conn) finish() {
	if c.is(echoed) || c.is(hungUp) {
		c.release(PeerClosed)
		return
	}
	if !c.is(finished) {
		c.set(finished)
		_ = syscall.Shutdown(c.op.FD, syscall.SHUT_WR)
	}
}

// fail ends a connection whose handler panicked.
func (c *Conn) fail() {
	defer func() {
		if recover() != nil {
			// The handler has panicked in Closed too, which is not called again.
			c.release(Panicked)
		}
	}()
	c.loop.wbuf = c.loop.wbuf[:0]
	switch c.state {
	case stateOpen:
		c.Close(CodeInternal, "internal error", Panicked)
	case stateHandshake:
		c.release(Panicked)
	}
}
