package poller_test

import (
	"net"
	"strings"
	"syscall"
	"testing"

	"pushd/internal/poller"
	"pushd/internal/testwait"
)

// withoutDescriptors lets the process open no file until the function that it
// returns is called.
func withoutDescriptors(t *testing.T) (restore func()) {
	t.Helper()
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	lowest, err := syscall.Dup(0)
	if err != nil {
		t.Fatal(err)
	}
	syscall.Close(lowest)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: uint64(lowest), Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
			t.Error(err)
		}
	}
}

// connect dials with a socket that was made before.
func connect(t *testing.T, fd int, addr *net.TCPAddr) {
	t.Helper()
	if err := syscall.Connect(fd, &syscall.SockaddrInet4{Port: addr.Port, Addr: addr.AddrPort().Addr().As4()}); err != nil {
		t.Fatal(err)
	}
}

// TestAcceptPauses runs the process out of descriptors: the loop stops accepting
// and goes on with what it has; with descriptors free again it accepts what
// waited, or closes the listener if that was asked for meanwhile.
func TestAcceptPauses(t *testing.T) {
	for _, test := range []struct {
		name  string
		stops bool
	}{{"and goes on", false}, {"and the listener closes", true}} {
		t.Run(test.name, func(t *testing.T) {
			s := start(t, hooks{message: echo}, poller.Options{})
			c := s.open()
			fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer syscall.Close(fd)
			restore := withoutDescriptors(t)
			defer restore()
			addr := s.Addr().(*net.TCPAddr)
			connect(t, fd, addr)
			testwait.Until(t, "a log of the pause", s.log.String, func(log string) bool {
				return strings.Contains(log, "cannot accept connections")
			})
			c.send(text("still"))
			c.expect("still")
			if n := s.Connections(); n != 1 {
				t.Errorf("%d connections of 1", n)
			}
			if test.stops {
				s.StopAccepting()
				s.on(func() {})
				restore()
				if _, err := net.Dial("tcp", s.addr); err == nil {
					t.Error("the listener is open")
				}
				return
			}
			restore()
			testwait.Equal(t, "the number of connections", 2, s.Connections)
			s.open()
		})
	}
}
