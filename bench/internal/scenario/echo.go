package scenario

import (
	"context"
	"fmt"
	"time"

	"pushd/bench/internal/admin"
	"pushd/bench/internal/fleet"
	"pushd/bench/internal/loop"
	"pushd/bench/internal/report"
)

// Echo is robot.Ping, or a payload sent back by a bare server, as fast as the
// answers come or at a fixed rate.
type Echo struct {
	InFlight int           // requests under way on each connection, closed loop
	Rate     float64       // messages a second over all connections; 0: closed loop
	Payload  int           // bare payload, bytes
	Warmup   time.Duration // before the measured part
	Timeout  time.Duration // after which what wasn't answered is lost
}

// sendsPerTurn bounds the requests sent in one turn of the loop, so that
// answers are read in between.
const sendsPerTurn = 256

// Run does it.
func (s Echo) Run(ctx context.Context, cfg *Config) (*report.Result, error) {
	if s.InFlight < 1 || s.InFlight > 1024 {
		return nil, fmt.Errorf("%d requests in flight: must be 1 to 1024", s.InFlight)
	}
	if s.Rate < 0 || s.Warmup < 0 {
		return nil, fmt.Errorf("rate and warm-up must not be negative")
	}
	p, err := newPinger(cfg.Connections, s.Payload, cfg, s.Timeout)
	if err != nil {
		return nil, err
	}
	r, err := begin(ctx, cfg, "echo", 0, fleet.Hooks{Message: p.message, Gone: p.gone})
	if err != nil {
		return nil, err
	}
	p.fleet = r.fleet
	var before, after admin.Heap
	err = func() error {
		if err := r.connect(ctx, cfg.Connections); err != nil {
			return err
		}
		stop, err := s.start(ctx, r, p)
		if err != nil {
			return err
		}
		defer stop()
		if err := r.wait(ctx, "warming up", s.Warmup); err != nil {
			return err
		}
		if before, err = r.heap(ctx); err != nil {
			return err
		}
		err = r.measured(func() error { return s.measure(ctx, r, p) })
		if err != nil {
			return err
		}
		after, err = r.heap(ctx)
		return err
	}()
	lost := p.await(ctx)
	result, err := r.end(ctx, err)
	if result == nil {
		return nil, err
	}
	p.report(result, lost)
	r.costs(p.received)
	if after.Mallocs > 0 && p.received > 0 {
		result.Messages.Allocations = float64(after.Mallocs-before.Mallocs) / float64(p.received)
	}
	result.Latency, result.Timeline = p.latency.Percentiles(), p.latency.Timeline()
	result.Finish()
	return result, nil
}

// heap is zero unless both a server process and an admin API were named.
func (r *run) heap(ctx context.Context) (admin.Heap, error) {
	if r.admin == nil || r.server == nil {
		return admin.Heap{}, nil
	}
	h, err := r.admin.Heap(ctx, false)
	if err != nil {
		return h, fmt.Errorf("server's allocations (--admin '' goes without): %w", err)
	}
	return h, nil
}

func (s Echo) measure(ctx context.Context, r *run, p *pinger) error {
	if err := r.fleet.Do(func() { p.measuring = true }); err != nil {
		return err
	}
	err := r.wait(ctx, "echo", r.cfg.Duration)
	if stopped := r.fleet.Do(func() { p.measuring = false }); stopped != nil {
		return stopped
	}
	return err
}

// start sets the requests going; stop ends them.
func (s Echo) start(ctx context.Context, r *run, p *pinger) (stop func(), err error) {
	if s.Rate > 0 {
		err = r.fleet.Do(func() { s.open(r, p, len(p.sent)) })
		return func() { _ = r.fleet.Do(func() { r.fleet.Loop().SetPulse(nil) }) }, err
	}
	sentAt := make([]time.Duration, len(p.sent)*s.InFlight)
	slot := func(id int, n uint32) *time.Duration { return &sentAt[id*s.InFlight+int(n%uint32(s.InFlight))] }
	send := func(c *loop.Conn) {
		*slot(c.ID(), p.sent[c.ID()]) = r.fleet.Loop().Clock()
		p.send(c)
	}
	err = r.fleet.Do(func() {
		p.intended = func(id int, n uint32) time.Duration { return *slot(id, n) }
		p.next = send
	})
	if err == nil {
		err = r.fleet.Each(ctx, func(c *loop.Conn) {
			for range s.InFlight {
				send(c)
			}
		})
	}
	return func() { _ = r.fleet.Do(func() { p.next = nil }) }, err
}

// open starts the open loop among the first n clients: request k of all is meant for time start+k/rate
// and goes to the ready clients in turn. So client i's n-th request has a time
// that follows from i and n alone, and none of it depends on answers.
func (s Echo) open(r *run, p *pinger, n int) {
	l := r.fleet.Loop()
	var ids []int
	turn := make([]int, n) // of a client among the ready ones
	for id := range n {
		if r.fleet.IsReady(id) {
			turn[id] = len(ids)
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return
	}
	plan := schedule{start: l.Clock(), gap: float64(time.Second) / s.Rate}
	p.intended = func(id int, n uint32) time.Duration { return plan.at(int64(n)*int64(len(ids)) + int64(turn[id])) }
	k := int64(0)
	l.SetPulse(func(now time.Duration) time.Duration {
		for sent := 0; plan.at(k) <= now; k++ {
			if sent == sendsPerTurn {
				return now
			}
			if id := ids[k%int64(len(ids))]; r.fleet.IsReady(id) {
				p.send(l.Conn(id))
				sent++
			}
		}
		return plan.at(k)
	})
}

// schedule is when the k-th of evenly spaced events is meant to happen.
type schedule struct {
	start time.Duration
	gap   float64 // nanoseconds
}

func (s schedule) at(k int64) time.Duration { return s.start + time.Duration(float64(k)*s.gap) }
