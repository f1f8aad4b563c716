package events_test

import (
	"testing"

	"pushd/internal/events"
	"pushd/internal/metrics"
)

// large is about the size of a message.
type large struct {
	id string
	_  [40]uint64
}

// TestPublishDoesNotAllocate where nobody listens, and where who does is inline.
func TestPublishDoesNotAllocate(t *testing.T) {
	h := newHouse(t)
	unheard, heard := events.PublisherOf[sent](h.Bus), events.PublisherOf[large](h.Bus)
	count := 0
	events.On(h.Inline("x", inline), func(e large) { count += len(e.id) })
	h.Start()
	for name, publish := range map[string]func(){
		"nobody":  func() { unheard.Publish(sent{"x"}) },
		"no bus":  func() { events.PublisherOf[large](nil).Publish(large{}) },
		"inline":  func() { heard.Publish(large{id: "m"}) },
		"wanted?": func() { _ = heard.Wanted() || unheard.Wanted() },
	} {
		if n := testing.AllocsPerRun(100, publish); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	if count == 0 {
		t.Error("nothing was heard")
	}
}

func BenchmarkPublish(b *testing.B) {
	for _, c := range []struct {
		name      string
		subscribe func(*events.Bus)
	}{
		{"nobody", func(*events.Bus) {}},
		{"inline", func(bus *events.Bus) { events.On(bus.Inline("x", inline), func(large) {}) }},
		{"queued", func(bus *events.Bus) { events.On(bus.Queued("x", events.QueueOptions{Bound: 1024}), func(large) {}) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			bus := events.New(metrics.New(1), nil)
			c.subscribe(bus)
			bus.Start()
			p := events.PublisherOf[large](bus)
			b.ReportAllocs()
			for b.Loop() {
				p.Publish(large{id: "m"})
			}
			if err := bus.Shutdown(b.Context()); err != nil {
				b.Error(err)
			}
		})
	}
}
