package scenario

import (
	"context"
	"fmt"
	"time"

	"pushd/bench/internal/fleet"
	"pushd/bench/internal/report"
)

// Churn is clients that connect, log in, stay a while, leave and come again.
type Churn struct {
	Stay time.Duration // on average; each stay is between half and one and a half of it
}

// Run does it. The result's latency is from the begin of a dial to being ready.
func (s Churn) Run(ctx context.Context, cfg *Config) (*report.Result, error) {
	if s.Stay <= 0 {
		return nil, fmt.Errorf("a stay of %v: must be positive", s.Stay)
	}
	r, err := begin(ctx, cfg, "churn", s.Stay, fleet.Hooks{})
	if err != nil {
		return nil, err
	}
	var welcomed int64
	err = r.measured(func() error {
		if err := r.fleet.Start(cfg.Connections); err != nil {
			return err
		}
		err := r.wait(ctx, "churn", cfg.Duration)
		welcomed = r.fleet.Welcomed()
		return err
	})
	result, err := r.end(ctx, err)
	if result == nil {
		return nil, err
	}
	if result.Seconds > 0 {
		result.Connections.PerSecond = float64(welcomed) / result.Seconds
	}
	result.Connections.PerCPUSecond = r.perCPU(welcomed)
	result.Latency = r.fleet.Logins()
	return result, nil
}
