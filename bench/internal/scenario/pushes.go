package scenario

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"pushd/bench/internal/admin"
	"pushd/bench/internal/fleet"
	"pushd/bench/internal/loop"
	"pushd/bench/internal/pause"
	"pushd/bench/internal/protocol"
	"pushd/bench/internal/report"
)

// The keys of a push to one user: which run it belongs to, the how manyth of
// that user's it is, and when it was meant to be sent.
const (
	pushRunKey = "push_run"
	pushSeqKey = "push_seq"
	pushAtKey  = "push_at"
)

// pushes posts messages to single users over HTTP and checks that each user
// gets its own, once and in order.
type pushes struct {
	// Immutable after the start.
	fleet   *fleet.Fleet
	admin   *admin.Client
	users   func(id int) string
	run     int64
	pad     string
	workers int

	sent []atomic.Uint32 // by client; each is written by one worker

	// Owned by the loop.
	got       []uint32 // by client: the next one's number
	latency   *report.Latency
	misplaced int64

	posted   atomic.Int64
	arrived  atomic.Int64
	failed   atomic.Int64
	once     sync.Once
	firstErr error // set once, read when the workers are done
}

func newPushes(n int, users func(int) string, payload, workers int) *pushes {
	return &pushes{
		users: users, run: rand.Int64N(1 << 40), pad: strings.Repeat("x", payload), workers: min(workers, n),
		sent: make([]atomic.Uint32, n), got: make([]uint32, n), latency: report.NewLatency(),
	}
}

// message takes a push; it is the fleet's Message hook, or part of one. It
// tells whether the push was one of these.
func (p *pushes) message(c *loop.Conn, payload []byte) bool {
	if run, ok := protocol.Number(payload, pushRunKey); !ok || run != p.run {
		return false
	}
	seq, hasSeq := protocol.Number(payload, pushSeqKey)
	at, hasAt := protocol.Number(payload, pushAtKey)
	id := c.ID()
	if !hasSeq || !hasAt || seq < int64(p.got[id]) || seq >= int64(p.sent[id].Load()) {
		p.misplaced++ // again, or somebody else's
		return true
	}
	p.got[id] = uint32(seq) + 1
	now := p.fleet.Loop().Now()
	p.latency.RecordAt(now, now-time.Duration(at))
	p.arrived.Add(1)
	return true
}

// post sends client id's next one.
func (p *pushes) post(ctx context.Context, id int, meant time.Duration) {
	seq := p.sent[id].Add(1) - 1
	body := fmt.Appendf(nil, `{"%s":%d,"%s":%d,"%s":%d,"pad":"%s"}`, pushRunKey, p.run, pushSeqKey, seq, pushAtKey, int64(meant), p.pad)
	p.posted.Add(1)
	if err := p.admin.Push(ctx, []admin.Push{{User: p.users(id), Message: body}}); err != nil {
		p.failed.Add(1)
		p.once.Do(func() { p.firstErr = err })
	}
}

// work posts until ctx ends: push k is for client k modulo their number. A
// client's pushes all go through the same worker, which keeps their order. At
// a rate, push k is meant for its own time; else each worker goes on when the
// server has answered.
func (p *pushes) work(ctx context.Context, rate float64) {
	var all sync.WaitGroup
	l := p.fleet.Loop()
	plan := schedule{start: l.Clock(), gap: float64(time.Second) / rate}
	n := len(p.sent)
	for w := range p.workers {
		all.Go(func() {
			for turn := 0; ; turn++ {
				for id := w; id < n; id += p.workers {
					meant := l.Clock()
					if rate > 0 {
						meant = plan.at(int64(turn)*int64(n) + int64(id))
						if pause.For(ctx, meant-l.Clock()) != nil {
							return
						}
					}
					if ctx.Err() != nil {
						return
					}
					p.post(context.WithoutCancel(ctx), id, meant)
				}
			}
		})
	}
	all.Wait()
}

// await waits for what may still come.
func (p *pushes) await(timeout time.Duration) {
	for deadline := time.Now().Add(timeout); p.arrived.Load() < p.posted.Load()-p.failed.Load() && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
}

func (p *pushes) problems(r *report.Result) {
	if n := p.failed.Load(); n > 0 {
		r.Problems.Add(n, "pushes refused, as: %v", p.firstErr)
	}
	r.Problems.Add(p.misplaced, "pushes twice, out of order or for somebody else")
	r.Problems.Add(p.posted.Load()-p.failed.Load()-p.arrived.Load(), "pushes not delivered")
}
