package poller

import (
	"net/netip"
	"syscall"
	"time"

	"github.com/cloudwego/netpoll"
	"golang.org/x/sys/unix"

	"pushd/internal/wheel"
)

// state is where a connection is in its life; it only ever goes up.
type state uint8

const (
	stateHandshake state = iota // reading the request
	stateOpen                   // frames both ways
	stateClosing                // our Close or refusal is on its way; input is thrown away
	stateClosed                 // the descriptor is gone
)

// flags are what else there is to know about a connection, in two bytes: the
// whole of a logged-in connection fits Go's size class of 320 bytes.
type flags uint16

const (
	dirty    flags = 1 << iota // listed in loop.dirty
	paused                     // the handler wants no messages now
	watched                    // the poll has the socket
	unwanted                   // input waits while paused: the poll is to let the socket go
	hungUp                     // the poll reported a hang-up; the rest is read without it
	writing                    // EPOLLOUT is watched
	finished                   // output is complete; FIN was sent
	echoed                     // the peer closed first and our Close answers it
	overrun                    // over the send buffer; listed in loop.overruns
	limited                    // counted in the per-address limit
	marked                     // the handler's own
)

func (c *Conn) is(f flags) bool { return c.flags&f != 0 }
func (c *Conn) set(f flags)     { c.flags |= f }
func (c *Conn) unset(f flags)   { c.flags &^= f }

// Conn is one connection. It is meant to be embedded in its handler's struct, so
// that a connection is one allocation. All methods are for the loop that owns
// the connection, unless they say otherwise.
type Conn struct {
	// immutable after attach
	loop    *Loop
	handler Handler

	// owned by the loop, and by netpoll while an event is handled
	op netpoll.FDOperator

	// owned by the loop
	in       *inbuf  // an incomplete handshake, frame or message; nil between messages
	out      *outbuf // what the kernel did not take; nil when nothing waits
	timer    wheel.Node[Conn]
	deadline uint32 // the handler's deadline, in ticks; 0 is none
	seen     uint32 // tick of the last complete frame from the peer
	bytesIn  uint64
	bytesOut uint64
	msgsIn   uint32
	msgsOut  uint32
	port     uint16
	flags    flags
	address  [16]byte
	state    state

	// Counts of the handler, which the poller leaves alone, as it does Mark. They fill what
	// would be padding, and the handler's struct is four bytes smaller for it.
	Refusals uint8
	Faults   uint16
}

// Stats are a connection's totals.
type Stats struct {
	BytesIn, BytesOut       uint64        // on the socket, handshake and headers included
	MessagesIn, MessagesOut uint64        // text messages
	IdleFor                 time.Duration // since the last complete frame, to a quarter of a second
}

// attach gives a fresh Conn its socket.
func (c *Conn) attach(l *Loop, fd int, peer netip.AddrPort, h Handler) {
	c.loop, c.handler = l, h
	c.op = *l.operators
	c.op.FD = fd
	c.op.OnRead = c.onRead
	c.op.OnHup = c.onHup
	c.setAddress(peer)
	c.seen = l.Now()
	l.server.open.Add(1)
}

// Loop is the event loop that owns the connection. Any goroutine may ask.
func (c *Conn) Loop() *Loop { return c.loop }

// Address is the client's: the peer's, or what a trusted proxy said it is.
// Any goroutine may ask once Opened was called.
func (c *Conn) Address() netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom16(c.address).Unmap(), c.port)
}

func (c *Conn) setAddress(a netip.AddrPort) {
	c.address, c.port = a.Addr().As16(), a.Port()
}

// Stats are the connection's totals so far.
func (c *Conn) Stats() Stats {
	return Stats{
		BytesIn: c.bytesIn, BytesOut: c.bytesOut,
		MessagesIn: uint64(c.msgsIn), MessagesOut: uint64(c.msgsOut),
		IdleFor: time.Duration(c.loop.Now()-c.seen) * tick,
	}
}

// Seen is the tick of the last complete frame from the peer.
func (c *Conn) Seen() uint32 { return c.seen }

// Open tells whether messages can still be written.
func (c *Conn) Open() bool { return c.state == stateOpen }

// PeerClosed tells whether the peer has ended its side, also where the loop has
// not come to see it because the connection is paused. It is a system call.
func (c *Conn) PeerClosed() bool {
	if c.state == stateClosed || c.is(hungUp) {
		return true
	}
	fds := []unix.PollFd{{Fd: int32(c.op.FD), Events: unix.POLLRDHUP}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n > 0
}

// Abort ends the connection at once, without a Close frame.
func (c *Conn) Abort(why Reason) { c.release(why) }

// SetDeadline arms Handler.Expired for a tick of the loop's clock, instead of
// the deadline set before. 0 disarms it.
func (c *Conn) SetDeadline(at uint32) {
	if c.state != stateOpen {
		return
	}
	c.deadline = at
	c.rearm()
}

// Ticks converts a duration to ticks, rounded up.
func Ticks(d time.Duration) uint32 {
	return uint32(min((d+tick-1)/tick, 1<<30))
}

// rearm sets the one timer of an open connection to the handler's deadline, or to
// when its output is too old, whichever is earlier. Each connection is always in the
// wheel, which is also how the loop finds all of them.
func (c *Conn) rearm() {
	at := c.loop.Now() + 1<<20
	if c.deadline != 0 {
		at = c.deadline
	}
	if c.out != nil {
		at = min(at, c.out.oldest()+Ticks(c.loop.server.opts.WriteTimeout))
	}
	c.arm(at)
}

func (c *Conn) arm(at uint32) { c.loop.wheel.Arm(c, at) }

// expire is called by the wheel.
func (c *Conn) expire() {
	defer c.loop.guard(c)
	now := c.loop.Now()
	switch c.state {
	case stateHandshake:
		c.loop.server.metrics.Refused("timeout")
		c.release(HandshakeTimeout)
	case stateClosing:
		c.release(PeerGone)
	case stateOpen:
		if c.out != nil && c.out.oldest()+Ticks(c.loop.server.opts.WriteTimeout) <= now {
			c.closeSlow()
			return
		}
		if c.deadline != 0 && c.deadline <= now {
			c.deadline = 0
			c.handler.Expired(c)
		}
		if c.state == stateOpen {
			c.rearm()
		}
	}
}

// onHup is called by netpoll on a goroutine of its own, after it has stopped
// watching the socket.
func (c *Conn) onHup(netpoll.Poll) error {
	c.loop.postAlways(func() bool {
		if c.state != stateClosed {
			c.unset(watched)
			c.set(hungUp)
			c.readSocket()
		}
		return false
	})
	return nil
}

// release closes the descriptor and gives the buffers back. The Conn itself is kept
// for a while; see Loop.forget.
func (c *Conn) release(why Reason) {
	if c.state == stateClosed {
		return
	}
	l, was := c.loop, c.state
	c.state = stateClosed
	c.drop()
	l.wheel.Cancel(c)
	_ = c.op.Control(netpoll.PollDetach)
	_ = syscall.Close(c.op.FD)
	c.op.FD = -1
	l.server.socketClosed()
	l.closedThisTick = append(l.closedThisTick, c)
	c.ended(was, why)
}

// drop gives the buffers back.
func (c *Conn) drop() {
	if c.in != nil {
		c.loop.putIn(c.in)
		c.in = nil
	}
	if c.out != nil {
		c.loop.putOut(c.out)
		c.out = nil
	}
}

// ended counts the end of a connection and tells its handler, once: when the
// connection leaves the open state or, if it never was open, when it is closed.
func (c *Conn) ended(was state, why Reason) {
	l := c.loop
	if c.is(limited) {
		c.unset(limited)
		l.server.peers.leave(c.address)
	}
	switch was {
	case stateHandshake:
		l.server.metrics.Closed(string(why))
	case stateOpen:
		l.server.metrics.Closed(string(why))
		l.stats.Connections.Add(-1)
		c.handler.Closed(c, why)
	}
}

// Mark is a bit of the handler's own, which the poller leaves alone. It belongs to
// the connection's loop.
func (c *Conn) Mark() bool { return c.flags&marked != 0 }

// SetMark sets or clears Mark.
func (c *Conn) SetMark(on bool) {
	if on {
		c.flags |= marked
	} else {
		c.flags &^= marked
	}
}
