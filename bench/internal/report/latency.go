package report

import (
	"slices"
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"
)

// Latency collects durations from 1 µs to 5 minutes, exact to three digits.
// One goroutine records.
type Latency struct {
	hist *hdr.Histogram
	over int64 // longer than the longest that is told apart

	// The interval of the timeline that is under way.
	current *hdr.Histogram
	begun   time.Duration
	length  time.Duration
	points  []Point
}

// Point is one interval of the measured part. Latencies are in microseconds.
type Point struct {
	At    float64 `json:"at"` // seconds from the first measurement to the interval's begin
	Count int64   `json:"count"`
	P50   int64   `json:"p50_us"`
	P99   int64   `json:"p99_us"`
	Max   int64   `json:"max_us"`
}

// pointsBeforeDoubling bounds the timeline: after each so many points the
// interval doubles, so that it grows with the logarithm of the run's length.
const pointsBeforeDoubling = 300

const (
	shortest = time.Microsecond
	longest  = 5 * time.Minute
)

// NewLatency makes an empty one.
func NewLatency() *Latency {
	return &Latency{hist: hdr.New(1, int64(longest/shortest), 3), current: hdr.New(1, int64(longest/shortest), 2), length: time.Second}
}

// RecordAt adds a duration that was measured at the time now, for the timeline
// too. now never runs backwards.
func (l *Latency) RecordAt(now, d time.Duration) {
	if l.begun == 0 {
		l.begun = max(now, 1)
	}
	if now-l.begun >= l.length {
		l.interval()
		l.begun += (now - l.begun).Truncate(l.length)
	}
	l.Record(d)
	_ = l.current.RecordValue(microseconds(d))
}

// interval ends the one that is under way.
func (l *Latency) interval() {
	if l.current.TotalCount() == 0 {
		return
	}
	p := Point{At: l.begun.Seconds(), Count: l.current.TotalCount(), P50: l.current.ValueAtQuantile(50), P99: l.current.ValueAtQuantile(99), Max: l.current.Max()}
	l.points = append(l.points, p)
	l.current.Reset()
	if len(l.points)%pointsBeforeDoubling == 0 {
		l.length *= 2
	}
}

// Timeline is the points of what RecordAt was given, the first at 0.
func (l *Latency) Timeline() []Point {
	l.interval()
	points := slices.Clone(l.points)
	for i := range points {
		points[i].At -= l.points[0].At
	}
	return points
}

func microseconds(d time.Duration) int64 {
	return min(max(int64((d+shortest-1)/shortest), 1), int64(longest/shortest))
}

// Record adds one duration. A message's is counted from the time at which it
// was meant to be sent: a client that was held up by a slow server and sends
// late has measured that slowness too.
func (l *Latency) Record(d time.Duration) {
	if d > longest {
		l.over++
	}
	_ = l.hist.RecordValue(microseconds(d)) // which is in its range
}

// Reset forgets what was recorded.
func (l *Latency) Reset() {
	l.hist.Reset()
	l.current.Reset()
	l.over, l.points, l.begun, l.length = 0, nil, 0, time.Second
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
	Curve []Share `json:"curve"`   // for plots
}

// Share is one point of the percentile curve.
type Share struct {
	Percent float64 `json:"percent"` // of all took at most
	Micros  int64   `json:"us"`
}

// curve is where the percentile curve is taken; it is dense where plots stretch it.
var curve = []float64{0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 97.5, 99, 99.5, 99.75, 99.9, 99.95, 99.99, 99.995, 99.999, 100}

// Percentiles is nil when nothing was recorded.
func (l *Latency) Percentiles() *Percentiles {
	if l.hist.TotalCount() == 0 {
		return nil
	}
	q := l.hist.ValueAtQuantile
	shares := make([]Share, len(curve))
	for i, percent := range curve {
		shares[i] = Share{percent, q(percent)}
	}
	return &Percentiles{
		Curve: shares,
		Count: l.hist.TotalCount(), Min: l.hist.Min(), Mean: l.hist.Mean(), P50: q(50), P90: q(90), P99: q(99),
		P999: q(99.9), P9999: q(99.99), Max: l.hist.Max(), Over: l.over,
	}
}
