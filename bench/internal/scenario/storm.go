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

// Storm is an outage: all clients are cut off in the same moment and all come
// again at once. Who is refused tries again. Latency is from the outage to
// being logged in, so its percentiles say when which share was back.
type Storm struct {
	Rate    float64       // connections begun per second; 0: as fast as the client can
	Timeout time.Duration // after which who isn't back is lost
}

// stormRate is faster than one client can be.
const stormRate = 1e6

// Run does it.
func (s Storm) Run(ctx context.Context, cfg *Config) (*report.Result, error) {
	if s.Rate < 0 || s.Timeout <= 0 {
		return nil, fmt.Errorf("rate and timeout must not be negative")
	}
	if s.Rate == 0 {
		s.Rate = stormRate
	}
	// Owned by the loop.
	latency := report.NewLatency()
	cutAt := time.Duration(-1)
	var l *loop.Loop
	cfg.Retry = true
	r, err := begin(ctx, cfg, "storm", 0, fleet.Hooks{Ready: func(*loop.Conn) {
		if cutAt >= 0 {
			latency.RecordAt(l.Now(), l.Now()-cutAt)
		}
	}})
	if err != nil {
		return nil, err
	}
	l = r.fleet.Loop()
	var back, cut int64
	err = func() error {
		if err := r.connect(ctx, cfg.Connections); err != nil {
			return err
		}
		return r.measured(func() error {
			before := r.fleet.Welcomed()
			n, err := r.fleet.Storm(s.Rate, cfg.Connections, func(at time.Duration) { cutAt = at })
			if err != nil {
				return err
			}
			cut = int64(n)
			defer cfg.Progress.Phase("coming back", cut, r.fleet.Ready)()
			for deadline := time.Now().Add(s.Timeout); r.fleet.Ready() < cut && time.Now().Before(deadline) && err == nil; {
				err = pause.For(ctx, time.Millisecond)
			}
			back = r.fleet.Welcomed() - before
			return err
		})
	}()
	missing := max(cut-r.fleet.Ready(), 0)
	result, err := r.end(ctx, err)
	if result == nil {
		return nil, err
	}
	if result.Seconds > 0 {
		result.Connections.PerSecond = float64(back) / result.Seconds
	}
	result.Connections.PerCPUSecond = r.perCPU(back)
	result.Latency, result.Timeline = latency.Percentiles(), latency.Timeline()
	if !result.Partial {
		result.Problems.Add(missing, "clients were not back after %v", s.Timeout)
	}
	result.Finish()
	return result, nil
}
