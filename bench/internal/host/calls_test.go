package host

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// work makes n system calls of which half write.
func work(t *testing.T, n int) {
	t.Helper()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for range n / 2 {
		if _, err := null.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		_ = unix.Getppid()
	}
}

func TestIOCalls(t *testing.T) {
	p := Process{PID: os.Getpid()}
	before, err := p.IOCalls()
	if err != nil {
		t.Fatal(err)
	}
	work(t, 1000)
	if after, err := p.IOCalls(); err != nil || after-before < 500 || after-before > 900 {
		t.Errorf("%d for 500 writes, %v", after-before, err)
	}
	for _, bad := range []string{"", "syscr: 1\n", "syscr: 1\nsyscw: x\n"} {
		if _, err := parseIO([]byte(bad)); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// Where the kernel doesn't let us count, the error says so; where it does, it counts.
func TestSystemCalls(t *testing.T) {
	s, err := NewSystemCalls(Process{PID: os.Getpid()})
	if err != nil {
		if !errors.Is(err, ErrNoTracing) {
			t.Error(err)
		}
		return
	}
	defer s.Close()
	before, err := s.Count()
	if err != nil {
		t.Fatal(err)
	}
	work(t, 1000)
	if after, err := s.Count(); err != nil || after-before < 1000 {
		t.Errorf("%d for 1000, %v", after-before, err)
	}
}
