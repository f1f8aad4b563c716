package loop

import (
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// dialSome begins the dials that are due and returns how long until the next.
func (l *Loop) dialSome() time.Duration {
	if len(l.queue) == 0 {
		return Never
	}
	gap := time.Duration(float64(time.Second) / l.opts.Rate)
	// What was missed while the loop was busy is caught up with, but not in a burst of its own.
	l.dialAt = max(l.dialAt, l.now-dialsPerRun*gap)
	begun := 0
	for begun < len(l.queue) && begun < dialsPerRun && l.pending < l.opts.Pending && l.dialAt <= l.now {
		c := &l.conns[l.queue[begun]]
		begun++
		l.dialAt += gap
		if c.fd < 0 {
			c.dial()
		}
	}
	l.queue = l.queue[:copy(l.queue, l.queue[begun:])]
	switch {
	case len(l.queue) == 0 || l.pending >= l.opts.Pending:
		return Never // the end of a handshake wakes the loop
	default:
		return max(l.dialAt-l.now, 0)
	}
}

// SetPace changes how fast the next connections are dialled. Loop only.
func (l *Loop) SetPace(rate float64, pending int) { l.opts.Rate, l.opts.Pending = rate, pending }

func (c *Conn) dial() {
	l := c.loop
	c.dialled = l.now
	var source netip.Addr
	if n := len(l.opts.Sources); n > 0 {
		source = l.opts.Sources[l.dials%n]
	}
	l.dials++
	fd, err := openSocket(source, l.target)
	if err == nil {
		c.generation++
		ev := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT, Fd: c.id, Pad: int32(c.generation)}
		if err = unix.EpollCtl(l.wait.epoll, unix.EPOLL_CTL_ADD, fd, &ev); err != nil {
			_ = unix.Close(fd)
		}
	}
	if err != nil {
		if isLocalLimit(err) {
			err = fmt.Errorf("this machine's limit, not the server's: %w", err)
		}
		l.handler.Closed(c, Cause{Kind: Refused, Err: err})
		return
	}
	c.fd, c.state, c.armedOut = int32(fd), connecting, true
	l.pending++
	l.timers.set(c.id, l.now+l.opts.HandshakeTimeout)
}

// onConnected is called when the socket is writable for the first time, or failed.
func (c *Conn) onConnected() {
	errno, err := unix.GetsockoptInt(int(c.fd), unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && errno != 0 {
		err = unix.Errno(errno)
	}
	if err != nil {
		c.finish(Cause{Kind: Refused, Err: fmt.Errorf("connect: %w", err)})
		return
	}
	c.state = upgrading
	c.watch(false)
	if c.fd >= 0 {
		c.send(c.loop.request)
	}
}

// LoopbackSources are n addresses of 127.0.0.0/8, from 127.0.0.2 on.
func LoopbackSources(n int) []netip.Addr {
	sources := make([]netip.Addr, 0, n)
	for i := range n {
		v := i + 2
		sources = append(sources, netip.AddrFrom4([4]byte{127, byte(v >> 16), byte(v >> 8), byte(v)}))
	}
	return sources
}
