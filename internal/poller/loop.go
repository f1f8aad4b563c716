package poller

import (
	"encoding/binary"
	"fmt"
	"log/slog"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/cloudwego/netpoll"
	"golang.org/x/sys/unix"

	"pushd/internal/metrics"
	"pushd/internal/wheel"
)

// TicksPerSecond is the resolution of every deadline.
const TicksPerSecond = 4

// tick is the period of a loop's timer.
const tick = time.Second / TicksPerSecond

// readSize is the loop's one read buffer. A read that fills it is followed by
// another, so it is also how much one connection gets done before the next.
const readSize = 64 << 10

// readsPerTurn bounds consecutive full reads of one connection in one turn.
const readsPerTurn = 4

// Loop is one event loop: a netpoll Poll, the connections it owns, their
// deadlines and the mailbox through which everyone else reaches them.
type Loop struct {
	// immutable after newLoop
	server *Server
	index  int
	poll   netpoll.Poll
	stats  *metrics.Loop
	done   chan struct{}       // closed when run returns
	ticker *netpoll.FDOperator // nil when a clock drives the loop
	// operators is never used itself: each connection begins as a copy of it,
	// because only Poll.Alloc makes an operator that knows its poll, and an
	// operator inside its connection saves an allocation and 16 bytes.
	operators *netpoll.FDOperator

	mailbox mailbox

	// owned by the loop
	wheel          *wheel.Wheel[Conn]
	listener       int // descriptor; -1 when closed
	accept         *netpoll.FDOperator
	paused         bool    // accept is detached until descriptors are free again
	closedThisTick []*Conn // closed since the last tick
	closedLastTick []*Conn // closed in the tick before that; see forget
	rbuf           []byte
	wbuf           []byte // what the connection being read has been answered so far
	reading        *Conn  // whose input is being processed; its writes gather in wbuf
	batching       bool   // more than one task runs this turn; writes gather per connection
	dirty          []*Conn
	overruns       []*Conn // over their send buffer, to be closed as slow consumers
	iov            []syscall.Iovec
	handshake      upgrader
	freeIn         freelist[inbuf]
	freeOut        freelist[outbuf]
	stopping       bool
	lastLog        map[string]uint32 // tick of the last line logged for each cause
}

func newLoop(s *Server, index int, stats *metrics.Loop) (*Loop, error) {
	poll, err := newPoll()
	if err != nil {
		return nil, fmt.Errorf("open epoll: %w", err)
	}
	l := &Loop{
		server: s, index: index, poll: poll, stats: stats,
		done:     make(chan struct{}),
		listener: -1,
		rbuf:     make([]byte, readSize),
		wbuf:     make([]byte, 0, wbufSize),
		iov:      make([]syscall.Iovec, 0, maxIov),
		lastLog:  make(map[string]uint32),
	}
	l.operators = poll.Alloc()
	l.freeIn.limit, l.freeOut.limit = 1024, 1024
	l.wheel = wheel.New(func(c *Conn) *wheel.Node[Conn] { return &c.timer }, (*Conn).expire)
	l.handshake.init(l)
	if err := l.openMailbox(); err != nil {
		l.free()
		return nil, err
	}
	if s.opts.Clock == nil {
		if err := l.openTicker(); err != nil {
			l.free()
			return nil, err
		}
	}
	return l, nil
}

// Index is the loop's number, from 0.
func (l *Loop) Index() int { return l.index }

// Now is the loop's coarse clock, in ticks since it was made.
func (l *Loop) Now() uint32 { return l.wheel.Now() }

// run is the loop's goroutine.
func (l *Loop) run() {
	defer close(l.done)
	if l.listener >= 0 {
		l.accept = l.operator(l.listener, l.onAccept)
		if err := l.accept.Control(netpoll.PollReadable); err != nil {
			l.server.log.Error("event loop cannot watch its listener", slog.Int("loop", l.index), slog.Any("error", err))
		}
	}
	if err := l.poll.Wait(); err != nil {
		l.server.log.Error("event loop ended", slog.Int("loop", l.index), slog.Any("error", err))
	}
	l.mailbox.close()
}

// stop closes every connection and ends the loop.
func (l *Loop) stop() {
	if l.stopping {
		return
	}
	l.stopping = true
	l.closeListener()
	l.wheel.Each(func(c *Conn) {
		defer l.guard(c)
		c.release(Stopped)
	})
	if l.ticker != nil {
		l.detach(l.ticker)
	}
	l.detach(l.mailbox.op)
	_ = l.poll.Close()
}

// free gives back what newLoop opened, for a loop that never ran.
func (l *Loop) free() {
	for _, op := range []*netpoll.FDOperator{l.ticker, l.mailbox.op} {
		if op != nil {
			l.detach(op)
		}
	}
	if l.listener >= 0 {
		_ = syscall.Close(l.listener)
		l.listener = -1
	}
	// Wait closes the epoll and its eventfd once Close has been called.
	_ = l.poll.Close()
	_ = l.poll.Wait()
}

// operator makes an FDOperator for a descriptor of the loop's own.
func (l *Loop) operator(fd int, read func(netpoll.Poll) error) *netpoll.FDOperator {
	op := l.poll.Alloc()
	op.FD = fd
	op.OnRead = read
	return op
}

// detach stops watching one of the loop's own descriptors and closes it.
func (l *Loop) detach(op *netpoll.FDOperator) {
	_ = op.Control(netpoll.PollDetach)
	_ = syscall.Close(op.FD)
}

func (l *Loop) openTicker() error {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return fmt.Errorf("open timerfd: %w", err)
	}
	l.ticker = l.operator(fd, l.onTick)
	every := unix.NsecToTimespec(int64(tick))
	if err := unix.TimerfdSettime(fd, 0, &unix.ItimerSpec{Interval: every, Value: every}, nil); err != nil {
		return fmt.Errorf("set timerfd: %w", err)
	}
	return l.ticker.Control(netpoll.PollReadable)
}

// onTick advances the loop by as many periods as the kernel's timer has counted.
func (l *Loop) onTick(netpoll.Poll) error {
	var expirations [8]byte
	if rawRead(l.ticker.FD, expirations[:]) != 8 {
		return nil
	}
	// A loop that was held up catches up; nothing can be overdue by more than
	// the wheel goes round.
	l.advance(l.wheel.Now() + uint32(min(binary.NativeEndian.Uint64(expirations[:]), 1<<16)))
	return nil
}

// advance turns the wheel and does what must not be done inside a connection's
// own callback. It runs at most once in a turn of the loop; see forget.
func (l *Loop) advance(to uint32) {
	l.forget()
	if l.paused {
		l.resumeAccept()
	}
	l.wheel.Advance(to)
}

// forget drops connections that were closed a tick ago. netpoll keeps the
// addresses of their operators where the garbage collector does not look: in the
// events of the current turn, which lasts until the loop waits again. Two ticks
// are never in one turn.
func (l *Loop) forget() {
	clear(l.closedLastTick)
	l.closedThisTick, l.closedLastTick = l.closedLastTick[:0], l.closedThisTick
}

// guard is deferred around everything that can call a handler: a panic ends one
// connection (or one task) and not the process.
func (l *Loop) guard(c *Conn) {
	r := recover()
	if r == nil {
		return
	}
	l.server.metrics.Fault("panic")
	l.server.log.Error("panic on the event loop", slog.Int("loop", l.index),
		slog.String("panic", fmt.Sprint(r)), slog.String("stack", string(debug.Stack())))
	if l.reading != nil {
		c = l.reading
	}
	l.reading = nil
	if c != nil {
		c.fail()
	}
}

// logEvery allows one log line in ten seconds for each cause. Causes are constants,
// so the map is small.
func (l *Loop) logEvery(cause string) bool {
	now := l.Now()
	last, seen := l.lastLog[cause]
	if seen && now-last < 10*TicksPerSecond {
		return false
	}
	l.lastLog[cause] = now
	return true
}

// freelist keeps a few spare structs for the one loop that uses them.
type freelist[T any] struct {
	items []*T
	limit int
}

func (f *freelist[T]) get() *T {
	if n := len(f.items); n > 0 {
		v := f.items[n-1]
		f.items[n-1] = nil
		f.items = f.items[:n-1]
		return v
	}
	return new(T)
}

func (f *freelist[T]) put(v *T) {
	if len(f.items) < f.limit {
		f.items = append(f.items, v)
	}
}
