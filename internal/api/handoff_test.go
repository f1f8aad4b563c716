package api_test

import (
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"pushd/internal/api"
)

// pipe is a connection, and tells whether it was closed.
func pipe(t *testing.T) (c net.Conn, closed func() bool) {
	t.Helper()
	a, b := net.Pipe()
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, func() bool { return a.SetDeadline(time.Time{}) != nil }
}

func TestHandoff(t *testing.T) {
	addr := &net.TCPAddr{Port: 8089}
	h := api.NewHandoff(addr, 2)
	if h.Addr() != addr {
		t.Errorf("Addr() = %v", h.Addr())
	}
	first, _ := pipe(t)
	second, secondClosed := pipe(t)
	third, thirdClosed := pipe(t)
	if !h.Push(first) || !h.Push(second) {
		t.Fatal("refused below the bound")
	}
	if h.Push(third) {
		t.Error("taken over the bound")
	}
	if thirdClosed() {
		t.Error("a refused connection was closed; it is the caller's")
	}
	if c, err := h.Accept(); err != nil || c != first {
		t.Errorf("Accept() = %v, %v", c, err)
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	if !secondClosed() {
		t.Error("what waited is still open")
	}
	if h.Push(third) {
		t.Error("taken after Close")
	}
	if _, err := h.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept after Close: %v", err)
	}
	if err := h.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("second Close: %v", err)
	}
}

func TestHandoffLosesNoConnectionInARaceWithClose(t *testing.T) {
	for range 100 {
		h := api.NewHandoff(&net.TCPAddr{}, 4)
		c, closed := pipe(t)
		var wg sync.WaitGroup
		wg.Go(func() {
			if !h.Push(c) {
				c.Close()
			}
		})
		wg.Go(func() { _ = h.Close() })
		wg.Wait()
		if !closed() {
			t.Fatal("neither the listener nor its caller closed the connection")
		}
	}
}
