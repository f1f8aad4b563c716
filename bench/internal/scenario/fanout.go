package scenario

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"pushd/bench/internal/fleet"
	"pushd/bench/internal/loop"
	"pushd/bench/internal/protocol"
	"pushd/bench/internal/report"
)

// Fanout is messages that the server sends to many clients: broadcasts, or
// pushes to topics that the clients subscribed to.
type Fanout struct {
	Rounds  int
	Rate    float64       // rounds a second; 0: each when the one before has arrived everywhere
	Topics  int           // 0: broadcast to all; else client i is in topic i%Topics and the rounds take the topics in turn
	Payload int           // padding of a message, bytes
	Timeout time.Duration // after which what hasn't arrived is lost
}

const (
	maxRounds     = 1 << 20
	maxDeliveries = 1 << 32 // a bit each: 512 MiB
)

// Run does it.
func (s Fanout) Run(ctx context.Context, cfg *Config) (*report.Result, error) {
	switch {
	case s.Rounds < 1 || s.Rounds > maxRounds:
		return nil, fmt.Errorf("%d rounds: must be 1 to %d", s.Rounds, maxRounds)
	case s.Rate < 0 || s.Topics < 0 || s.Payload < 0 || s.Timeout <= 0:
		return nil, fmt.Errorf("rate, topics, payload and timeout must not be negative")
	case int64(s.Rounds)*int64(cfg.Connections) > maxDeliveries:
		return nil, fmt.Errorf("%d rounds for %d clients: at most %d deliveries can be told apart", s.Rounds, cfg.Connections, int64(maxDeliveries))
	case cfg.Admin == "":
		return nil, errors.New("fan-out needs the admin API: --admin")
	case cfg.Bare && s.Topics > 0:
		return nil, errors.New("a bare server has no topics")
	}
	f := newDeliveries(cfg.Connections, s, cfg.Bare)
	r, err := begin(ctx, cfg, "fanout", 0, fleet.Hooks{Message: f.message})
	if err != nil {
		return nil, err
	}
	f.loop = r.fleet.Loop()
	err = func() error {
		if err := r.connect(ctx, cfg.Connections); err != nil {
			return err
		}
		if err := s.subscribe(ctx, r, f); err != nil {
			return err
		}
		if err := r.fleet.Do(func() { f.count(r.fleet) }); err != nil {
			return err
		}
		return r.measured(func() error { return s.rounds(ctx, r, f) })
	}()
	if ctx.Err() != nil {
		f.await(context.WithoutCancel(ctx), min(s.Timeout, 3*time.Second)) // what is under way is no loss
	}
	result, err := r.end(ctx, err)
	if result == nil {
		return nil, err
	}
	f.report(result, f.roundsSent)
	if result.Seconds > 0 {
		result.Messages.PerSecond = float64(f.arrived.Load()) / result.Seconds
	}
	result.Messages.PerCPUSecond = r.perCPU(f.arrived.Load())
	result.Finish()
	return result, nil
}

func (s Fanout) topic(run int64, n int) string { return fmt.Sprintf("bench-%d-%d", run, n) }

func (s Fanout) subscribe(ctx context.Context, r *run, f *deliveries) error {
	if s.Topics == 0 {
		return nil
	}
	frames := make([][]byte, s.Topics)
	for i := range frames {
		var err error
		if frames[i], err = protocol.Subscribe(s.topic(f.run, i)); err != nil {
			return err
		}
	}
	wanted := r.fleet.Ready()
	defer r.cfg.Progress.Phase("subscribing", wanted, f.subscribed.Load)()
	if err := r.fleet.Each(ctx, func(c *loop.Conn) { c.Write(frames[c.ID()%s.Topics]) }); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	for f.subscribed.Load()+f.refused.Load() < wanted {
		if err := sleep(ctx, 5*time.Millisecond); err != nil {
			return fmt.Errorf("%d of %d subscriptions answered: %w", f.subscribed.Load(), wanted, err)
		}
	}
	return nil
}

// rounds sends them and waits until all has arrived or time is up.
func (s Fanout) rounds(ctx context.Context, r *run, f *deliveries) error {
	defer r.cfg.Progress.Phase("rounds", int64(s.Rounds), f.begun.Load)()
	plan := schedule{start: f.loop.Clock(), gap: float64(time.Second) / s.Rate}
	for k := range s.Rounds {
		meant := f.loop.Clock()
		if s.Rate > 0 {
			meant = plan.at(int64(k))
			if err := sleep(ctx, meant-f.loop.Clock()); err != nil {
				return err
			}
		} else if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := s.round(ctx, r, f, k, meant); err != nil {
			return fmt.Errorf("round %d: %w", k, err)
		}
		if s.Rate == 0 {
			f.await(ctx, s.Timeout)
		}
	}
	f.await(ctx, s.Timeout)
	return nil
}

func (s Fanout) round(ctx context.Context, r *run, f *deliveries, k int, meant time.Duration) error {
	ctx = context.WithoutCancel(ctx) // an interruption ends the run after this round, not inside it
	f.meant[k].Store(int64(meant))
	f.expected.Add(int64(f.audience(k)))
	f.roundsSent = k + 1
	f.begun.Add(1)
	pad := strings.Repeat("x", s.Payload)
	var err error
	switch {
	case r.cfg.Bare:
		_, err = r.admin.BareBroadcast(ctx, fmt.Appendf(nil, "%s:%d %s:%d %s", roundKey, k, runKey, f.run, pad))
	case s.Topics > 0:
		_, err = r.admin.PushTopic(ctx, s.topic(f.run, k%s.Topics), f.body(k, pad))
	default:
		_, err = r.admin.Broadcast(ctx, f.body(k, pad))
	}
	return err
}
