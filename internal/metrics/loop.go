package metrics

import (
	"strconv"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// Loop is the counters of one event loop: written by that loop alone, read at
// each scrape. They are atomics only so that the scrape may read them; the
// padding keeps two loops from ever sharing a cache line (or the pair of lines
// that a prefetcher takes together), wherever the allocator puts the array.
type Loop struct {
	_ [64]byte

	Accepted    atomic.Uint64 // sockets accepted
	Handshakes  atomic.Uint64 // opening handshakes that succeeded
	BytesIn     atomic.Uint64
	BytesOut    atomic.Uint64
	MessagesIn  atomic.Uint64 // data messages, however many fragments each
	MessagesOut atomic.Uint64
	Reads       atomic.Uint64 // system calls
	Writes      atomic.Uint64
	Connections atomic.Int64 // past the opening handshake

	_ [120]byte
}

type loopMetric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	read func(*Loop) float64
}

// loopMetrics is the one table of what is read from a Loop.
var loopMetrics = []loopMetric{
	loopCounter("pushd_connections_accepted_total", "Sockets accepted.",
		func(l *Loop) *atomic.Uint64 { return &l.Accepted }),
	loopCounter("pushd_handshakes_total", "Opening handshakes that succeeded.",
		func(l *Loop) *atomic.Uint64 { return &l.Handshakes }),
	loopCounter("pushd_received_bytes_total", "Bytes read from clients.",
		func(l *Loop) *atomic.Uint64 { return &l.BytesIn }),
	loopCounter("pushd_sent_bytes_total", "Bytes written to clients.",
		func(l *Loop) *atomic.Uint64 { return &l.BytesOut }),
	loopCounter("pushd_received_messages_total", "Messages received from clients.",
		func(l *Loop) *atomic.Uint64 { return &l.MessagesIn }),
	loopCounter("pushd_sent_messages_total", "Messages sent to clients.",
		func(l *Loop) *atomic.Uint64 { return &l.MessagesOut }),
	loopCounter("pushd_read_calls_total", "System calls that read from clients.",
		func(l *Loop) *atomic.Uint64 { return &l.Reads }),
	loopCounter("pushd_write_calls_total", "System calls that wrote to clients.",
		func(l *Loop) *atomic.Uint64 { return &l.Writes }),
	{
		desc: loopDesc("pushd_connections", "Connections past the opening handshake."),
		kind: prometheus.GaugeValue,
		read: func(l *Loop) float64 { return float64(l.Connections.Load()) },
	},
}

func loopCounter(name, help string, field func(*Loop) *atomic.Uint64) loopMetric {
	return loopMetric{
		desc: loopDesc(name, help),
		kind: prometheus.CounterValue,
		read: func(l *Loop) float64 { return float64(field(l).Load()) },
	}
}

func loopDesc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, []string{"loop"}, nil)
}

// loopCollector reads the loops' counters at scrape time.
type loopCollector struct{ loops []Loop }

func (c loopCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, m := range loopMetrics {
		ch <- m.desc
	}
}

func (c loopCollector) Collect(ch chan<- prometheus.Metric) {
	for i := range c.loops {
		label := strconv.Itoa(i)
		for _, m := range loopMetrics {
			ch <- prometheus.MustNewConstMetric(m.desc, m.kind, m.read(&c.loops[i]), label)
		}
	}
}
