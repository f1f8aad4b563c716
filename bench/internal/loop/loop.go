// Package loop drives many client connections from one goroutine: an epoll
// loop of its own on non-blocking sockets. It dials at a bounded rate, does the
// opening handshake, reads frames through one shared buffer, keeps one timer
// for each connection and closes without leaving TIME_WAIT behind. It knows
// nothing of what the messages mean: that is its Handler's, whose methods all
// run on the loop. Everything else reaches the loop through Do.
package loop

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"pushd/bench/internal/wire"
)

// Handler is told what happens. Its methods run on the loop and must not block.
type Handler interface {
	// Opened is called when the opening handshake is complete.
	Opened(c *Conn)
	// Message is called for each data message and pong. m is valid during the call.
	Message(c *Conn, m wire.Message)
	// Timer is called when the connection's timer has run out.
	Timer(c *Conn)
	// Closed is called once for each dial, when its socket is gone.
	Closed(c *Conn, why Cause)
}

// Options are the knobs of a Loop. Zero values take the defaults told.
type Options struct {
	Sources          []netip.Addr  // source addresses, taken in turn; none: the kernel chooses
	Rate             float64       // dials per second; 0: 5,000
	Pending          int           // handshakes under way at once; 0: 256
	HandshakeTimeout time.Duration // 0: 10 s
	CloseTimeout     time.Duration // how long to wait for the server's Close; 0: 2 s
	MaxMessage       int           // bytes; 0: 1 MiB
}

// Loop owns its connections. Create it with New, start it with Run.
type Loop struct {
	// Immutable after New.
	target  netip.AddrPort
	request []byte
	handler Handler
	started time.Time
	wakeFD  int

	// Owned by the loop.
	opts    Options
	wait    waiter
	conns   []Conn
	timers  *timers
	buf     []byte
	now     time.Duration
	cur     *Conn                    // whose bytes are being fed
	emit    func(wire.Message) error // l.onMessage, bound once
	queue   []int32                  // waiting to be dialled
	pending int                      // handshakes under way
	dialAt  time.Duration            // when the next dial is due
	dials   int                      // so far: picks the source address
	pulse   Pulse
	stopped bool

	mu     sync.Mutex
	posted []func() // guarded by mu
	closed bool     // guarded by mu: Run has returned
}

// Pulse is called once in each turn of the loop with the time. It returns when
// it wants to be called again at the latest; 0 is as soon as possible, Never is
// when something else happens.
type Pulse func(now time.Duration) (next time.Duration)

// Never is the time that doesn't come.
const Never = time.Duration(1<<63 - 1)

const (
	wakeID      = -1
	eventBatch  = 512
	readBuffer  = 256 << 10
	maxOut      = 1 << 20 // unsent bytes of one connection
	dialsPerRun = 64      // dials in one turn, so that sockets aren't left waiting
)

// New makes a loop for n connections to target. request is the opening
// handshake to send on each.
func New(n int, target netip.AddrPort, request []byte, h Handler, opts Options) (*Loop, error) {
	if opts.Rate <= 0 {
		opts.Rate = 5000
	}
	if opts.Pending <= 0 {
		opts.Pending = 256
	}
	if opts.HandshakeTimeout <= 0 {
		opts.HandshakeTimeout = 10 * time.Second
	}
	if opts.CloseTimeout <= 0 {
		opts.CloseTimeout = 2 * time.Second
	}
	if opts.MaxMessage <= 0 {
		opts.MaxMessage = 1 << 20
	}
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		_ = unix.Close(epoll)
		return nil, os.NewSyscallError("eventfd", err)
	}
	l := &Loop{
		target: target, request: request, opts: opts, handler: h, started: time.Now(), wakeFD: wake,
		wait: waiter{epoll: epoll}, conns: make([]Conn, n), timers: newTimers(n), buf: make([]byte, readBuffer),
	}
	l.emit = l.onMessage
	for i := range l.conns {
		l.conns[i] = Conn{loop: l, id: int32(i), fd: -1}
	}
	ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: wakeID}
	if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, wake, &ev); err != nil {
		_ = unix.Close(wake)
		_ = unix.Close(epoll)
		return nil, os.NewSyscallError("epoll_ctl", err)
	}
	return l, nil
}

// Now is the time since the loop was made, as of the last bytes that were read.
func (l *Loop) Now() time.Duration { return l.now }

// Clock is the time since the loop was made, read afresh; any goroutine may ask.
func (l *Loop) Clock() time.Duration { return time.Since(l.started) }

// Conn is connection id. Only the loop may use it.
func (l *Loop) Conn(id int) *Conn { return &l.conns[id] }

// Len is the number of connections the loop was made for.
func (l *Loop) Len() int { return len(l.conns) }

// Dial queues connection id to be opened; its socket must be gone. Loop only.
func (l *Loop) Dial(id int) { l.queue = append(l.queue, int32(id)) }

// CancelDials forgets the dials that have not begun and returns how many. Loop only.
func (l *Loop) CancelDials() int {
	n := len(l.queue)
	l.queue = l.queue[:0]
	return n
}

// SetPulse sets or, with nil, ends the pulse. Loop only.
func (l *Loop) SetPulse(p Pulse) { l.pulse = p }

// ErrStopped is returned by Do when the loop no longer runs.
var ErrStopped = errors.New("load loop has stopped")

// Do runs f on the loop and returns when it is done. Never call it on the loop.
func (l *Loop) Do(f func()) error {
	done := make(chan struct{})
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return ErrStopped
	}
	l.posted = append(l.posted, func() { defer close(done); f() })
	l.mu.Unlock()
	if _, err := unix.Write(l.wakeFD, []byte{1, 0, 0, 0, 0, 0, 0, 0}); err != nil && err != unix.EAGAIN {
		return os.NewSyscallError("eventfd write", err)
	}
	<-done
	return nil
}

// Stop makes Run return after the turn it is in. Loop only.
func (l *Loop) Stop() { l.stopped = true }

// Run is the loop. It returns after Stop, or with an error of the kernel's, and
// resets the sockets that are still open without telling the handler.
func (l *Loop) Run() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	// The kernel may wake a thread 50 µs late to save power; intended send times want better.
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	defer l.shutdown()
	events := make([]unix.EpollEvent, eventBatch)
	var fired []int32
	next := time.Duration(0)
	for !l.stopped {
		n, err := l.wait.wait(events, min(next, l.untilTimers(next)))
		if err != nil {
			return fmt.Errorf("load loop: %w", err)
		}
		l.now = l.Clock()
		for i := range events[:n] {
			l.dispatch(&events[i])
		}
		fired = l.timers.advance(l.now, fired[:0])
		for _, id := range fired {
			l.conns[id].onTimer()
		}
		next = min(l.dialSome(), l.runPulse())
	}
	return nil
}

// untilTimers bounds a wait by the wheel's next tick while timers are armed.
func (l *Loop) untilTimers(wait time.Duration) time.Duration {
	if l.timers.armed == 0 {
		return min(wait, time.Hour)
	}
	return time.Duration(l.timers.tick+1)*tickLength - l.Clock()
}

func (l *Loop) runPulse() time.Duration {
	if l.pulse == nil {
		return Never
	}
	l.now = l.Clock()
	next := l.pulse(l.now)
	if next == Never {
		return Never
	}
	return max(next-l.Clock(), 0)
}

func (l *Loop) dispatch(ev *unix.EpollEvent) {
	if ev.Fd == wakeID {
		l.runPosted()
		return
	}
	c := &l.conns[ev.Fd]
	if c.fd < 0 || uint32(ev.Pad) != c.generation {
		return // an event of a socket that was closed earlier in this batch
	}
	if c.state == connecting {
		c.onConnected()
		return
	}
	if ev.Events&unix.EPOLLOUT != 0 {
		c.flush()
	}
	if c.fd >= 0 && ev.Events&(unix.EPOLLIN|unix.EPOLLERR|unix.EPOLLHUP) != 0 {
		c.onReadable()
	}
}

func (l *Loop) runPosted() {
	var b [8]byte
	_, _ = unix.Read(l.wakeFD, b[:])
	l.mu.Lock()
	posted := l.posted
	l.posted = nil
	l.mu.Unlock()
	for _, f := range posted {
		f()
	}
}

func (l *Loop) shutdown() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.runPosted() // who waits in Do gets an answer
	for i := range l.conns {
		if fd := l.conns[i].fd; fd >= 0 {
			reset(fd)
			l.conns[i].fd = -1
		}
	}
	_ = unix.Close(l.wakeFD)
	_ = unix.Close(l.wait.epoll)
}
