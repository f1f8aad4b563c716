package scenario

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pushd/bench/internal/admin"
	"pushd/bench/internal/fleet"
	"pushd/bench/internal/host"
	"pushd/bench/internal/pause"
	"pushd/bench/internal/progress"
	"pushd/bench/internal/report"
)

// run is one scenario under way: what all of them share.
type run struct {
	cfg    *Config
	fleet  *fleet.Fleet
	admin  *admin.Client // nil when there is none
	server *watch        // nil when the pid wasn't told
	result *report.Result
}

// begin checks the configuration and the machine and brings up an empty fleet.
// stay is fleet.Options.Stay.
func begin(ctx context.Context, cfg *Config, name string, stay time.Duration, hooks fleet.Hooks) (*run, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if err := host.AllowConnections(cfg.Connections); err != nil {
		return nil, err
	}
	opts, err := cfg.fleetOptions(ctx)
	if err != nil {
		return nil, err
	}
	opts.Stay = stay
	r := &run{cfg: cfg, result: &report.Result{
		Schema: report.Schema, Scenario: name, Server: cfg.Label, Started: time.Now().UTC().Truncate(time.Millisecond),
		Parameters: cfg.Parameters, Environment: host.Describe(), Connections: report.Connections{Wanted: cfg.Connections},
	}}
	if cfg.Admin != "" {
		if r.admin, err = admin.New(cfg.Admin, cfg.AdminKey); err != nil {
			return nil, err
		}
	}
	if cfg.ServerPID != 0 {
		if r.server, err = newWatch(host.Process{PID: cfg.ServerPID}); err != nil {
			return nil, err
		}
	}
	if r.fleet, err = fleet.New(cfg.Connections, opts, hooks); err != nil {
		return nil, err
	}
	return r, nil
}

// connect opens clients up to n and waits for them.
func (r *run) connect(ctx context.Context, n int) error {
	defer r.cfg.Progress.Phase("connecting", int64(n), r.fleet.Progress)()
	start, before := time.Now(), r.fleet.Progress()
	if err := r.fleet.Grow(ctx, n); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	r.result.Connections.PerSecond = float64(r.fleet.Progress()-before) / time.Since(start).Seconds()
	return nil
}

// measured surrounds the part of the run that figures are about.
func (r *run) measured(work func() error) error {
	start := time.Now()
	if r.server != nil {
		if err := r.server.begin(); err != nil {
			return err
		}
	}
	err := work()
	r.result.Seconds = time.Since(start).Seconds()
	if r.server != nil {
		p, watchErr := r.server.end()
		r.result.Process = p
		err = errors.Join(err, watchErr)
	}
	return err
}

// wait passes the time d, shown as a phase.
func (r *run) wait(ctx context.Context, name string, d time.Duration) error {
	s := max(d/time.Second, 1)
	defer r.cfg.Progress.Phase(name, int64(s), progress.Seconds())()
	return pause.For(ctx, d)
}

// leaveTimeout is how long all clients together have to leave.
const leaveTimeout = 30 * time.Second

// end lets the clients leave and completes the result. err is how the work
// ended: an interruption makes the result partial, anything else is returned
// and there is no result.
func (r *run) end(ctx context.Context, err error) (*report.Result, error) {
	interrupted := ctx.Err() != nil
	calm, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTimeout)
	defer cancel()
	if err == nil {
		r.fleet.SettleHeartbeats(calm, 3*time.Second)
	}
	end := r.cfg.Progress.Phase("leaving", r.fleet.Ready(), func() int64 { return 0 })
	closed := r.fleet.Close(calm)
	end()
	if r.admin != nil {
		r.admin.Close()
	}
	if err != nil && !interrupted {
		return nil, err
	}
	if errors.Is(closed, context.DeadlineExceeded) {
		r.result.Problems.Add(r.fleet.Ready(), "clients could not leave in %v", leaveTimeout)
		closed = nil
	}
	if closed != nil {
		return nil, closed
	}
	r.fleet.Report(r.result)
	if r.server != nil && r.result.Process != nil {
		r.result.Process.FilesBefore = r.server.files
		r.result.Process.FilesAfter = r.server.filesSettled(calm)
	}
	r.result.Partial = interrupted
	r.result.Finish()
	return r.result, nil
}

// costs fills in what n messages cost the server in the measured part.
func (r *run) costs(n int64) {
	m, p := r.result.Messages, r.result.Process
	if r.result.Seconds > 0 {
		m.PerSecond = float64(n) / r.result.Seconds
	}
	m.PerCPUSecond = r.perCPU(n)
	if p != nil && n > 0 {
		m.SystemCalls = float64(p.SystemCalls) / float64(n)
	}
}

// perCPU is n for each second of the server's processor time, 0 when unknown.
func (r *run) perCPU(n int64) float64 {
	if p := r.result.Process; p != nil && p.CPUSeconds > 0 {
		return float64(n) / p.CPUSeconds
	}
	return 0
}
