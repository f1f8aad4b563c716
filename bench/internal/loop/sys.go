package loop

import (
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Reads and writes here are on non-blocking descriptors, so they go past the
// runtime's bookkeeping for calls that may block, which costs a quarter of each.

func read(fd int32, b []byte) (int, syscall.Errno) {
	for {
		n, _, errno := syscall.RawSyscall(syscall.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
		if errno != syscall.EINTR {
			return int(n), errno
		}
	}
}

func write(fd int32, b []byte) (int, syscall.Errno) {
	for {
		n, _, errno := syscall.RawSyscall(syscall.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
		if errno != syscall.EINTR {
			return int(n), errno
		}
	}
}

// sysEpollPwait2 has the same number on every architecture (Linux 5.11).
const sysEpollPwait2 = 441

// waiter waits on an epoll descriptor with a finer timeout than epoll_wait has:
// a millisecond is many intended send times of an open loop.
type waiter struct {
	epoll  int
	coarse bool // the kernel has no epoll_pwait2
}

// wait fills events. It first looks without blocking, which a busy loop needs
// no scheduler for, and lets other goroutines run before it blocks.
func (w *waiter) wait(events []unix.EpollEvent, timeout time.Duration) (int, error) {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(w.epoll),
		uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0)
	if errno == 0 && n > 0 {
		return int(n), nil
	}
	if errno != 0 && errno != syscall.EINTR {
		return 0, os.NewSyscallError("epoll_pwait", errno)
	}
	if timeout <= 0 {
		runtime.Gosched()
		return 0, nil
	}
	if !w.coarse {
		ts := syscall.NsecToTimespec(int64(timeout))
		n, _, errno = syscall.Syscall6(sysEpollPwait2, uintptr(w.epoll),
			uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), uintptr(unsafe.Pointer(&ts)), 0, 0)
		switch errno {
		case 0:
			return int(n), nil
		case syscall.EINTR:
			return 0, nil
		case syscall.ENOSYS:
			w.coarse = true
		default:
			return 0, os.NewSyscallError("epoll_pwait2", errno)
		}
	}
	got, err := unix.EpollWait(w.epoll, events, int((timeout+time.Millisecond-1)/time.Millisecond))
	if err == unix.EINTR {
		return 0, nil
	}
	return max(got, 0), os.NewSyscallError("epoll_wait", err)
}

// openSocket makes a non-blocking socket bound to source, when that is valid,
// and starts connecting it.
func openSocket(source netip.Addr, target netip.AddrPort) (int, error) {
	family := unix.AF_INET
	if !target.Addr().Is4() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("socket: %w", err)
	}
	if err := connect(fd, source, target); err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func connect(fd int, source netip.Addr, target netip.AddrPort) error {
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return fmt.Errorf("TCP_NODELAY: %w", err)
	}
	if source.IsValid() {
		// Without this option bind takes a port for the address alone and searches for a
		// free one; with it connect picks a port for the whole four-tuple.
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1); err != nil {
			return fmt.Errorf("IP_BIND_ADDRESS_NO_PORT: %w", err)
		}
		if err := unix.Bind(fd, sockaddr(netip.AddrPortFrom(source, 0))); err != nil {
			return fmt.Errorf("bind %s: %w", source, err)
		}
	}
	if err := unix.Connect(fd, sockaddr(target)); err != nil && err != unix.EINPROGRESS {
		return fmt.Errorf("connect: %w", err)
	}
	return nil
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

// reset closes fd so that neither side keeps it in TIME_WAIT: with tens of
// thousands of them the next run would find no ports.
func reset(fd int32) {
	_ = unix.SetsockoptLinger(int(fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1, Linger: 0})
	_ = unix.Close(int(fd))
}
