package scenario

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"pushd/bench/internal/admin"
	"pushd/bench/internal/fleet"
	"pushd/bench/internal/loop"
	"pushd/bench/internal/pause"
	"pushd/bench/internal/protocol"
	"pushd/bench/internal/report"
)

// Fanout is messages that the server sends to many clients: broadcasts, or
// pushes to topics that the clients subscribed to.
type Fanout struct {
	Rounds  int
	Rate    float64       // rounds a second; 0: each when the one before has arrived everywhere
	Topics  int           // 0: broadcast to all; else so many of one size, and the rounds take them in turn
	Sizes   []int         // instead of Topics: topics of these many clients in turn, until every client is in one
	Burst   int           // messages posted at once, so that they wait together; 0: 1
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
	case s.Rate < 0 || s.Topics < 0 || s.Burst < 0 || s.Payload < 0 || s.Timeout <= 0:
		return nil, fmt.Errorf("rate, topics, payload and timeout must not be negative")
	case int64(s.Rounds)*int64(cfg.Connections) > maxDeliveries:
		return nil, fmt.Errorf("%d rounds for %d clients: at most %d deliveries can be told apart", s.Rounds, cfg.Connections, int64(maxDeliveries))
	case cfg.Admin == "":
		return nil, errors.New("fan-out needs the admin API: --admin")
	case s.Topics > 0 && len(s.Sizes) > 0:
		return nil, errors.New("topics of one size and of several exclude each other")
	case (cfg.Bare || cfg.Centrifugo) && s.Topics+len(s.Sizes) > 0:
		return nil, errors.New("topics are measured on pushd only")
	}
	topics, err := s.topics(cfg.Connections)
	if err != nil {
		return nil, err
	}
	f := newDeliveries(cfg.Connections, s.Rounds, topics)
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
	r.costs(f.arrived.Load())
	result.Finish()
	return result, nil
}

// topics is the topic of each client, nil when everybody gets everything.
func (s Fanout) topics(clients int) ([]int32, error) {
	if s.Topics == 0 && len(s.Sizes) == 0 {
		return nil, nil
	}
	topics := make([]int32, clients)
	if s.Topics > 0 {
		for i := range topics {
			topics[i] = int32(i % s.Topics)
		}
		return topics, nil
	}
	for i, t := 0, 0; i < clients; t++ {
		size := s.Sizes[t%len(s.Sizes)]
		if size < 1 {
			return nil, fmt.Errorf("a topic of %d clients: must be at least 1", size)
		}
		for range min(size, clients-i) {
			topics[i] = int32(t)
			i++
		}
	}
	return topics, nil
}

func topicName(run int64, n int) string { return fmt.Sprintf("bench-%d-%d", run, n) }

func (s Fanout) subscribe(ctx context.Context, r *run, f *deliveries) error {
	if f.topics == nil {
		return nil
	}
	frames := make([][]byte, len(f.audiences))
	for i := range frames {
		var err error
		if frames[i], err = protocol.Subscribe(topicName(f.run, i)); err != nil {
			return err
		}
	}
	wanted := r.fleet.Ready()
	defer r.cfg.Progress.Phase("subscribing", wanted, f.subscribed.Load)()
	if err := r.fleet.Each(ctx, func(c *loop.Conn) { c.Write(frames[f.topics[c.ID()]]) }); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	for f.subscribed.Load()+f.refused.Load() < wanted {
		if err := pause.For(ctx, 5*time.Millisecond); err != nil {
			return fmt.Errorf("%d of %d subscriptions answered: %w", f.subscribed.Load(), wanted, err)
		}
	}
	return nil
}

// rounds sends them and waits until all has arrived or time is up.
func (s Fanout) rounds(ctx context.Context, r *run, f *deliveries) error {
	defer r.cfg.Progress.Phase("rounds", int64(s.Rounds), f.begun.Load)()
	plan := schedule{start: f.loop.Clock(), gap: float64(time.Second) / s.Rate}
	burst := max(s.Burst, 1)
	for k := 0; k < s.Rounds; k += burst {
		meant := f.loop.Clock()
		if s.Rate > 0 {
			meant = plan.at(int64(k))
			if err := pause.For(ctx, meant-f.loop.Clock()); err != nil {
				return err
			}
		} else if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := s.post(ctx, r, f, k, min(burst, s.Rounds-k), meant); err != nil {
			return fmt.Errorf("round %d: %w", k, err)
		}
		if s.Rate == 0 {
			f.await(ctx, s.Timeout)
		}
	}
	f.await(ctx, s.Timeout)
	return nil
}

// post sends n rounds from k on, in one call.
func (s Fanout) post(ctx context.Context, r *run, f *deliveries, k, n int, meant time.Duration) error {
	ctx = context.WithoutCancel(ctx) // an interruption ends the run after this call, not inside it
	pad := strings.Repeat("x", s.Payload)
	var bare [][]byte
	var pushes []admin.Push
	for i := k; i < k+n; i++ {
		f.meant[i].Store(int64(meant))
		f.expected.Add(int64(f.audience(i)))
		f.roundsSent = i + 1
		f.begun.Add(1)
		switch {
		case r.cfg.Bare:
			bare = append(bare, fmt.Appendf(nil, "%s:%d %s:%d %s", roundKey, i, runKey, f.run, pad))
		case r.cfg.Centrifugo:
			bare = append(bare, f.body(i, pad))
		case f.topics != nil:
			pushes = append(pushes, admin.Push{Topic: topicName(f.run, i%len(f.audiences)), Message: f.body(i, pad)})
		default:
			pushes = append(pushes, admin.Push{Everyone: true, Message: f.body(i, pad)})
		}
	}
	if bare != nil {
		return r.admin.BareBroadcast(ctx, bare)
	}
	return r.admin.Push(ctx, pushes)
}
