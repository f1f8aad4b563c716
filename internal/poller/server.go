package poller

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jonboulle/clockwork"
	"golang.org/x/sys/unix"

	"pushd/internal/metrics"
)

// Handler owns one connection above the event loop. All its methods are called
// on that connection's loop and must not block.
type Handler interface {
	// Opened is called once, when the opening handshake has been answered. h is
	// valid until it returns.
	Opened(c *Conn, h *Handshake)
	// Message is called for each text message. payload is valid UTF-8 and valid
	// until return; do not retain it.
	Message(c *Conn, payload []byte)
	// Expired is called when the deadline set with Conn.SetDeadline has passed.
	Expired(c *Conn)
	// Closed is called once, if Opened was, when nothing more will be written.
	Closed(c *Conn, why Reason)
}

// NewConn makes the state of one accepted connection. Handler and Conn are
// usually the same allocation: the handler's struct embeds the Conn.
type NewConn func() (*Conn, Handler)

// Server is a set of event loops listening on one address.
type Server struct {
	// immutable after New
	opts    Options
	origins origins
	metrics *metrics.Metrics
	log     *slog.Logger
	clock   clockwork.Clock
	loops   []*Loop

	open      atomic.Int64  // sockets accepted and not yet closed or handed off
	emptied   chan struct{} // has one element when open has come down to 0
	handedOff atomic.Int64  // sockets handed off and not yet closed
	peers     *addressLimit
	newConn   NewConn   // set by Listen, before the loops run
	addr      net.Addr  // set by Listen
	running   bool      // set by Listen
	follower  *follower // set by Listen, where Options has a clock
	closed    atomic.Bool
}

// New makes the loops; Listen starts them.
func New(m *metrics.Metrics, log *slog.Logger, opts Options) (*Server, error) {
	o := opts.WithDefaults()
	origins, err := parseOrigins(o.Origins)
	if err != nil {
		return nil, err
	}
	s := &Server{
		opts: o, origins: origins, metrics: m, log: log, clock: o.Clock, emptied: make(chan struct{}, 1),
		peers: newAddressLimit(o.MaxPerAddress, o.HandshakeRate),
	}
	if s.clock == nil {
		s.clock = clockwork.NewRealClock()
	}
	for i := range o.Loops {
		l, err := newLoop(s, i, m.Loop(i))
		if err != nil {
			for _, l := range s.loops {
				l.free()
			}
			return nil, fmt.Errorf("event loop %d: %w", i, err)
		}
		s.loops = append(s.loops, l)
	}
	return s, nil
}

// Listen binds the address on every loop (SO_REUSEPORT: the kernel spreads the
// connections) and starts the loops. newConn is called on them, for each socket
// that they accept. Port 0 picks a free port; Addr tells which. After an error only
// Shutdown is left to call.
func (s *Server) Listen(ctx context.Context, addr string, newConn NewConn) error {
	s.newConn = newConn
	addr, err := probe(ctx, addr)
	if err != nil {
		return err
	}
	for _, l := range s.loops {
		fd, bound, err := listenReusePort(ctx, addr)
		if err != nil {
			return err
		}
		addr, s.addr = bound.String(), bound
		l.listener = fd
	}
	s.running = true
	for _, l := range s.loops {
		go l.run()
	}
	if s.opts.Clock != nil {
		s.follower = follow(s)
	}
	return nil
}

// Addr is the bound address after Listen.
func (s *Server) Addr() net.Addr { return s.addr }

// Len is the number of loops.
func (s *Server) Len() int { return len(s.loops) }

// Connections is the number of open sockets, those in the opening handshake
// included and those handed off not.
func (s *Server) Connections() int { return int(s.open.Load()) }

// socketClosed counts a socket that is no longer open.
func (s *Server) socketClosed() {
	if s.open.Add(-1) > 0 {
		return
	}
	select {
	case s.emptied <- struct{}{}:
	default:
	}
}

// WaitEmpty waits until no socket is open, or ctx is done. One caller at a time.
func (s *Server) WaitEmpty(ctx context.Context) error {
	for s.open.Load() > 0 {
		select {
		case <-s.emptied:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Post runs a function on a loop. While it returns true it is called again,
// after the loop has looked at its sockets. It reports false when the loop's
// mailbox is full or the loop has stopped; the function is then not run.
func (s *Server) Post(loop int, run func() (more bool)) bool {
	return s.loops[loop].Post(run)
}

// Loop is loop i.
func (s *Server) Loop(i int) *Loop { return s.loops[i] }

// StopAccepting closes the listeners; open connections go on.
func (s *Server) StopAccepting() {
	for _, l := range s.loops {
		l.postAlways(func() bool { l.closeListener(); return false })
	}
}

const (
	// drainStep is how often a drain closes another part of the connections.
	drainStep = 50 * time.Millisecond
	// drainPart is how many it closes each time at least, so that a few are gone
	// soon.
	drainPart = 100
)

// Drain calls leave for every connection that is open now, on its loop, spread
// over a time at most, so that clients do not all come back at once. When ctx ends
// first, leave is not called for the rest.
func (s *Server) Drain(ctx context.Context, over time.Duration, leave func(*Conn)) error {
	if !s.running {
		return nil
	}
	lists := make([][]*Conn, len(s.loops))
	var wg sync.WaitGroup
	for i, l := range s.loops {
		wg.Add(1)
		if !l.Complete(func() {
			defer wg.Done()
			l.wheel.Each(func(c *Conn) {
				if c.state == stateOpen {
					lists[i] = append(lists[i], c)
				}
			})
		}) {
			wg.Done()
		}
	}
	wg.Wait()
	total := 0
	for _, list := range lists {
		total += len(list)
	}
	steps := max(min(int(over/drainStep), (total+drainPart-1)/drainPart), 1)
	for step := 1; step <= steps; step++ {
		for i, l := range s.loops {
			part := lists[i][:len(lists[i])/(steps-step+1)]
			lists[i] = lists[i][len(part):]
			l.postAlways(func() bool {
				for n := 0; n < flushEvery && len(part) > 0; n++ {
					if part[0].state == stateOpen {
						leave(part[0])
					}
					part = part[1:]
				}
				return len(part) > 0
			})
		}
		if step == steps {
			break
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.clock.After(drainStep):
		}
	}
	return nil
}

// AllowOrigin tells whether a page of this origin may use the host that its request
// names; see Options.Origins.
func (s *Server) AllowOrigin(origin, host string) bool {
	return s.origins.allow([]byte(origin), []byte(host))
}

// ClientAddress is the address of the client whose request came from peer with this
// X-Forwarded-For, "" for none: the peer's own, unless the peer is a trusted proxy
// that names another.
func (s *Server) ClientAddress(peer netip.Addr, forwarded string) netip.Addr {
	peer = peer.Unmap()
	if forwarded != "" && anyContains(s.opts.TrustedProxies, peer) {
		if client, ok := forwardedFor(forwarded, s.opts.TrustedProxies); ok {
			return client
		}
	}
	return peer
}

// Shutdown closes what is still open, without a Close frame, and stops the
// loops. Closing politely and over time is the owner's: StopAccepting first,
// then Conn.Close on each, then Shutdown.
func (s *Server) Shutdown(ctx context.Context) error {
	if !s.closed.CompareAndSwap(false, true) {
		return errors.New("poller: already shut down")
	}
	if !s.running {
		for _, l := range s.loops {
			l.free()
		}
		return nil
	}
	if s.follower != nil {
		close(s.follower.stop)
	}
	for _, l := range s.loops {
		l.postAlways(func() bool { l.stop(); return false })
	}
	for _, l := range s.loops {
		select {
		case <-l.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if s.follower != nil {
		<-s.follower.stopped // it waits for nothing but the loops
	}
	return nil
}

// probe binds the address once without SO_REUSEPORT and closes the socket again: with
// the option a second server on the same port would start without an error and get
// half of the clients. It returns the address with its port chosen.
func probe(ctx context.Context, addr string) (string, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return "", err
	}
	return ln.Addr().String(), ln.Close()
}

// listenReusePort binds one more listening socket to the address. The net
// package resolves the name; the descriptor is then duplicated out of it, so
// that the runtime's own poller is not woken for every connection.
func listenReusePort(ctx context.Context, addr string) (int, net.Addr, error) {
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		if cerr := c.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
			if err == nil {
				// Accepted sockets inherit it: one system call less for each.
				err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
			}
		}); cerr != nil {
			return cerr
		}
		return err
	}}
	ln, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return -1, nil, err
	}
	defer ln.Close()
	tcp, ok := ln.(*net.TCPListener)
	if !ok {
		return -1, nil, fmt.Errorf("listener on %s is a %T, not TCP", addr, ln)
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return -1, nil, err
	}
	fd := -1
	if cerr := raw.Control(func(p uintptr) { fd, err = unix.FcntlInt(p, unix.F_DUPFD_CLOEXEC, 0) }); cerr != nil {
		return -1, nil, cerr
	}
	if err != nil {
		return -1, nil, fmt.Errorf("duplicate the listening socket: %w", err)
	}
	return fd, ln.Addr(), nil
}
