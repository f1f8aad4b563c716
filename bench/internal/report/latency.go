package report

import (
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"
)

// Latency collects durations from 1 µs to 5 minutes, exact to three digits.
// One goroutine records.
type Latency struct {
	hist *hdr.Histogram
	over int64 // longer than the longest that is told apart
}

const (
	shortest = time.Microsecond
	longest  = 5 * time.Minute
)

// NewLatency makes an empty one.
func NewLatency() *Latency {
	return &Latency{hist: hdr.New(1, int64(longest/shortest), 3)}
}

// Record adds one duration. A message's is counted from the time at which it
// was meant to be sent: a client that was held up by a slow server and sends
// late has measured that slowness too.
func (l *Latency) Record(d time.Duration) {
	us := max(int64((d+shortest-1)/shortest), 1)
	if us > int64(longest/shortest) {
		us = int64(longest / shortest)
		l.over++
	}
	_ = l.hist.RecordValue(us) // the range was checked above
}

// Reset forgets what was recorded.
func (l *Latency) Reset() {
	l.hist.Reset()
	l.over = 0
}

// Percentiles are in microseconds. Each is an upper bound of the time that its
// share of the messages took.
type Percentiles struct {
	Count int64   `json:"count"`
	Min   int64   `json:"min_us"`
	Mean  float64 `json:"mean_us"`
	P50   int64   `json:"p50_us"`
	P90   int64   `json:"p90_us"`
	P99   int64   `json:"p99_us"`
	P999  int64   `json:"p99_9_us"`
	P9999 int64   `json:"p99_99_us"`
	Max   int64   `json:"max_us"`
	Over  int64   `json:"over_5m"` // counted as 5 minutes
}

// Percentiles is nil when nothing was recorded.
func (l *Latency) Percentiles() *Percentiles {
	if l.hist.TotalCount() == 0 {
		return nil
	}
	q := l.hist.ValueAtQuantile
	return &Percentiles{
		Count: l.hist.TotalCount(), Min: l.hist.Min(), Mean: l.hist.Mean(), P50: q(50), P90: q(90), P99: q(99),
		P999: q(99.9), P9999: q(99.99), Max: l.hist.Max(), Over: l.over,
	}
}
