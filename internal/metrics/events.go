package metrics

import "github.com/prometheus/client_golang/prometheus"

func newEventsDropped() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "pushd_events_dropped_total",
		Help: "Events inside the server that a subscriber did not get, by subscriber, event and why.",
	}, []string{"subscriber", "event", "reason"})
}

// EventsDropped counts events that a subscriber did not get. All three labels are of
// fixed sets of the caller's.
func (m *Metrics) EventsDropped(subscriber, event, reason string, n int) {
	m.eventsDropped.WithLabelValues(subscriber, event, reason).Add(float64(n))
}

// EventQueue registers the length of a subscriber's queue, on the terms of Gauge.
func (m *Metrics) EventQueue(subscriber string, read func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name:        "pushd_events_queue_length",
		Help:        "Events inside the server that wait for a subscriber.",
		ConstLabels: prometheus.Labels{"subscriber": subscriber},
	}, read))
}
