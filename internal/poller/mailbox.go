package poller

import (
	"fmt"
	"sync"
	"syscall"
	"unsafe"

	"github.com/cloudwego/netpoll"
	"golang.org/x/sys/unix"
)

// mailboxLimit bounds the tasks that others may have waiting for one loop.
const mailboxLimit = 64 << 10

// flushEvery is how many connections may hold gathered writes before they are
// written out in the middle of a batch.
const flushEvery = 256

// mailbox is how other goroutines reach a loop: a queue and one eventfd, which
// is written once for however many tasks wait. Two slices change places, so a
// steady load allocates nothing; a lock held for one append has measured no
// worse here than a lock-free list and keeps the tasks in one piece of memory.
type mailbox struct {
	op *netpoll.FDOperator

	mu     sync.Mutex
	queue  []func() bool // guarded by mu
	woken  bool          // guarded by mu: the eventfd is readable or about to be
	closed bool          // guarded by mu

	// owned by the loop
	spare   []func() bool
	running []func() bool // tasks that want another turn
}

func (l *Loop) openMailbox() error {
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return fmt.Errorf("open eventfd: %w", err)
	}
	l.mailbox.op = l.operator(fd, l.onMail)
	return l.mailbox.op.Control(netpoll.PollReadable)
}

// Post runs a function on the loop; see Server.Post.
func (l *Loop) Post(run func() (more bool)) bool {
	return l.mailbox.put(run, mailboxLimit)
}

// postAlways is for the loop's own plumbing and for completions, whose number is
// bounded by what started them; it is refused only by a loop that has ended.
func (l *Loop) postAlways(run func() bool) bool { return l.mailbox.put(run, 0) }

// Complete posts the end of work that this loop itself handed out, and whose
// amount the caller bounds. It is refused only by a loop that has ended.
func (l *Loop) Complete(run func()) bool {
	return l.postAlways(func() bool { run(); return false })
}

func (m *mailbox) put(run func() bool, limit int) bool {
	m.mu.Lock()
	if m.closed || limit > 0 && len(m.queue) >= limit {
		m.mu.Unlock()
		return false
	}
	m.queue = append(m.queue, run)
	wake := !m.woken
	m.woken = true
	m.mu.Unlock()
	if wake {
		m.wake()
	}
	return true
}

func (m *mailbox) wake() {
	one := uint64(1)
	_, _, _ = syscall.RawSyscall(syscall.SYS_WRITE, uintptr(m.op.FD), uintptr(unsafe.Pointer(&one)), 8)
}

func (m *mailbox) close() {
	m.mu.Lock()
	m.closed = true
	m.queue = nil
	m.mu.Unlock()
}

// onMail runs what is waiting. Tasks that want another turn go behind those
// that came meanwhile, and the eventfd is made readable again, so the sockets
// get their look in between.
func (l *Loop) onMail(netpoll.Poll) error {
	m := &l.mailbox
	var count [8]byte
	m.mu.Lock()
	_ = rawRead(m.op.FD, count[:])
	batch := m.queue
	m.queue = m.spare[:0]
	m.woken = false
	m.mu.Unlock()

	again := m.running
	m.running = nil
	l.batching = len(batch)+len(again) > 1
	for _, run := range again {
		l.runTask(run)
	}
	for i, run := range batch {
		batch[i] = nil
		l.runTask(run)
		if l.stopping {
			return nil
		}
	}
	l.batching = false
	l.flushDirty()
	l.flushOverruns()

	if cap(batch) > 4*flushEvery {
		batch = nil // a burst's array is not kept for ever
	}
	m.spare = batch[:0]
	if len(m.running) > 0 {
		m.mu.Lock()
		wake := !m.woken
		m.woken = true
		m.mu.Unlock()
		if wake {
			m.wake()
		}
	}
	return nil
}

func (l *Loop) runTask(run func() bool) {
	defer l.guard(nil)
	if run() {
		l.mailbox.running = append(l.mailbox.running, run)
	}
	if len(l.dirty) >= flushEvery {
		l.flushDirty()
	}
}

// flushDirty writes out what a batch of tasks gathered, one system call for
// each connection.
func (l *Loop) flushDirty() {
	for n := len(l.dirty); n > 0; n = len(l.dirty) {
		c := l.dirty[n-1]
		l.dirty[n-1] = nil
		l.dirty = l.dirty[:n-1]
		c.unset(dirty)
		c.guarded((*Conn).flush)
	}
}
