package scenario

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pushd/bench/internal/fleet"
	"pushd/bench/internal/loop"
	"pushd/bench/internal/protocol"
	"pushd/bench/internal/report"
)

// Push is HTTP requests that each push a message to one user, one after the
// other over all users. Latency is from the request to the message's arrival.
type Push struct {
	Workers int     // HTTP requests under way at most
	Rate    float64 // pushes a second; 0: as fast as the server answers
	Payload int     // padding of a message, bytes
	Timeout time.Duration
}

func (s Push) check(cfg *Config) error {
	switch {
	case s.Workers < 1 || s.Workers > 1024:
		return fmt.Errorf("%d workers: must be 1 to 1024", s.Workers)
	case s.Rate < 0 || s.Payload < 0 || s.Timeout <= 0:
		return errors.New("rate, payload and timeout must not be negative")
	case cfg.Admin == "":
		return errors.New("pushes need the admin API: --admin")
	case cfg.Bare || cfg.Centrifugo:
		return errors.New("pushes to single users are measured on pushd only")
	case len(cfg.Identity.Platforms) != 1:
		return errors.New("pushes are counted by user: one --platform only")
	}
	return nil
}

// Run does it.
func (s Push) Run(ctx context.Context, cfg *Config) (*report.Result, error) {
	if err := s.check(cfg); err != nil {
		return nil, err
	}
	p := newPushes(cfg.Connections, cfg.Identity.User, s.Payload, s.Workers)
	r, err := begin(ctx, cfg, "push", 0, fleet.Hooks{Message: func(c *loop.Conn, payload []byte, _ *protocol.Envelope) { p.message(c, payload) }})
	if err != nil {
		return nil, err
	}
	p.fleet, p.admin = r.fleet, r.admin
	err = func() error {
		if err := r.connect(ctx, cfg.Connections); err != nil {
			return err
		}
		return r.measured(func() error {
			running, stop := context.WithTimeout(ctx, cfg.Duration)
			defer stop()
			end := cfg.Progress.Phase("push", int64(cfg.Duration.Seconds()*max(s.Rate, 1)), p.posted.Load)
			p.work(running, s.Rate)
			end()
			p.await(s.Timeout)
			return ctx.Err()
		})
	}()
	result, err := r.end(ctx, err)
	if result == nil {
		return nil, err
	}
	n := p.arrived.Load()
	accepted := p.posted.Load() - p.failed.Load()
	result.Messages = &report.Messages{Sent: p.posted.Load(), Expected: accepted, Received: n, Lost: accepted - n, Misplaced: p.misplaced}
	r.costs(n)
	result.Latency, result.Timeline = p.latency.Percentiles(), p.latency.Timeline()
	p.problems(result)
	result.Finish()
	return result, nil
}
