package fleet

import (
	"maps"
	"slices"

	"pushd/bench/internal/report"
)

// Logins are the times from dial to ready so far. Call after Close.
func (f *Fleet) Logins() *report.Percentiles { return f.logins.Percentiles() }

// Ready is the number of clients that are logged in now.
func (f *Fleet) Ready() int64 { return f.counts.readyNow.Load() }

// Progress is the number of clients that became ready or failed so far.
func (f *Fleet) Progress() int64 { return f.counts.ready.Load() + f.counts.failed.Load() }

// Welcomed is the number of times a client became ready so far.
func (f *Fleet) Welcomed() int64 { return f.counts.ready.Load() }

// Beats is the number of heartbeats sent so far.
func (f *Fleet) Beats() int64 { return f.counts.beats.Load() }

// Report writes the fleet's counts and what went wrong into r.
func (f *Fleet) Report(r *report.Result) {
	c := &f.counts
	r.Connections.Retries = c.retries.Load()
	r.Connections.Opened = c.opened.Load()
	r.Connections.Ready = c.ready.Load()
	r.Connections.Failed = c.failed.Load()
	r.Connections.Lost = c.lost.Load()
	r.Connections.Left = c.left.Load()
	r.Connections.Heartbeats = c.beats.Load()
	r.Connections.Unanswered = c.beatsPending.Load()
	r.Problems.Add(r.Connections.Unanswered, "heartbeats unanswered")
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, text := range slices.Sorted(maps.Keys(f.causes)) {
		r.Problems.Add(f.causes[text], "%s", text)
	}
}
