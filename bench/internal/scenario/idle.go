package scenario

import (
	"context"
	"fmt"
	"time"

	"pushd/bench/internal/fleet"
	"pushd/bench/internal/loop"
	"pushd/bench/internal/pause"
	"pushd/bench/internal/report"
)

// Idle is clients that are logged in and send heartbeats, and what they cost.
type Idle struct {
	Steps   []int         // counts of clients to measure memory at, ascending; empty: all at once
	Settle  time.Duration // between the message each client sends and a measurement
	Payload int           // of the bare message, bytes
	Traffic int           // after the last step, so many messages of 1 KiB from each client, and memory once more
	Timeout time.Duration // after which what wasn't answered is lost
}

// afterCollection is the time the runtime has to give memory back, if Settle isn't shorter.
const afterCollection = 3 * time.Second

// Run does it.
func (s Idle) Run(ctx context.Context, cfg *Config) (*report.Result, error) {
	steps := s.Steps
	if len(steps) == 0 {
		steps = []int{cfg.Connections}
	}
	if s.Traffic < 0 {
		return nil, fmt.Errorf("%d messages of traffic: must not be negative", s.Traffic)
	}
	for i, n := range steps {
		if n < 1 || i > 0 && n <= steps[i-1] {
			return nil, fmt.Errorf("steps %v: must be ascending counts", steps)
		}
	}
	cfg.Connections = steps[len(steps)-1]
	p, err := newPinger(cfg.Connections, s.Payload, cfg, s.Timeout)
	if err != nil {
		return nil, err
	}
	r, err := begin(ctx, cfg, "idle", 0, fleet.Hooks{Message: p.message, Gone: p.gone})
	if err != nil {
		return nil, err
	}
	p.fleet = r.fleet
	err = func() error {
		for _, n := range steps {
			if err := s.step(ctx, r, p, n); err != nil {
				return err
			}
		}
		if err := s.traffic(ctx, r, p); err != nil {
			return err
		}
		r.result.Slope = report.SlopeOf(r.result.Steps)
		return r.measured(func() error { return r.wait(ctx, "idle", cfg.Duration) })
	}()
	lost := p.await(ctx)
	result, err := r.end(ctx, err)
	if result != nil {
		p.report(result, lost)
		result.Finish()
	}
	return result, err
}

// step opens clients up to n, has each send a message, and measures.
func (s Idle) step(ctx context.Context, r *run, p *pinger, n int) error {
	if err := r.connect(ctx, n); err != nil {
		return err
	}
	if err := r.fleet.Each(ctx, func(c *loop.Conn) { p.send(c) }); err != nil {
		return fmt.Errorf("one message each: %w", err)
	}
	if p.await(ctx) > 0 {
		return ctx.Err() // reported as lost; memory with requests under way would tell nothing
	}
	if r.server == nil {
		return nil
	}
	if err := r.wait(ctx, "settling", s.Settle); err != nil {
		return err
	}
	step := report.Step{Connections: int(r.fleet.Ready())}
	var err error
	if step.RSS, err = r.server.process.RSS(); err != nil {
		return err
	}
	if r.admin != nil {
		// What a first collection finds with finalizers or in pools, only a second one frees.
		if _, err := r.admin.Heap(ctx, true); err != nil {
			return fmt.Errorf("forced collection (--admin '' goes without): %w", err)
		}
		heap, err := r.admin.Heap(ctx, true)
		if err != nil {
			return err
		}
		if err := pause.For(ctx, min(s.Settle, afterCollection)); err != nil {
			return err
		}
		if step.RSSSettled, err = r.server.process.RSS(); err != nil {
			return err
		}
		step.HeapObjects, step.HeapInUse, step.StackInUse = heap.Objects, heap.InUse, heap.StackInUse
	}
	r.result.Steps = append(r.result.Steps, step)
	return nil
}

// trafficSize is how much data each message of traffic carries.
const trafficSize = 1 << 10

// traffic lets every client send and measures what that left behind.
func (s Idle) traffic(ctx context.Context, r *run, p *pinger) error {
	if s.Traffic == 0 || len(r.result.Steps) == 0 {
		return nil
	}
	if err := p.resize(trafficSize); err != nil {
		return err
	}
	for range s.Traffic {
		if err := r.fleet.Each(ctx, func(c *loop.Conn) { p.send(c) }); err != nil {
			return fmt.Errorf("traffic: %w", err)
		}
		if p.await(ctx) > 0 {
			return ctx.Err() // reported as lost
		}
	}
	if err := r.wait(ctx, "settling", s.Settle); err != nil {
		return err
	}
	var err error
	r.result.Steps[len(r.result.Steps)-1].RSSTraffic, err = r.server.process.RSS()
	return err
}
