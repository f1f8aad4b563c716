package node

import "pushd/internal/hub"

// describe registers the directory's figures with the metrics.
func (n *Node) describe() {
	gauge := func(name, help string, read func() int) {
		n.metrics.Gauge(name, help, func() float64 { return float64(read()) })
	}
	gauge("pushd_sessions", "Logged-in sessions.", func() int { return n.hub.Counts().Sessions })
	gauge("pushd_users_online", "Users with at least one session.", func() int { return n.hub.Counts().Users })
	gauge("pushd_topics", "Topics with at least one subscriber.", func() int { return n.hub.Stats().Topics })
	gauge("pushd_topics_remembered", "Topics with a history, with subscribers or without.", func() int { return n.hub.Stats().Remembered })
	gauge("pushd_topic_history_bytes", "Bytes of the histories of topics.", func() int { return n.hub.Stats().MemoryBytes })
	gauge("pushd_sessions_parked", "Lost sessions whose subscriptions can be resumed.", func() int { return n.hub.Stats().ParkedNow })
	gauge("pushd_delivery_queue_bytes", "Deliveries waiting for their event loop.", func() int { return n.hub.Stats().QueuedBytes })
	counter := func(name, help string, read func(hub.Stats) uint64) {
		n.metrics.Counter(name, help, func() float64 { return float64(read(n.hub.Stats())) })
	}
	counter("pushd_deliveries_total", "Pushes handed to the hub.", func(s hub.Stats) uint64 { return s.Deliveries })
	counter("pushd_deliveries_busy_total", "Pushes that an event loop was too busy to take.", func(s hub.Stats) uint64 { return s.Busy })
	counter("pushd_frames_joined_total", "Frames that left within another one's write.", func(s hub.Stats) uint64 { return s.Joined })
	counter("pushd_logins_replaced_total", "Sessions replaced by another login.", func(s hub.Stats) uint64 { return s.Replaced })
	counter("pushd_logins_refused_total", "Logins refused by policy or bound.", func(s hub.Stats) uint64 { return s.Refused })
	counter("pushd_topics_forgotten_total", "Topics whose history was forgotten at a bound.", func(s hub.Stats) uint64 { return s.Forgotten })
	counter("pushd_recoveries_total", "Subscriptions that recovered all they had missed.", func(s hub.Stats) uint64 { return s.Recovered })
	counter("pushd_recoveries_refused_total", "Subscriptions told that what they had missed is not all remembered.",
		func(s hub.Stats) uint64 { return s.Unrecovered })
	counter("pushd_sessions_resumed_total", "Sessions that got their subscriptions back.", func(s hub.Stats) uint64 { return s.Resumed })
}
