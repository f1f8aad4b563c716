package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// rawPeer is the limit that a server in Go can reach: one loop on epoll, a
// table of connections indexed by descriptor, one buffer for all reads, one for
// all answers, and system calls past the runtime's bookkeeping. It has neither
// sessions nor timers nor limits.
type rawPeer struct {
	// Immutable once Serve listens.
	epoll, wake, listener int

	// Owned by the loop.
	conns []rawConn // by descriptor
	in    []byte
	out   []byte

	mu     sync.Mutex
	posted []func() // guarded by mu
}

// rawConn is one connection. Most have nothing more than this.
type rawConn struct {
	more     *rawMore
	open     bool
	upgraded bool
}

// rawMore is what a connection has while a frame is incomplete or its socket is full.
type rawMore struct{ in, out []byte }

func newRaw() peer { return &rawPeer{in: make([]byte, 64<<10)} }

func (p *rawPeer) Serve(ctx context.Context, addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	listener, ok := l.(*net.TCPListener)
	if !ok {
		return fmt.Errorf("%s: not TCP", addr)
	}
	file, err := listener.File() // a descriptor of our own for the same socket
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	if err := l.Close(); err != nil {
		return err
	}
	if err := p.open(int(file.Fd())); err != nil {
		return err
	}
	stopped := false
	defer context.AfterFunc(ctx, func() { p.post(func() { stopped = true }) })()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	events := make([]unix.EpollEvent, 512)
	for !stopped {
		n, err := p.wait(events)
		if err != nil {
			return err
		}
		for i := range events[:n] {
			p.dispatch(&events[i])
		}
	}
	return nil
}

func (p *rawPeer) open(listener int) error {
	p.listener = listener
	if err := unix.SetNonblock(listener, true); err != nil {
		return os.NewSyscallError("fcntl", err)
	}
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("eventfd", err)
	}
	for _, fd := range []int{listener, wake} {
		if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}); err != nil {
			return os.NewSyscallError("epoll_ctl", err)
		}
	}
	p.mu.Lock() // Broadcast may be called already
	defer p.mu.Unlock()
	p.epoll, p.wake = epoll, wake
	return nil
}

// wait looks first without blocking, which needs no word with the scheduler.
func (p *rawPeer) wait(events []unix.EpollEvent) (int, error) {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(p.epoll), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0)
	if errno == 0 && n > 0 {
		return int(n), nil
	}
	got, err := unix.EpollWait(p.epoll, events, -1)
	if err == unix.EINTR {
		return 0, nil
	}
	return max(got, 0), os.NewSyscallError("epoll_wait", err)
}

func (p *rawPeer) dispatch(ev *unix.EpollEvent) {
	fd := int(ev.Fd)
	switch fd {
	case p.listener:
		p.accept()
		return
	case p.wake:
		p.runPosted()
		return
	}
	c := &p.conns[fd]
	if ev.Events&unix.EPOLLOUT != 0 && c.open && c.more != nil {
		rest := c.more.out
		c.more.out = nil
		p.write(fd, c, rest)
	}
	if ev.Events&(unix.EPOLLIN|unix.EPOLLHUP|unix.EPOLLERR) != 0 && c.open {
		p.read(fd, c)
	}
}

func (p *rawPeer) accept() {
	for range 64 {
		fd, _, err := unix.Accept4(p.listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err != nil {
			return // EAGAIN, or a client that left: the next event tells
		}
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) // as net does; without it answers are merely slower
		if fd >= len(p.conns) {
			p.conns = append(p.conns, make([]rawConn, max(fd+1-len(p.conns), len(p.conns)/4))...)
		}
		p.conns[fd] = rawConn{open: true}
		if err := unix.EpollCtl(p.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}); err != nil {
			p.close(fd, &p.conns[fd])
		}
	}
}

func (p *rawPeer) read(fd int, c *rawConn) {
	n, _, errno := syscall.RawSyscall(syscall.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&p.in[0])), uintptr(len(p.in)))
	if errno == syscall.EAGAIN || errno == syscall.EINTR {
		return
	}
	if errno != 0 || n == 0 {
		p.close(fd, c)
		return
	}
	b := p.in[:n]
	if c.more != nil && len(c.more.in) > 0 {
		c.more.in = append(c.more.in, b...)
		b = c.more.in
	}
	p.out = p.out[:0]
	used, end, err := 0, false, error(nil)
	if !c.upgraded {
		p.out, used, err = upgrade(p.out, b)
		c.upgraded = used > 0
	}
	if c.upgraded {
		var n int
		p.out, n, end, err = echo(p.out, b[used:])
		used += n
	}
	p.keep(c, b[used:])
	if len(p.out) > 0 {
		p.write(fd, c, p.out)
	}
	if (end || err != nil) && c.open {
		p.close(fd, c)
	}
}

// keep holds on to an incomplete frame.
func (p *rawPeer) keep(c *rawConn, rest []byte) {
	switch {
	case len(rest) > 0 && c.more == nil:
		c.more = &rawMore{in: append([]byte(nil), rest...)}
	case len(rest) > 0:
		c.more.in = append(c.more.in[:0], rest...)
	case c.more != nil && len(c.more.out) == 0:
		c.more = nil
	case c.more != nil:
		c.more.in = nil
	}
}

// write sends b or keeps what the socket doesn't take.
func (p *rawPeer) write(fd int, c *rawConn, b []byte) {
	if c.more != nil && len(c.more.out) > 0 {
		c.more.out = append(c.more.out, b...)
		return
	}
	n, _, errno := syscall.RawSyscall(syscall.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	switch {
	case errno == syscall.EAGAIN || errno == syscall.EINTR:
		n = 0
	case errno != 0:
		return // reading finds out why
	}
	rest := b[n:]
	if len(rest) > 0 {
		if c.more == nil {
			c.more = &rawMore{}
		}
		c.more.out = append([]byte(nil), rest...)
		p.watch(fd, unix.EPOLLIN|unix.EPOLLOUT)
	} else if c.more != nil {
		p.watch(fd, unix.EPOLLIN)
		if len(c.more.in) == 0 {
			c.more = nil
		}
	}
}

func (p *rawPeer) watch(fd int, events uint32) {
	// It fails only for a descriptor that isn't there, and this one is.
	_ = unix.EpollCtl(p.epoll, unix.EPOLL_CTL_MOD, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)})
}

func (p *rawPeer) close(fd int, c *rawConn) {
	*c = rawConn{}
	_ = unix.Close(fd)
}

// post runs f on the loop.
func (p *rawPeer) post(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.posted = append(p.posted, f)
	_, _ = unix.Write(p.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}) // full means that the loop is awake anyway
}

func (p *rawPeer) runPosted() {
	var b [8]byte
	_, _ = unix.Read(p.wake, b[:])
	p.mu.Lock()
	posted := p.posted
	p.posted = nil
	p.mu.Unlock()
	for _, f := range posted {
		f()
	}
}

// Broadcast is the bare write loop: one write for each connection, whatever
// the number of messages.
func (p *rawPeer) Broadcast(payloads [][]byte) {
	b := joined(payloads)
	done := make(chan struct{})
	p.post(func() {
		defer close(done)
		for fd := range p.conns {
			if c := &p.conns[fd]; c.upgraded {
				p.write(fd, c, b)
			}
		}
	})
	<-done
}
