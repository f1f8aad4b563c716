package host

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// work makes n system calls.
func work(n int) {
	for range n {
		_ = unix.Getppid()
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
	work(1000)
	if after, err := s.Count(); err != nil || after-before < 1000 {
		t.Errorf("%d for 1000, %v", after-before, err)
	}
}
