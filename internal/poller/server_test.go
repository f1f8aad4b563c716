package poller_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"pushd/internal/metrics"
	"pushd/internal/poller"
	"pushd/internal/poller/pollertest"
	"pushd/internal/testwait"
)

// leavers are who was asked to leave, and how often.
type leavers struct {
	mu    sync.Mutex
	asked map[*poller.Conn]int
}

func (l *leavers) leave(c *poller.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked[c]++
	c.Close(1012, "the server restarts", "restart")
}

func (l *leavers) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.asked)
}

// drained are enough connections for a drain to take several steps.
const drained = 250

func TestDrain(t *testing.T) {
	s := start(t, hooks{}, poller.Options{Loops: 2})
	var clients []*client
	for range drained {
		clients = append(clients, s.open())
	}
	s.dial() // in its handshake: not asked
	clients[0].Close()
	testwait.Equal(t, "the number of connections", drained, s.Connections)
	l := &leavers{asked: map[*poller.Conn]int{}}
	if err := s.Drain(t.Context(), time.Hour, l.leave); err != nil {
		t.Fatal(err)
	}
	for _, c := range clients[1:] {
		c.expectClose(1012)
	}
	if n := l.count(); n != drained-1 {
		t.Errorf("%d were asked of %d", n, drained-1)
	}
	for _, n := range l.asked {
		if n != 1 {
			t.Errorf("one was asked %d times", n)
		}
	}
}

func TestDrainIsCutShort(t *testing.T) {
	s := start(t, hooks{message: echo}, poller.Options{})
	for range drained {
		s.open()
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	l := &leavers{asked: map[*poller.Conn]int{}}
	if err := s.Drain(ctx, time.Hour, l.leave); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	s.on(func() {})
	if n := l.count(); n == 0 || n == drained {
		t.Errorf("%d of %d were asked", n, drained)
	}
}

// A drain asks a part of the connections at each step of the clock.
func TestDrainTakesItsTime(t *testing.T) {
	clock := pollertest.NewClock()
	s := start(t, hooks{}, poller.Options{Clock: clock})
	for range drained {
		s.open()
	}
	l := &leavers{asked: map[*poller.Conn]int{}}
	done := make(chan error, 1)
	go func() { done <- s.Drain(t.Context(), time.Hour, l.leave) }()
	for _, want := range []int{drained / 3, drained * 2 / 3} {
		testwait.Equal(t, "the number that were asked", want, l.count)
		// Its timer and the loops'.
		if err := clock.BlockUntilContext(t.Context(), 2); err != nil {
			t.Fatal(err)
		}
		clock.Advance(50 * time.Millisecond)
	}
	testwait.Equal(t, "the number that were asked", drained, l.count)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// WaitEmpty returns when the last connection has gone, and not for ever.
func TestWaitEmpty(t *testing.T) {
	s := start(t, hooks{}, poller.Options{Loops: 2})
	if err := s.WaitEmpty(t.Context()); err != nil {
		t.Error(err)
	}
	clients := []*client{s.open(), s.open(), s.open()}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.WaitEmpty(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	for _, c := range clients {
		c.Close()
	}
	if err := s.WaitEmpty(t.Context()); err != nil {
		t.Error(err)
	}
	if n := s.Connections(); n != 0 {
		t.Errorf("%d connections are left", n)
	}
}

// nobody makes connections of which nothing is asked.
func nobody() (*poller.Conn, poller.Handler) {
	p := &peer{hooks: &hooks{}}
	return &p.Conn, p
}

func TestShutdown(t *testing.T) {
	build := func() *poller.Server {
		s, err := poller.New(metrics.New(1), slog.New(slog.DiscardHandler), poller.Options{Loops: 1})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	t.Run("before it listens", func(t *testing.T) {
		s := build()
		if err := s.Drain(t.Context(), time.Hour, func(*poller.Conn) { t.Error("somebody is there") }); err != nil {
			t.Error(err)
		}
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Run("a loop that doesn't end in time", func(t *testing.T) {
		s := build()
		if err := s.Listen(t.Context(), "127.0.0.1:0", nobody); err != nil {
			t.Fatal(err)
		}
		hold, held := make(chan struct{}), make(chan struct{})
		s.Post(0, func() bool { close(held); <-hold; return false })
		<-held
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Shutdown(ctx); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		close(hold) // it ends by itself; the package's check for goroutines would tell
		if err := s.Shutdown(t.Context()); err == nil || errors.Is(err, context.Canceled) {
			t.Errorf("shut down twice: %v", err)
		}
		testwait.Equal(t, "whether the loop takes mail", false, func() bool { return s.Post(0, func() bool { return false }) })
		if err := s.Drain(t.Context(), time.Hour, func(*poller.Conn) { t.Error("somebody is there") }); err != nil {
			t.Error(err)
		}
	})
}
