package scenario

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"pushd/bench/internal/fleet"
	"pushd/bench/internal/loop"
	"pushd/bench/internal/protocol"
	"pushd/bench/internal/report"
)

// Mixed is everything at once: heartbeats, requests of the clients, pushes to
// single users and broadcasts, each at its own rate, for a while.
type Mixed struct {
	Echo      Echo          // its Rate is the requests a second; 0: none
	Push      Push          // its Rate is the pushes a second; 0: none
	Every     time.Duration // between broadcasts; 0: none
	Broadcast Fanout        // payload and timeout of the broadcasts
	Askers    int           // the first so many clients make the requests; 0: all
	Before    time.Duration // requests alone for so long first, to tell what the rest does to them
}

func (s Mixed) check(cfg *Config) error {
	switch {
	case s.Echo.Rate < 0 || s.Push.Rate < 0 || s.Every < 0 || s.Before < 0 || s.Askers < 0 || s.Askers > cfg.Connections:
		return errors.New("rates, times and counts must not be negative, nor more clients ask than there are")
	case s.Echo.Rate == 0 && s.Push.Rate == 0 && s.Every == 0:
		return errors.New("nothing to do but heartbeats: that is idle")
	case s.Every > 0 && cfg.Admin == "":
		return errors.New("broadcasts need the admin API: --admin")
	case s.Broadcast.Payload < 0 || s.Broadcast.Timeout <= 0:
		return errors.New("payload and timeout must not be negative")
	case s.Every > 0 && int64(s.rounds(cfg))*int64(cfg.Connections) > maxDeliveries:
		return fmt.Errorf("%d broadcasts to %d clients: at most %d deliveries can be told apart", s.rounds(cfg), cfg.Connections, int64(maxDeliveries))
	}
	if s.Push.Rate > 0 {
		return s.Push.check(cfg)
	}
	return nil
}

func (s Mixed) rounds(cfg *Config) int {
	if s.Every == 0 {
		return 0
	}
	return int(cfg.Duration/s.Every) + 1
}

// mixture is a run of it.
type mixture struct {
	Mixed
	*run
	pings      *pinger
	pushes     *pushes
	broadcasts *deliveries
	alone      *report.Percentiles // of the requests, before the rest began
	aloneSent  int64
}

// Run does it.
func (s Mixed) Run(ctx context.Context, cfg *Config) (*report.Result, error) {
	if err := s.check(cfg); err != nil {
		return nil, err
	}
	if s.Askers == 0 {
		s.Askers = cfg.Connections
	}
	m := &mixture{Mixed: s}
	var err error
	if m.pings, err = newPinger(cfg.Connections, s.Echo.Payload, cfg, s.Broadcast.Timeout); err != nil {
		return nil, err
	}
	m.pushes = newPushes(cfg.Connections, cfg.Identity.User, s.Push.Payload, max(s.Push.Workers, 1))
	m.broadcasts = newDeliveries(cfg.Connections, max(s.rounds(cfg), 1), nil)
	if m.run, err = begin(ctx, cfg, "mixed", 0, fleet.Hooks{Message: m.message, Gone: m.pings.gone}); err != nil {
		return nil, err
	}
	m.pings.fleet, m.pushes.fleet, m.pushes.admin, m.broadcasts.loop = m.fleet, m.fleet, m.admin, m.fleet.Loop()
	err = m.work(ctx)
	m.pushes.await(s.Broadcast.Timeout)
	lost := m.pings.await(ctx)
	result, err := m.end(ctx, err)
	if result == nil {
		return nil, err
	}
	m.report(result, lost)
	return result, nil
}

// message hands what arrived to the part that it belongs to.
func (m *mixture) message(c *loop.Conn, payload []byte, e *protocol.Envelope) {
	switch {
	case e == nil && bytes.Contains(payload, []byte(runKey)), e != nil && !e.HasCode && !m.pushes.message(c, payload):
		m.broadcasts.message(c, payload, e)
	case e == nil || e.HasCode:
		m.pings.message(c, payload, e)
	}
}

func (m *mixture) work(ctx context.Context) error {
	if err := m.connect(ctx, m.cfg.Connections); err != nil {
		return err
	}
	if err := m.fleet.Do(func() { m.broadcasts.count(m.fleet) }); err != nil {
		return err
	}
	if m.Echo.Rate > 0 {
		if err := m.fleet.Do(func() { m.Echo.open(m.run, m.pings, m.Askers) }); err != nil {
			return err
		}
		defer func() { _ = m.fleet.Do(func() { m.fleet.Loop().SetPulse(nil) }) }() // a loop that ended has no pulse
	}
	if err := m.requestsAlone(ctx); err != nil {
		return err
	}
	return m.measured(func() error {
		running, stop := context.WithTimeout(ctx, m.cfg.Duration)
		defer stop()
		pushed := make(chan struct{})
		go func() {
			defer close(pushed)
			if m.Push.Rate > 0 {
				m.pushes.work(running, m.Push.Rate)
			}
		}()
		shown := make(chan struct{})
		go func() {
			defer close(shown)
			_ = m.wait(running, "mixed", m.cfg.Duration)
		}()
		err := m.broadcast(running)
		if err != nil {
			stop()
		}
		<-pushed
		<-shown
		m.broadcasts.await(context.WithoutCancel(ctx), m.Mixed.Broadcast.Timeout)
		return errors.Join(err, ctx.Err(), m.fleet.Do(func() { m.pings.measuring = false }))
	})
}

// requestsAlone measures the requests before the rest begins, after a warm-up.
func (m *mixture) requestsAlone(ctx context.Context) error {
	if m.Echo.Rate > 0 {
		if err := m.wait(ctx, "warming up", m.Echo.Warmup); err != nil {
			return err
		}
	}
	if m.Before > 0 {
		if err := m.fleet.Do(func() { m.pings.measuring = true }); err != nil {
			return err
		}
		if err := m.wait(ctx, "requests alone", m.Before); err != nil {
			return err
		}
	}
	return m.fleet.Do(func() {
		m.alone, m.aloneSent = m.pings.latency.Percentiles(), m.pings.received
		m.pings.latency.Reset()
		m.pings.received, m.pings.measuring = 0, true
	})
}

// broadcast posts one after the other at their times until ctx ends.
func (m *mixture) broadcast(ctx context.Context) error {
	plan := schedule{start: m.fleet.Loop().Clock(), gap: float64(m.Every)}
	for k := range m.rounds(m.cfg) {
		meant := plan.at(int64(k)) + m.Every/2
		select {
		case <-time.After(meant - m.fleet.Loop().Clock()):
		case <-ctx.Done():
			return nil // the time is up
		}
		if err := m.Mixed.Broadcast.post(ctx, m.run, m.broadcasts, k, 1, meant); err != nil {
			return fmt.Errorf("broadcast %d: %w", k, err)
		}
	}
	<-ctx.Done()
	return nil
}

func (m *mixture) report(r *report.Result, lost int64) {
	m.pings.report(r, lost)
	p, b := m.pushes, m.broadcasts
	if m.Before > 0 {
		r.Parts = append(r.Parts, report.Part{Name: "requests alone", Sent: m.aloneSent, Received: m.aloneSent, Latency: m.alone})
	}
	for _, part := range []report.Part{
		{Name: "requests", Sent: m.pings.received, Received: m.pings.received, Latency: m.pings.latency.Percentiles()},
		{Name: "pushes", Sent: p.posted.Load(), Received: p.arrived.Load(), Latency: p.latency.Percentiles()},
		{Name: "broadcasts", Sent: b.expected.Load(), Received: b.arrived.Load(), Latency: b.latency.Percentiles()},
	} {
		if part.Sent > 0 {
			r.Parts = append(r.Parts, part)
		}
	}
	r.Timeline = m.pings.latency.Timeline()
	m.costs(m.pings.received + p.arrived.Load() + b.arrived.Load())
	p.problems(r)
	b.problems(r, b.roundsSent)
	r.Finish()
}
