package hub_test

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"pushd/internal/hub"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// steps are event loops that move only when the test says so.
type steps struct {
	mu    sync.Mutex // timers post too
	boxes [][]func() bool
	spare []func() bool // the box of the last turn, so that turns allocate nothing
	full  []bool
	posts int
	now   bool // run what is posted at once, for Check, which waits for it
}

func newSteps(n int) *steps { return &steps{boxes: make([][]func() bool, n), full: make([]bool, n)} }

func (s *steps) Len() int { return len(s.boxes) }

func (s *steps) Post(loop int, run func() bool) bool {
	for s.now {
		if !run() {
			return true
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.full[loop] {
		return false
	}
	s.posts++
	s.boxes[loop] = append(s.boxes[loop], run)
	return true
}

func (s *steps) setFull(loop int, full bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.full[loop] = full
}

// turn lets one loop call what is in its mailbox once; false when it is empty.
func (s *steps) turn(loop int) bool {
	s.mu.Lock()
	box := s.boxes[loop]
	s.boxes[loop], s.spare = s.spare[:0], nil
	s.mu.Unlock()
	for _, run := range box {
		if run() {
			s.mu.Lock()
			s.boxes[loop] = append(s.boxes[loop], run)
			s.mu.Unlock()
		}
	}
	s.spare = box
	return len(box) > 0
}

// settle runs all loops until nothing is left to do.
func (s *steps) settle() {
	for more := true; more; {
		more = false
		for i := range s.boxes {
			more = s.turn(i) || more
		}
	}
}

// threads are event loops with a goroutine each.
type threads struct {
	boxes []*box
	done  sync.WaitGroup
}

type box struct {
	mu     sync.Mutex
	wake   *sync.Cond
	queue  []func() bool
	closed bool
}

func newThreads(t testing.TB, n int) *threads {
	l := &threads{}
	for range n {
		b := &box{}
		b.wake = sync.NewCond(&b.mu)
		l.boxes = append(l.boxes, b)
		l.done.Go(b.loop)
	}
	t.Cleanup(func() {
		for _, b := range l.boxes {
			b.mu.Lock()
			b.closed = true
			b.mu.Unlock()
			b.wake.Signal()
		}
		l.done.Wait()
	})
	return l
}

func (b *box) loop() {
	for {
		b.mu.Lock()
		for len(b.queue) == 0 && !b.closed {
			b.wake.Wait()
		}
		if b.closed {
			b.mu.Unlock()
			return
		}
		run := b.queue[0]
		b.queue = b.queue[1:]
		b.mu.Unlock()
		if run() {
			b.mu.Lock()
			b.queue = append(b.queue, run)
			b.mu.Unlock()
		}
	}
}

func (l *threads) Len() int { return len(l.boxes) }

func (l *threads) Post(loop int, run func() bool) bool {
	b := l.boxes[loop]
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.queue = append(b.queue, run)
	b.wake.Signal()
	return true
}

// on runs f on a loop and waits for it.
func (l *threads) on(loop int, f func()) {
	done := make(chan struct{})
	l.Post(loop, func() bool {
		f()
		close(done)
		return false
	})
	<-done
}

// settle waits until nothing is queued in the hub and the loops are idle.
func (l *threads) settle(h *hub.Hub) {
	for h.Stats().QueuedBytes > 0 {
		runtime.Gosched()
	}
	for i := range l.boxes {
		l.on(i, func() {})
	}
}

// client is a gateway's session: a hub.Session by value and what it received.
type client struct {
	hub.Session
	got   []string // one per frame; test frames end in a newline
	calls int
	write func() // called by Write, if set
}

func (c *client) Write(frame []byte) {
	c.calls++
	for line := range bytes.Lines(frame) {
		c.got = append(c.got, string(bytes.TrimSuffix(line, []byte("\n"))))
	}
	if c.write != nil {
		c.write()
	}
}

func newClient(user string, platform uint8, loop int) *client {
	c := &client{}
	c.User, c.Platform, c.Loop, c.Conn = user, platform, uint16(loop), c
	return c
}

func newHub(t testing.TB, loops hub.Loops, opt hub.Options) *hub.Hub {
	t.Helper()
	h, err := hub.New(loops, opt)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// login adds a client that is expected to be let in.
func login(t testing.TB, h *hub.Hub, user string, platform uint8, loop int) *client {
	t.Helper()
	c := newClient(user, platform, loop)
	if _, err := h.Add(&c.Session); err != nil {
		t.Fatalf("Add(%s): %v", user, err)
	}
	return c
}

func subscribe(t testing.TB, h *hub.Hub, c *client, topics ...string) {
	t.Helper()
	for _, topic := range topics {
		if err := h.Subscribe(&c.Session, topic); err != nil {
			t.Fatalf("Subscribe(%s): %v", topic, err)
		}
	}
}

func deliver(t testing.TB, h *hub.Hub, to hub.Target, text string) hub.Receipt {
	t.Helper()
	rec, err := h.Deliver(to, []byte(text+"\n"))
	if err != nil {
		t.Fatalf("Deliver(%s): %v", text, err)
	}
	return rec
}

func wantGot(t testing.TB, c *client, want ...string) {
	t.Helper()
	if !slices.Equal(c.got, want) {
		t.Errorf("%s on platform %d got %q, want %q", c.User, c.Platform, c.got, want)
	}
}

// mustBeConsistent checks a hub over steps, which must be quiet.
func mustBeConsistent(t testing.TB, h *hub.Hub, s *steps) {
	t.Helper()
	if err := checkSteps(h, s); err != nil {
		t.Error(err)
	}
}

func checkSteps(h *hub.Hub, s *steps) error {
	s.settle()
	s.now = true
	defer func() { s.now = false }()
	quiet, err := h.Check(context.Background())
	if err == nil && !quiet {
		err = fmt.Errorf("a hub that nobody uses is not quiet")
	}
	return err
}
