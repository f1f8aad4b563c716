// Package fleet keeps many clients connected: it opens them, logs each in,
// sends heartbeats with jitter, counts every way in which one ends, and, when
// asked to, lets them leave and come again. Scenarios sit on top and see only
// the messages that are theirs. All hooks run on the loop.
package fleet

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"pushd/bench/internal/loop"
	"pushd/bench/internal/protocol"
	"pushd/bench/internal/report"
)

// Options say how the clients behave.
type Options struct {
	Target     netip.AddrPort
	Request    []byte       // the opening handshake
	Dial       loop.Options // pace and source addresses
	Bare       bool         // no login and no JSON: a server that only echoes
	Identity   Identities   // who logs in; unused when Bare
	Centrifugo bool         // login and messages are Centrifugo's; the server sends the heartbeats then
	Heartbeat  time.Duration
	Stay       time.Duration // 0: for good; else about how long before leaving and coming again
	Retry      bool          // who can't connect tries again, after all others that wait
}

// Hooks are what a scenario adds. Each may be nil.
type Hooks struct {
	Ready   func(c *loop.Conn)                                       // logged in
	Message func(c *loop.Conn, payload []byte, e *protocol.Envelope) // e is nil when Bare or Centrifugo; both valid during the call
	Gone    func(c *loop.Conn)
}

// Fleet is a set of clients on one loop. Make it with New and end it with Close.
type Fleet struct {
	// Immutable after New.
	opts      Options
	hooks     Hooks
	loop      *loop.Loop
	heartbeat []byte
	pong      []byte        // of Centrifugo
	done      chan struct{} // closed when the loop has returned
	err       error         // of the loop; read after done

	// Owned by the loop.
	members  []member
	envelope protocol.Envelope
	started  int             // ids below this were dialled
	leaving  bool            // what ends now, we end
	logins   *report.Latency // from dial to ready

	counts counts

	mu     sync.Mutex
	causes map[string]int64 // guarded by mu: why connections failed or were lost
}

// member is one client's state, small since there are very many.
type member struct {
	leaveAt time.Duration // 0: stays
	phase   phase
	beats   uint8 // heartbeats not answered yet
}

type phase uint8

const (
	away phase = iota
	greeting
	ready
)

type counts struct {
	dialled, opened, ready, readyNow, failed, lost, left atomic.Int64
	beats, beatsPending, retries                         atomic.Int64
}

const loginTimeout = 15 * time.Second

// maxCauses bounds the different causes that are told apart; texts come from the server.
const maxCauses = 100

// New makes a fleet of up to n clients and starts its loop, which opens none yet.
func New(n int, opts Options, hooks Hooks) (*Fleet, error) {
	f := &Fleet{
		opts: opts, hooks: hooks, done: make(chan struct{}), members: make([]member, n),
		causes: map[string]int64{}, logins: report.NewLatency(),
	}
	if opts.Centrifugo {
		f.opts.Heartbeat = 0
		f.pong = protocol.CentrifugoPong()
	}
	f.heartbeat = protocol.HeartBeat()
	if opts.Bare {
		f.heartbeat = protocol.NativePing()
	}
	l, err := loop.New(n, opts.Target, opts.Request, (*handler)(f), opts.Dial)
	if err != nil {
		return nil, err
	}
	f.loop = l
	go func() {
		defer close(f.done)
		f.err = l.Run()
	}()
	return f, nil
}

// Loop is the loop the clients live on.
func (f *Fleet) Loop() *loop.Loop { return f.loop }

// Do runs work on the loop.
func (f *Fleet) Do(work func()) error { return f.loop.Do(work) }

// Grow opens clients until n have been begun, and waits until each is ready or
// has failed. A failure is counted, no error.
func (f *Fleet) Grow(ctx context.Context, n int) error {
	if err := f.Start(n); err != nil {
		return err
	}
	return f.until(ctx, func() bool {
		c := &f.counts
		return c.ready.Load()+c.failed.Load() >= c.dialled.Load()
	})
}

// Start begins to open clients until n have been begun.
func (f *Fleet) Start(n int) error {
	return f.loop.Do(func() {
		for ; f.started < min(n, len(f.members)); f.started++ {
			f.counts.dialled.Add(1)
			f.loop.Dial(f.started)
		}
	})
}

// Each calls visit on the loop for every ready client, a slice of them in each
// turn, so that the sockets are looked at in between. It returns when all were
// visited.
func (f *Fleet) Each(ctx context.Context, visit func(c *loop.Conn)) error {
	const slice = 256
	finished := make(chan struct{})
	next := 0
	err := f.loop.Do(func() {
		f.loop.SetPulse(func(time.Duration) time.Duration {
			for end := min(next+slice, len(f.members)); next < end; next++ {
				if f.members[next].phase == ready {
					visit(f.loop.Conn(next))
				}
			}
			if next < len(f.members) {
				return 0
			}
			f.loop.SetPulse(nil)
			close(finished)
			return loop.Never
		})
	})
	if err != nil {
		return err
	}
	select {
	case <-finished:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-f.done:
		return f.stopped()
	}
}

// Storm cuts every client off at once, without a Close, and lets all come
// again: no more than pending at the same time, rate a second. Before any of them
// does, began is told the loop's time, on the loop. It returns how many there were.
func (f *Fleet) Storm(rate float64, pending int, began func(at time.Duration)) (cut int, err error) {
	err = f.loop.Do(func() {
		began(f.loop.Clock())
		f.loop.SetPace(rate, pending)
		for id := range f.members {
			if f.members[id].phase == ready {
				cut++
				f.loop.Conn(id).Drop()
				f.counts.dialled.Add(1)
				f.loop.Dial(id)
			}
		}
	})
	return cut, err
}

// IsReady tells whether client id is logged in. Loop only.
func (f *Fleet) IsReady(id int) bool { return f.members[id].phase == ready }

// SettleHeartbeats waits a while for the answers that are still under way.
func (f *Fleet) SettleHeartbeats(ctx context.Context, wait time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	_ = f.until(ctx, func() bool { return f.counts.beatsPending.Load() == 0 })
}

// Close lets all clients leave, stops the loop and waits for it.
func (f *Fleet) Close(ctx context.Context) error {
	err := f.loop.Do(func() { f.leaving = true; f.loop.CancelDials() })
	if err == nil {
		err = f.Each(ctx, func(c *loop.Conn) { c.Leave() })
	}
	if err == nil {
		err = f.until(ctx, func() bool { return f.counts.readyNow.Load() == 0 })
	}
	if stop := f.loop.Do(f.loop.Stop); stop == nil {
		<-f.done
	}
	if f.err != nil {
		return f.err
	}
	return err
}

func (f *Fleet) until(ctx context.Context, met func() bool) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !met() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-f.done:
			return f.stopped()
		}
	}
	return nil
}

func (f *Fleet) stopped() error {
	if f.err != nil {
		return f.err
	}
	return loop.ErrStopped
}

func (f *Fleet) cause(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, known := f.causes[text]; !known && len(f.causes) >= maxCauses {
		text = "other causes"
	}
	f.causes[text]++
}

// jittered is d less up to a tenth, so that clients that came together don't
// beat together for ever, and none is late.
func jittered(d time.Duration) time.Duration {
	return d - time.Duration(rand.Int64N(int64(d)/10+1))
}

func (f *Fleet) send(c *loop.Conn, frame []byte, err error) {
	if err != nil {
		f.cause("own request: %v", err)
		c.Leave()
		return
	}
	c.Write(frame)
}
