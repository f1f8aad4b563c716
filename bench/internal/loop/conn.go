package loop

import (
	"errors"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pushd/bench/internal/wire"
)

// Conn is one connection of a loop, reused from dial to dial. Only the loop,
// and so the handler's methods, may touch it.
type Conn struct {
	loop       *Loop
	in         wire.Stream
	out        []byte // what the socket did not take yet, nil mostly
	dialled    time.Duration
	id         int32
	fd         int32  // -1 when there is none
	generation uint32 // of the socket, to tell stale events
	state      state
	armedOut   bool // EPOLLOUT is asked for
	closeCode  int16
}

type state uint8

const (
	idle       state = iota
	connecting       // connect has not returned yet
	upgrading        // request sent, reply awaited
	open
	leaving // we sent Close first
	told    // the server sent Close first; closeCode says which
)

// ID is the connection's number, from 0.
func (c *Conn) ID() int { return int(c.id) }

// Dialled is the time at which the connection was last begun.
func (c *Conn) Dialled() time.Duration { return c.dialled }

// IsOpen tells whether messages may be written.
func (c *Conn) IsOpen() bool { return c.state == open }

// Write sends a prebuilt frame, or keeps what the socket does not take. The
// frame belongs to the caller again on return. On a connection that isn't open
// it does nothing: Closed was or will be called.
func (c *Conn) Write(frame []byte) {
	if c.state == open {
		c.send(frame)
	}
}

func (c *Conn) send(b []byte) {
	if len(c.out) > 0 {
		if len(c.out)+len(b) > maxOut {
			c.finish(Cause{Kind: Stalled})
			return
		}
		c.out = append(c.out, b...)
		return
	}
	n, errno := write(c.fd, b)
	switch {
	case errno == syscall.EAGAIN:
		n = 0
	case errno != 0:
		// The reason, perhaps a Close frame, may still wait to be read: let the read side find it.
		return
	}
	if n < len(b) {
		c.out = append(c.out, b[n:]...)
		c.watch(true)
	}
}

func (c *Conn) flush() {
	n, errno := write(c.fd, c.out)
	if errno != 0 {
		return
	}
	if c.out = c.out[n:]; len(c.out) == 0 {
		c.out = nil
		c.watch(false)
	}
}

func (c *Conn) watch(out bool) {
	if c.armedOut == out {
		return
	}
	c.armedOut = out
	ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: c.id, Pad: int32(c.generation)}
	if out {
		ev.Events |= unix.EPOLLOUT
	}
	if err := unix.EpollCtl(c.loop.wait.epoll, unix.EPOLL_CTL_MOD, int(c.fd), &ev); err != nil {
		c.finish(Cause{Kind: Failed, Err: err})
	}
}

// SetTimer makes the handler's Timer be called after d, once; it replaces the
// time set before. It does nothing on a connection that isn't open.
func (c *Conn) SetTimer(d time.Duration) {
	if c.state == open {
		c.loop.timers.set(c.id, c.loop.now+d)
	}
}

// StopTimer disarms the timer.
func (c *Conn) StopTimer() {
	if c.state == open {
		c.loop.timers.cancel(c.id)
	}
}

// Leave sends Close 1000, waits a while for the server's and resets the socket.
func (c *Conn) Leave() {
	switch c.state {
	case open:
		c.state = leaving
		c.loop.timers.set(c.id, c.loop.now+c.loop.opts.CloseTimeout)
		c.send(closeNormal)
	case connecting, upgrading:
		c.finish(Cause{Kind: Left})
	}
}

// Drop resets the socket at once, as an outage does; Closed is told Left.
func (c *Conn) Drop() { c.finish(Cause{Kind: Left}) }

var closeNormal = wire.AppendClose(nil, 1000)

func (c *Conn) onReadable() {
	l := c.loop
	for c.fd >= 0 {
		n, errno := read(c.fd, l.buf)
		if errno == syscall.EAGAIN {
			return
		}
		if errno != 0 || n == 0 {
			c.finish(c.ended(errno))
			return
		}
		if c.state == told {
			continue // nothing counts after the server's Close
		}
		l.now = l.Clock()
		l.cur = c
		if err := c.in.Feed(l.buf[:n], l.opts.MaxMessage, l.emit); err != nil {
			if !errors.Is(err, wire.ErrStop) {
				c.finish(refusal(err))
			}
			return
		}
		if n < len(l.buf) {
			return
		}
	}
}

// ended says why a socket that has no more to read has ended.
func (c *Conn) ended(errno syscall.Errno) Cause {
	switch {
	case c.state == leaving:
		return Cause{Kind: Left}
	case c.state == told:
		return Cause{Kind: Closed, Code: int(c.closeCode)}
	case errno != 0:
		return Cause{Kind: Failed, Err: errno}
	}
	return Cause{Kind: Dropped}
}

// onMessage takes one message of the connection that is being fed.
func (l *Loop) onMessage(m wire.Message) error {
	c := l.cur
	switch m.Opcode {
	case wire.Upgraded:
		c.state = open
		l.pending--
		l.timers.cancel(c.id)
		l.handler.Opened(c)
	case wire.Ping:
		if c.state == open {
			c.send(wire.AppendMasked(nil, wire.Pong, m.Payload))
		}
	case wire.Close:
		return c.onClose(m.Payload)
	default:
		if c.state == open {
			l.handler.Message(c, m)
		}
	}
	if c.fd < 0 {
		return wire.ErrStop
	}
	l.cur = c
	return nil
}

func (c *Conn) onClose(payload []byte) error {
	if c.state == leaving {
		c.finish(Cause{Kind: Left})
		return wire.ErrStop
	}
	// RFC 6455, section 7.1.1: the server closes the TCP connection first, so wait for it.
	c.state, c.closeCode = told, int16(wire.CloseCode(payload))
	c.loop.timers.set(c.id, c.loop.now+c.loop.opts.CloseTimeout)
	c.send(wire.AppendMasked(nil, wire.Close, payload))
	return wire.ErrStop
}

func (c *Conn) onTimer() {
	switch c.state {
	case open:
		c.loop.handler.Timer(c)
	case connecting, upgrading:
		c.finish(Cause{Kind: TimedOut})
	case leaving, told:
		c.finish(c.ended(0))
	}
}

// finish gives up the socket and tells the handler.
func (c *Conn) finish(why Cause) {
	l := c.loop
	if c.fd < 0 {
		return
	}
	if c.state == connecting || c.state == upgrading {
		l.pending--
	}
	reset(c.fd)
	c.fd, c.state, c.armedOut, c.closeCode = -1, idle, false, 0
	c.out, c.in = nil, wire.Stream{}
	l.timers.cancel(c.id)
	l.handler.Closed(c, why)
}
