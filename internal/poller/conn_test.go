package poller_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"pushd/internal/poller"
	"pushd/internal/poller/pollertest"
	"pushd/internal/testwait"
)

// serverText is a complete frame as the server sends it.
func serverText(s string) []byte {
	var b bytes.Buffer
	if err := ws.WriteFrame(&b, ws.NewTextFrame([]byte(s))); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// collect keeps the connections that are open.
type collect struct {
	mu    sync.Mutex
	peers []*peer
}

func (c *collect) opened(p *peer, _ *poller.Handshake) {
	c.mu.Lock()
	c.peers = append(c.peers, p)
	c.mu.Unlock()
}

func (c *collect) wait(t testing.TB, n int) []*peer {
	t.Helper()
	open := func() int {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.peers)
	}
	testwait.Equal(t, "the number of open connections", n, open)
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.peers
}

func TestPanicClosesThatConnectionOnly(t *testing.T) {
	var closed atomic.Int32
	s := start(t, hooks{
		opened: func(_ *peer, h *poller.Handshake) {
			if h.Token == "open" {
				panic("in Opened")
			}
		},
		message: func(p *peer, b []byte) {
			if string(b) == "panic" {
				panic("in Message")
			}
			echo(p, b)
		},
		expired: func(*peer) { panic("in Expired") },
		closed: func(*peer, poller.Reason) {
			closed.Add(1)
			panic("in Closed")
		},
	}, poller.Options{})
	bystander := s.open()
	check := func() {
		t.Helper()
		bystander.send(text("alive"))
		bystander.expect("alive")
	}
	c := s.open()
	c.send(append(text("before"), text("panic")...))
	c.expectClose(1011)
	check()
	c = s.dial()
	c.send([]byte(request("Authorization: Bearer open\r\n")))
	_, _ = c.br.WriteTo(&bytes.Buffer{})
	check()
	s.Post(0, func() bool { panic("in a task") })
	s.on(func() {})
	check()
	if n := closed.Load(); n != 2 {
		t.Errorf("Closed was called %d times, want 2", n)
	}
	testwait.Equal(t, "the number of connections", 1, s.Connections)
	for _, where := range []string{"in Message", "in Opened", "in a task"} {
		if !strings.Contains(s.log.String(), where) {
			t.Errorf("the log does not have the panic %s", where)
		}
	}
}

func TestDeadline(t *testing.T) {
	// The kernel's timer and a clock that is handed in drive the same wheel.
	for name, clock := range map[string]*pollertest.Clock{"the kernel's timer": nil, "a clock": pollertest.NewClock()} {
		t.Run(name, func(t *testing.T) {
			after := poller.Ticks(300 * time.Millisecond)
			var due, fired atomic.Uint32
			var opts poller.Options
			if clock != nil {
				opts.Clock = clock
			}
			s := start(t, hooks{
				opened: func(p *peer, _ *poller.Handshake) {
					due.Store(p.Loop().Now() + after)
					p.SetDeadline(due.Load())
				},
				expired: func(p *peer) {
					fired.Store(p.Loop().Now())
					p.Close(4102, "no heartbeat", "no_heartbeat")
				},
			}, opts)
			c := s.open()
			if clock != nil {
				clock.Pass(t, pollertest.Tick)
				if at := fired.Load(); at != 0 {
					t.Errorf("fired early, at tick %d", at)
				}
				clock.Pass(t, pollertest.Tick)
			}
			c.expectClose(4102)
			if fired.Load() != due.Load() {
				t.Errorf("fired at tick %d, due at %d", fired.Load(), due.Load())
			}
		})
	}
}

// A clock may be far ahead when the loops look at it: they make up for all of it.
func TestClockThatJumps(t *testing.T) {
	clock := pollertest.NewClock()
	s := start(t, hooks{}, poller.Options{Loops: 2, Clock: clock})
	clock.Advance(time.Hour)
	clock.Pass(t, pollertest.Tick)
	for i := range s.Len() {
		now := make(chan uint32)
		s.Post(i, func() bool { now <- s.Loop(i).Now(); return false })
		if got := <-now; got != poller.Ticks(time.Hour)+1 {
			t.Errorf("loop %d is at tick %d", i, got)
		}
	}
}

// TestSlowConsumer sends to a peer that reads nothing: it is closed with 4101
// when its queue is full, while another one gets everything.
func TestSlowConsumer(t *testing.T) {
	var all collect
	why := make(chan poller.Reason, 1)
	s := start(t, hooks{opened: all.opened, closed: func(_ *peer, r poller.Reason) { why <- r }},
		poller.Options{SendBuffer: 256 << 10, CloseTimeout: 20 * time.Second})
	deaf := s.open()
	good := s.open()
	peers := all.wait(t, 2)
	const messages, size = 200, 60 << 10
	shared := serverText(strings.Repeat("z", size))
	received := make(chan int)
	go func() {
		n := 0
		for ; n < messages; n++ {
			if _, err := readFrame(good.br); err != nil {
				break
			}
		}
		received <- n
	}()
	for i := range messages {
		s.on(func() {
			for _, p := range peers {
				p.Write(shared)
			}
		})
		if i%4 == 3 {
			time.Sleep(time.Millisecond)
		}
	}
	if n := <-received; n != messages {
		t.Errorf("the good one got %d of %d", n, messages)
	}
	if r := <-why; r != poller.SlowConsumer {
		t.Fatal(r)
	}
	deaf.expectClose(4101) // every frame before it is whole
}

// TestFrameOverTheSendBuffer writes frames larger than the whole send buffer to a
// peer that reads late: the first is partly on the wire when the second comes.
func TestFrameOverTheSendBuffer(t *testing.T) {
	var all collect
	s := start(t, hooks{opened: all.opened}, poller.Options{SendBuffer: 1024, CloseTimeout: 20 * time.Second})
	c := s.open()
	other := s.open()
	p := all.wait(t, 2)
	big := strings.Repeat("z", 8<<20)
	s.on(func() {
		p[0].Write(serverText(big))
		p[0].Write(serverText("one too many"))
	})
	c.expect(big)
	c.expectClose(4101)
	s.on(func() { p[1].Write(serverText("alive")) })
	other.expect("alive")
}

func TestSlowConsumerByAge(t *testing.T) {
	var all collect
	why := make(chan poller.Reason, 1)
	clock := pollertest.NewClock()
	s := start(t, hooks{opened: all.opened, closed: func(_ *peer, r poller.Reason) { why <- r }},
		poller.Options{SendBuffer: 64 << 20, Clock: clock})
	s.open()
	p := all.wait(t, 1)[0]
	s.on(func() { p.Write(serverText(strings.Repeat("z", 16<<20))) })
	defaults := poller.Options{}.WithDefaults()
	clock.Pass(t, defaults.WriteTimeout-pollertest.Tick)
	if len(why) != 0 {
		t.Fatal("closed early:", <-why)
	}
	clock.Pass(t, pollertest.Tick)
	if r := <-why; r != poller.SlowConsumer {
		t.Fatal(r)
	}
	if s.Connections() != 1 {
		t.Error("its Close frame is not waited for")
	}
	clock.Pass(t, defaults.CloseTimeout)
	if s.Connections() != 0 {
		t.Error("it is still there")
	}
}

// TestQueuedOutputArrivesWhole makes output wait and checks every byte of it,
// private and shared chunks mixed.
func TestQueuedOutputArrivesWhole(t *testing.T) {
	var all collect
	s := start(t, hooks{opened: all.opened}, poller.Options{SendBuffer: 64 << 20, WriteTimeout: time.Minute})
	c := s.open()
	p := all.wait(t, 1)[0]
	const n = 3000
	s.on(func() {
		for i := range n {
			m := fmt.Sprintf("%d %s", i, strings.Repeat("q", i*7%5000))
			if i%2 == 0 {
				p.Write(serverText(m))
			} else {
				p.WriteMessage([]byte(m))
			}
		}
	})
	for i := range n {
		c.expect(fmt.Sprintf("%d %s", i, strings.Repeat("q", i*7%5000)))
	}
	s.on(func() {
		if got := p.Stats().MessagesOut; got != n {
			t.Errorf("counted %d messages, sent %d", got, n)
		}
	})
}

// TestPostsInOneTurnAreJoined posts ten writes to one connection while the loop
// is held up, and expects them in one system call.
func TestPostsInOneTurnAreJoined(t *testing.T) {
	var all collect
	s := start(t, hooks{opened: all.opened}, poller.Options{})
	c := s.open()
	p := all.wait(t, 1)[0]
	hold, held := make(chan struct{}), make(chan struct{})
	s.Post(0, func() bool { close(held); <-hold; return false })
	<-held
	before := s.metrics.Loop(0).Writes.Load()
	for i := range 10 {
		s.Post(0, func() bool { p.Write(serverText(fmt.Sprint(i))); return false })
	}
	close(hold)
	for i := range 10 {
		c.expect(fmt.Sprint(i))
	}
	s.on(func() {})
	if n := s.metrics.Loop(0).Writes.Load() - before; n != 1 {
		t.Errorf("%d system calls for ten frames", n)
	}
}

func TestTaskIsRunAgainUntilDone(t *testing.T) {
	s := start(t, hooks{message: echo}, poller.Options{})
	c := s.open()
	stop, done, running := make(chan struct{}), make(chan struct{}), make(chan struct{})
	n := 0
	s.Post(0, func() bool {
		if n++; n == 2 {
			close(running)
		}
		select {
		case <-stop:
			close(done)
			return false
		default:
			return true
		}
	})
	<-running
	// The loop serves sockets between the turns of a task that never ends.
	c.send(text("between"))
	c.expect("between")
	close(stop)
	<-done
}

// TestPause holds a connection up as a slow handler does: input stays in the
// kernel until Resume, then all of it arrives in order.
func TestPause(t *testing.T) {
	var got []string
	paused := make(chan *peer, 100)
	s := start(t, hooks{message: func(p *peer, b []byte) {
		got = append(got, string(b[:min(len(b), 8)]))
		p.Pause()
		paused <- p
	}}, poller.Options{})
	c := s.open()
	const n = 50
	go func() {
		for i := range n {
			_, _ = c.Write(text(fmt.Sprintf("%08d", i) + strings.Repeat("x", 50_000)))
		}
	}()
	for i := range n {
		p := <-paused
		select {
		case <-paused:
			t.Fatal("a message came while paused")
		case <-time.After(2 * time.Millisecond):
		}
		if in := s.metrics.Loop(0).BytesIn.Load(); in > uint64((i+2)*(50_000+64<<10)) {
			t.Fatalf("read ahead: %d bytes after %d messages", in, i+1)
		}
		s.on(func() {
			p.WriteMessage([]byte("done"))
			p.Resume()
		})
		c.expect("done")
	}
	for i, g := range got {
		if g != fmt.Sprintf("%08d", i) {
			t.Fatalf("message %d is %s", i, g)
		}
	}
}

func TestPausedPeerThatHangsUpIsClosedAfterResume(t *testing.T) {
	n := 0
	paused, closed := make(chan *peer, 10), make(chan struct{})
	s := start(t, hooks{
		message: func(p *peer, _ []byte) { n++; p.Pause(); paused <- p },
		closed:  func(*peer, poller.Reason) { close(closed) },
	}, poller.Options{})
	c := s.open()
	c.send(text("one"))
	p := <-paused
	c.send(text("two"))
	c.Close()
	time.Sleep(20 * time.Millisecond)
	s.on(p.Resume)
	p = <-paused
	s.on(p.Resume)
	<-closed
	if n != 2 {
		t.Fatalf("%d messages of 2", n)
	}
}

func TestPausedConnectionCanBeClosed(t *testing.T) {
	paused := make(chan *peer, 1)
	s := start(t, hooks{message: func(p *peer, _ []byte) { p.Pause(); paused <- p }}, poller.Options{})
	c := s.open()
	c.send(append(text("one"), text("two")...))
	p := <-paused
	c.send(text("three"))
	time.Sleep(10 * time.Millisecond)
	s.on(func() { p.Close(4004, "", "kicked") })
	c.expectClose(4004)
	c.Close()
	testwait.Equal(t, "the number of connections", 0, s.Connections)
	s.on(p.Resume) // too late, and harmless
}

func TestMailboxIsBounded(t *testing.T) {
	s := start(t, hooks{}, poller.Options{})
	hold, held := make(chan struct{}), make(chan struct{})
	s.Post(0, func() bool { close(held); <-hold; return false })
	<-held
	n := 0
	for s.Post(0, func() bool { return false }) {
		if n++; n > 1<<20 {
			t.Fatal("no bound")
		}
	}
	close(hold)
	testwait.Equal(t, "whether mail is accepted", true, func() bool { return s.Post(0, func() bool { return false }) })
}

func TestStopAccepting(t *testing.T) {
	s := start(t, hooks{message: echo}, poller.Options{Loops: 2})
	c := s.open()
	s.StopAccepting()
	c.send(text("still"))
	c.expect("still")
}

// TestManyConnections opens, uses and closes many at once on two loops.
func TestManyConnections(t *testing.T) {
	var opened, closed atomic.Int32
	s := start(t, hooks{
		opened:  func(*peer, *poller.Handshake) { opened.Add(1) },
		message: echo,
		closed:  func(*peer, poller.Reason) { closed.Add(1) },
	}, poller.Options{Loops: 2})
	var wg sync.WaitGroup
	for g := range 16 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range 25 {
				c := s.open()
				m := fmt.Sprintf("%d-%d-%s", g, i, strings.Repeat("m", i*300))
				c.send(text(m))
				c.expect(m)
				if i%2 == 0 {
					c.send(frame(true, ws.OpClose, nil))
					c.expectClose(1000)
				}
				c.Close()
			}
		}()
	}
	wg.Wait()
	testwait.Equal(t, "the number of connections", 0, s.Connections)
	testwait.Equal(t, "the number of handlers told", 400, closed.Load)
	if opened.Load() != 400 {
		t.Errorf("opened %d", opened.Load())
	}
	for i := range 2 {
		if n := s.metrics.Loop(i).Connections.Load(); n != 0 {
			t.Errorf("loop %d still counts %d", i, n)
		}
	}
}
