// Package metrics owns the process's Prometheus registry and the counters that
// the other packages write. cmd/pushd makes one Metrics and hands it in; the
// event loops write their own Loop, everything else goes through a method. It
// never reads a label value from a client: what a client can choose is bounded
// here or by the caller, so that nobody can grow the registry from outside.
package metrics

import (
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/common/expfmt"
)

// Metrics is the registry and its counters. All methods may be called from any
// goroutine.
type Metrics struct {
	// Immutable after New.
	registry *prometheus.Registry
	loops    []Loop
	closed   *prometheus.CounterVec
	refused  *prometheus.CounterVec
	faults   *prometheus.CounterVec
	dropped  *prometheus.CounterVec
	http     *prometheus.HistogramVec
	requests *requests
	webhooks webhooks

	eventsDropped *prometheus.CounterVec
}

// New makes the registry with the Go and process collectors, pushd_build_info,
// and a set of counters for each of the event loops.
func New(loops int) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		loops:    make([]Loop, loops),
		closed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pushd_connections_closed_total",
			Help: "Connections that ended, by reason.",
		}, []string{"reason"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pushd_handshakes_refused_total",
			Help: "Opening handshakes that were refused, by reason.",
		}, []string{"reason"}),
		faults: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pushd_faults_total",
			Help: "Things that should not happen and were survived: a panic, a failed accept, a full mailbox.",
		}, []string{"kind"}),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pushd_push_dropped_total",
			Help: "What the push service dropped at a bound of its memory, by reason.",
		}, []string{"reason"}),
		http: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "pushd_http_request_duration_seconds",
			Help:    "Time from reading an HTTP request to having made its reply, by route and status.",
			Buckets: []float64{.0001, .0005, .001, .005, .01, .05, .1, .5, 1, 5},
		}, []string{"listener", "method", "route", "status"}),
		requests: newRequests(),
		webhooks: newWebhooks(),

		eventsDropped: newEventsDropped(),
	}
	// A counter that appears with its first fault shows no increase.
	for _, kind := range []string{"panic", "accept", "epoll_add", "handoff", "workers_full", "delivery_busy"} {
		m.faults.WithLabelValues(kind)
	}
	m.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		buildInfo(),
		loopCollector{m.loops},
		m.closed, m.refused, m.faults, m.dropped, m.http, m.requests.vec,
		m.webhooks.calls, m.webhooks.dropped, m.eventsDropped,
	)
	return m
}

// Loop is the counters of event loop i.
func (m *Metrics) Loop(i int) *Loop { return &m.loops[i] }

// Connections is the number of sockets past the opening handshake.
func (m *Metrics) Connections() int64 {
	var n int64
	for i := range m.loops {
		n += m.loops[i].Connections.Load()
	}
	return n
}

// Closed counts a connection that ended. The reason is one of a fixed set of
// the caller's.
func (m *Metrics) Closed(reason string) { m.closed.WithLabelValues(reason).Inc() }

// Refused counts an opening handshake that was refused. The reason is one of a
// fixed set of the caller's.
func (m *Metrics) Refused(reason string) { m.refused.WithLabelValues(reason).Inc() }

// Fault counts something that should not happen and was survived. The kind is
// one of a fixed set of the caller's.
func (m *Metrics) Fault(kind string) { m.faults.WithLabelValues(kind).Inc() }

// Dropped counts something that the push service dropped at a bound of its memory.
// The reason is one of a fixed set of the caller's.
func (m *Metrics) Dropped(reason string) { m.dropped.WithLabelValues(reason).Inc() }

// Request counts one answered client request. Callers pass names that are
// registered, and "unknown" for anything else. It does not allocate once the
// three values were seen, and does not retain the strings.
func (m *Metrics) Request(module, action string, code int) { m.requests.add(module, action, code) }

// RequestCounter is what Request counts with, for a caller on a path where even
// finding it is too much.
func (m *Metrics) RequestCounter(module, action string, code int) prometheus.Counter {
	return m.requests.vec.WithLabelValues(module, action, strconv.Itoa(code))
}

// HTTPRequest observes one HTTP request. route is the pattern that matched, or
// "unknown", never the path as it came; method likewise.
func (m *Metrics) HTTPRequest(listener, method, route string, status int, seconds float64) {
	m.http.WithLabelValues(listener, method, route, strconv.Itoa(status)).Observe(seconds)
}

// Gauge registers a value that is read at each scrape. read is called from the
// scraper's goroutine and must not block. A name registered twice panics.
func (m *Metrics) Gauge(name, help string, read func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read))
}

// Counter registers a total that somebody else keeps and that is read at each
// scrape, on the terms of Gauge. It must never fall.
func (m *Metrics) Counter(name, help string, read func() float64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, read))
}

// WriteText gathers everything and writes it in the exposition format that the
// Accept header asks for, the classic text format by default. It returns the
// Content-Type of what it wrote.
func (m *Metrics) WriteText(w io.Writer, accept string) (contentType string, err error) {
	format := expfmt.NegotiateAccept(http.Header{"Accept": {accept}}, expfmt.DefaultOpenMetricsAcceptedFormats()...)
	families, err := m.registry.Gather()
	if err != nil {
		return "", fmt.Errorf("gather metrics: %w", err)
	}
	enc := expfmt.NewEncoder(w, format)
	for _, f := range families {
		if err := enc.Encode(f); err != nil {
			return "", fmt.Errorf("encode metric %s: %w", f.GetName(), err)
		}
	}
	if c, ok := enc.(expfmt.Closer); ok {
		if err := c.Close(); err != nil {
			return "", fmt.Errorf("end the metrics: %w", err)
		}
	}
	return string(format), nil
}

// buildInfo is a constant 1 whose labels say which build runs.
func buildInfo() prometheus.Collector {
	version, revision, goVersion := "unknown", "unknown", "unknown"
	if b, ok := debug.ReadBuildInfo(); ok {
		version, goVersion = b.Main.Version, b.GoVersion
		for _, s := range b.Settings {
			if s.Key == "vcs.revision" {
				revision = s.Value
			}
		}
	}
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name:        "pushd_build_info",
		Help:        "Always 1; the labels say which build runs.",
		ConstLabels: prometheus.Labels{"version": version, "revision": revision, "goversion": goVersion},
	}, func() float64 { return 1 })
}
