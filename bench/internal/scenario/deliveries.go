package scenario

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"pushd/bench/internal/fleet"
	"pushd/bench/internal/loop"
	"pushd/bench/internal/pause"
	"pushd/bench/internal/protocol"
	"pushd/bench/internal/report"
)

// roundKey and runKey mark the messages of this run wherever the server puts them.
const (
	roundKey = "bench_round"
	runKey   = "bench_run"
)

// deliveries counts what arrives, for each client and round.
type deliveries struct {
	// Immutable after Run's begin.
	loop   *loop.Loop
	run    int64 // tells this run's messages from those of others
	rounds int
	topics []int32 // of each client, nil when everybody gets everything

	// Owned by the loop.
	seen      []uint64 // a bit for each client and round, client by client
	last      []int32  // last round that client saw, -1 at first
	latency   *report.Latency
	twice     int64
	misplaced int64

	audiences  []int // clients that a topic's, or without topics every, round is for
	roundsSent int
	listening  []bool // clients that took part from the first round on

	meant      []atomic.Int64 // when round k was meant to be sent
	begun      atomic.Int64
	expected   atomic.Int64
	arrived    atomic.Int64
	subscribed atomic.Int64
	refused    atomic.Int64
}

func newDeliveries(n, rounds int, topics []int32) *deliveries {
	f := &deliveries{
		run: rand.Int64N(1 << 40), rounds: rounds, topics: topics,
		seen: make([]uint64, (n*rounds+63)/64), last: make([]int32, n), latency: report.NewLatency(),
		audiences: make([]int, 1), listening: make([]bool, n), meant: make([]atomic.Int64, rounds),
	}
	if topics != nil {
		f.audiences = make([]int, slices.Max(topics)+1)
	}
	for i := range f.last {
		f.last[i] = -1
	}
	return f
}

// count fixes who is to receive what.
func (f *deliveries) count(fleet *fleet.Fleet) {
	for id := range f.listening {
		if fleet.IsReady(id) {
			f.listening[id] = true
			f.audiences[f.topic(id)]++
		}
	}
}

func (f *deliveries) topic(id int) int {
	if f.topics == nil {
		return 0
	}
	return int(f.topics[id])
}

// isFor tells whether client id is in the round's topic.
func (f *deliveries) isFor(round, id int) bool { return round%len(f.audiences) == f.topic(id) }

func (f *deliveries) audience(round int) int { return f.audiences[round%len(f.audiences)] }

func (f *deliveries) body(round int, pad string) []byte {
	return fmt.Appendf(nil, `{"%s":%d,"%s":%d,"pad":"%s"}`, roundKey, round, runKey, f.run, pad)
}

// message takes what arrived; it is the fleet's Message hook.
func (f *deliveries) message(c *loop.Conn, payload []byte, e *protocol.Envelope) {
	if e != nil && e.HasCode {
		if e.Is("topic", "Subscribe") && e.Code == 0 {
			f.subscribed.Add(1)
		} else {
			f.refused.Add(1)
		}
		return
	}
	if run, ok := protocol.Number(payload, runKey); !ok || run != f.run {
		return // somebody else's push
	}
	round, ok := protocol.Number(payload, roundKey)
	id := c.ID()
	if !ok || round >= int64(f.rounds) || !f.listening[id] || !f.isFor(int(round), id) {
		f.misplaced++
		return
	}
	bit := id*f.rounds + int(round)
	if f.seen[bit/64]&(1<<(bit%64)) != 0 {
		f.twice++
		return
	}
	f.seen[bit/64] |= 1 << (bit % 64)
	if int32(round) < f.last[id] {
		f.misplaced++ // arrived, but after a later one
	}
	f.last[id] = int32(round)
	now := f.loop.Now()
	f.latency.RecordAt(now, now-time.Duration(f.meant[round].Load()))
	f.arrived.Add(1)
}

func (f *deliveries) await(ctx context.Context, timeout time.Duration) {
	deadline := time.Now().Add(timeout)
	for f.arrived.Load() < f.expected.Load() && time.Now().Before(deadline) {
		if pause.For(ctx, 200*time.Microsecond) != nil {
			return
		}
	}
}

// report says which rounds missed clients. Call it when the loop has stopped.
func (f *deliveries) report(r *report.Result, sent int) {
	expected, arrived := f.expected.Load(), f.arrived.Load()
	r.Messages = &report.Messages{
		Sent: int64(sent), Expected: expected, Received: arrived, Lost: expected - arrived,
		Duplicates: f.twice, Misplaced: f.misplaced,
	}
	r.Latency, r.Timeline = f.latency.Percentiles(), f.latency.Timeline()
	f.problems(r, sent)
}

func (f *deliveries) problems(r *report.Result, sent int) {
	expected, arrived := f.expected.Load(), f.arrived.Load()
	r.Problems.Add(f.refused.Load(), "subscriptions refused")
	r.Problems.Add(f.twice, "messages delivered twice")
	r.Problems.Add(f.misplaced, "messages out of order or for somebody else")
	r.Problems.Add(expected-arrived, "messages not delivered; %s", f.whoMissed(sent))
}

// whoMissed names the first clients that missed something.
func (f *deliveries) whoMissed(sent int) string {
	var names []string
	clients := 0
	for id := range f.last {
		missed, first := 0, -1
		for round := range sent {
			bit := id*f.rounds + round
			meant := f.listening[id] && f.isFor(round, id)
			if meant && f.seen[bit/64]&(1<<(bit%64)) == 0 {
				if missed++; first < 0 {
					first = round
				}
			}
		}
		if missed > 0 {
			if clients++; clients <= 3 {
				names = append(names, fmt.Sprintf("client %d missed %d from round %d on", id, missed, first))
			}
		}
	}
	return fmt.Sprintf("%d clients: %s", clients, strings.Join(names, ", "))
}
