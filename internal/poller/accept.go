package poller

import (
	"log/slog"
	"net/netip"
	"syscall"

	"github.com/cloudwego/netpoll"
)

// acceptsPerTurn bounds how many connections are accepted before the loop looks
// at the others again.
const acceptsPerTurn = 64

// busyReply answers a dial over MaxConnections or MaxPerAddress; the peer is
// told when to come back and the socket is closed.
const busyReply = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

// onAccept takes waiting connections, a bounded number in one turn: the poll is
// level-triggered, so what is left is reported again.
func (l *Loop) onAccept(netpoll.Poll) error {
	for range acceptsPerTurn {
		fd, peer, errno := rawAccept(l.listener)
		switch errno {
		case 0:
			l.stats.Accepted.Add(1)
			l.adopt(fd, peer)
		case syscall.EAGAIN:
			return nil
		case syscall.EINTR, syscall.ECONNABORTED, syscall.EPROTO, syscall.EPERM:
			// That one dial failed; the next may not.
		default:
			// Out of descriptors or memory. The listener stays readable, so going
			// on would spin: it is not watched until the next tick.
			l.pauseAccept(errno)
			return nil
		}
	}
	return nil
}

func (l *Loop) pauseAccept(errno syscall.Errno) {
	l.server.metrics.Fault("accept")
	if l.logEvery("accept") {
		l.server.log.Error("cannot accept connections; trying again every quarter of a second",
			slog.Int("loop", l.index), slog.String("error", errno.Error()), slog.Int64("open", l.server.open.Load()),
			slog.String("cure", "raise the limit on open files (ulimit -n, LimitNOFILE=, fs.file-max) or lower max-connections"))
	}
	l.paused = true
	_ = l.poll.Control(l.accept, netpoll.PollDetach)
}

func (l *Loop) resumeAccept() {
	if err := l.poll.Control(l.accept, netpoll.PollReadable); err == nil {
		l.paused = false
	}
}

func (l *Loop) closeListener() {
	if l.listener < 0 {
		return
	}
	l.detach(l.accept)
	l.listener, l.paused = -1, false
}

// adopt makes a connection of an accepted socket.
func (l *Loop) adopt(fd int, peer netip.AddrPort) {
	s := l.server
	if limit := s.opts.MaxConnections; limit > 0 && s.open.Load()+s.handedOff.Load() >= int64(limit) {
		l.turnAway(fd, "max_connections")
		return
	}
	// Behind a trusted proxy the client's address comes with the handshake.
	count := s.peers != nil && !anyContains(s.opts.TrustedProxies, peer.Addr())
	if count {
		if refused := s.peers.enter(peer.Addr().As16(), s.clock.Now()); refused != "" {
			l.turnAway(fd, refused)
			return
		}
	}
	defer l.guard(nil)
	c, h := s.newConn()
	c.attach(l, fd, peer, h)
	if count {
		c.set(limited)
	}
	if err := c.op.Control(netpoll.PollReadable); err != nil {
		s.metrics.Fault("epoll_add")
		if l.logEvery("epoll_add") {
			s.log.Error("cannot watch a connection, so it is closed", slog.String("error", err.Error()),
				slog.String("cure", "raise fs.epoll.max_user_watches"))
		}
		c.release(PeerGone)
		return
	}
	c.set(watched)
	c.arm(l.Now() + Ticks(s.opts.HandshakeTimeout))
}

// turnAway refuses a connection over a limit; the limit is the metric label.
func (l *Loop) turnAway(fd int, limit string) {
	l.server.metrics.Refused(limit)
	if l.logEvery(limit) {
		l.server.log.Warn("connections refused with 503", slog.String("limit", limit))
	}
	_, _ = rawWrite(fd, []byte(busyReply))
	_ = syscall.Close(fd)
}
