package metrics

import "github.com/prometheus/client_golang/prometheus"

// webhooks counts calls to backends. Endpoints are named by the configuration.
type webhooks struct {
	calls   *prometheus.HistogramVec
	dropped *prometheus.CounterVec
}

func newWebhooks() webhooks {
	return webhooks{
		calls: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "pushd_webhook_duration_seconds",
			Help:    "Time that a call to a backend took, with the wait for its turn, by endpoint and outcome.",
			Buckets: []float64{.001, .005, .01, .05, .1, .5, 1, 5, 10},
		}, []string{"endpoint", "outcome"}),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pushd_webhook_dropped_total",
			Help: "Events and messages that were not sent to a backend, by endpoint and reason.",
		}, []string{"endpoint", "reason"}),
	}
}

// Webhook observes one call to a backend. The outcome is one of a fixed set of
// the caller's.
func (m *Metrics) Webhook(endpoint, outcome string, seconds float64) {
	m.webhooks.calls.WithLabelValues(endpoint, outcome).Observe(seconds)
}

// WebhookDropped counts what was not sent to a backend. The reason is one of a
// fixed set of the caller's.
func (m *Metrics) WebhookDropped(endpoint, reason string, n int) {
	m.webhooks.dropped.WithLabelValues(endpoint, reason).Add(float64(n))
}

// WebhookQueue registers the length of an endpoint's queue, on the terms of
// Gauge.
func (m *Metrics) WebhookQueue(endpoint string, read func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name:        "pushd_webhook_queue_length",
		Help:        "Events and messages that wait to be sent to a backend.",
		ConstLabels: prometheus.Labels{"endpoint": endpoint},
	}, read))
}
