package events_test

import (
	"context"
	"errors"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pushd/internal/events"
)

func TestInline(t *testing.T) {
	h := newHouse(t)
	first, second := &notes{}, &notes{}
	s := h.Inline("first", inline)
	events.On(s, first.sent)
	events.On(s, first.began)
	events.On(h.Inline("second", inline), second.sent)
	messages, sessions := events.PublisherOf[sent](h.Bus), events.PublisherOf[began](h.Bus)
	messages.Publish(sent{"before the start"})
	h.Start()
	sessions.Publish(began{"alice"})
	messages.Publish(sent{"hi"})
	events.PublisherOf[int](h.Bus).Publish(7) // which nobody wants
	first.want(t, "sent before the start, began alice, sent hi")
	second.want(t, "sent before the start, sent hi")
	h.shutdown()
	messages.Publish(sent{"at the end"})
	first.want(t, "sent at the end")
}

func TestWanted(t *testing.T) {
	h := newHouse(t)
	before := events.PublisherOf[sent](h.Bus)
	if before.Wanted() {
		t.Error("wanted by nobody")
	}
	events.On(h.Inline("x", inline), func(sent) {})
	if !before.Wanted() || !events.PublisherOf[sent](h.Bus).Wanted() || events.PublisherOf[began](h.Bus).Wanted() {
		t.Error("wanted by x")
	}
	none := events.PublisherOf[sent](nil)
	none.Publish(sent{"x"})
	if none.Wanted() {
		t.Error("wanted without a bus")
	}
}

// TestOrderAcrossTypes: a queued subscriber hears all its events in one order.
func TestOrderAcrossTypes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, n := newHouse(t), &notes{}
		s := h.Queued("x", events.QueueOptions{Bound: 10})
		events.On(s, n.sent)
		events.On(s, n.began)
		messages, sessions := events.PublisherOf[sent](h.Bus), events.PublisherOf[began](h.Bus)
		messages.Publish(sent{"1"})
		sessions.Publish(began{"2"})
		synctest.Wait()
		n.want(t, "") // it waits for the start
		h.wantMetric(`pushd_events_queue_length{subscriber="x"} 2`)
		h.Start()
		messages.Publish(sent{"3"})
		sessions.Publish(began{"4"})
		synctest.Wait()
		n.want(t, "sent 1, began 2, sent 3, began 4")
		h.shutdown()
		messages.Publish(sent{"5"})
		n.want(t, "")
		h.wantMetric(`pushd_events_dropped_total{event="events_test.sent",reason="stopped",subscriber="x"} 1`)
	})
}

// TestBound: publishers never wait, the newest is dropped, and the subscriber learns
// how many and where.
func TestBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, n := newHouse(t), &notes{}
		s := h.Queued("slow", events.QueueOptions{Bound: 2, AtBound: "they stay away", Dropped: n.dropped})
		turn := make(chan struct{})
		events.On(s, func(e sent) { <-turn; n.sent(e) })
		events.On(s, n.began)
		messages, sessions := events.PublisherOf[sent](h.Bus), events.PublisherOf[began](h.Bus)
		h.wantMetric(`pushd_events_dropped_total{event="events_test.sent",reason="queue_full",subscriber="slow"} 0`)
		h.Start()
		messages.Publish(sent{"1"})
		synctest.Wait() // 1 is being handled
		for _, text := range []string{"2", "3", "4", "5"} {
			messages.Publish(sent{text})
		}
		sessions.Publish(began{"6"})
		h.wantMetric(`pushd_events_dropped_total{event="events_test.sent",reason="queue_full",subscriber="slow"} 2`)
		h.wantMetric(`pushd_events_dropped_total{event="events_test.began",reason="queue_full",subscriber="slow"} 1`)
		turn <- struct{}{}
		synctest.Wait() // 2 is being handled, there is room for one behind 3
		messages.Publish(sent{"7"})
		messages.Publish(sent{"8"})
		close(turn)
		synctest.Wait()
		n.want(t, "sent 1, sent 2, sent 3, dropped 3, sent 7, dropped 1")
		const line = `subscriber=slow dropped=3 bound=2 at_bound="they stay away"`
		if log := h.log.String(); strings.Count(log, "events dropped") != 1 || !strings.Contains(log, line) {
			t.Errorf("log: %s", log)
		}
		h.shutdown()
	})
}

func TestBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, n := newHouse(t), &notes{}
		s := h.Queued("x", events.QueueOptions{Bound: 10})
		wanted := func(e sent) bool { return e.text != "no" }
		events.OnBatch(s, events.Batches[sent]{Most: 3, Keep: wanted, Handle: n.batch})
		events.On(s, n.began)
		messages, sessions := events.PublisherOf[sent](h.Bus), events.PublisherOf[began](h.Bus)
		for _, text := range []string{"1", "no", "2", "3", "4"} {
			messages.Publish(sent{text})
		}
		sessions.Publish(began{"5"})
		messages.Publish(sent{"6"})
		h.Start()
		synctest.Wait()
		n.want(t, "[{1} {2} {3}], [{4}], began 5, [{6}]")
		h.shutdown()
	})
}

// TestPanics end nothing but the call.
func TestPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, n, after := newHouse(t), &notes{}, &notes{}
		events.On(h.Inline("a", inline), n.panicky)
		events.On(h.Queued("b", events.QueueOptions{Bound: 10, Dropped: func(int) { panic("dropped") }}), n.panicky)
		c := h.Queued("c", events.QueueOptions{Bound: 10})
		events.OnBatch(c, events.Batches[sent]{Keep: func(sent) bool { panic("keep") }})
		events.On(h.Inline("d", inline), after.sent)
		h.Start()
		messages := events.PublisherOf[sent](h.Bus)
		for range 2 {
			messages.Publish(sent{"x"})
			synctest.Wait()
		}
		n.want(t, "sent x, sent x, sent x, sent x")
		after.want(t, "sent x, sent x")
		h.wantMetric(`pushd_faults_total{kind="panic"} 6`)
		for _, part := range []string{`subscriber=a event=events_test.sent panic="boom x"`, "subscriber=b", "subscriber=c"} {
			if !strings.Contains(h.log.String(), part) {
				t.Errorf("no %s in the log", part)
			}
		}
		h.shutdown()
	})
}

// TestShutdownWaitsForWhatFollows: what a handler publishes is handled as well,
// whichever of two subscribers was made first.
func TestShutdownWaitsForWhatFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, n := newHouse(t), &notes{}
		last := h.Queued("last", events.QueueOptions{Bound: 10})
		first := h.Queued("first", events.QueueOptions{Bound: 10})
		events.On(last, func(e began) { time.Sleep(time.Second); n.began(e) })
		events.On(first, func(e sent) {
			time.Sleep(time.Second)
			events.PublisherOf[began](h.Bus).Publish(began{e.text})
		})
		h.Start()
		for _, text := range []string{"1", "2"} {
			events.PublisherOf[sent](h.Bus).Publish(sent{text})
		}
		h.shutdown()
		n.want(t, "began 1, began 2")
	})
}

// TestShutdownGivesUp when its time is over, and says how much was left.
func TestShutdownGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, n := newHouse(t), &notes{}
		s := h.Queued("x", events.QueueOptions{Bound: 10})
		events.OnBatch(s, events.Batches[sent]{Handle: func(ctx context.Context, batch []sent) {
			<-ctx.Done()
			n.batch(ctx, batch)
		}})
		h.Start()
		for _, text := range []string{"1", "2", "3"} {
			events.PublisherOf[sent](h.Bus).Publish(sent{text})
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := h.Shutdown(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "2 were not handled") {
			t.Errorf("got %v", err)
		}
		n.want(t, "[{1}]")
		h.wantMetric(`pushd_events_dropped_total{event="events_test.sent",reason="stopped",subscriber="x"} 2`)
	})
}

func TestShutdownWithoutStart(t *testing.T) {
	h := newHouse(t)
	events.On(h.Queued("x", events.QueueOptions{Bound: 10}), func(sent) {})
	events.PublisherOf[sent](h.Bus).Publish(sent{"1"})
	h.shutdown()
	h.wantMetric(`pushd_events_dropped_total{event="events_test.sent",reason="stopped",subscriber="x"} 1`)
}

// TestConcurrentPublishers: each one's events arrive in its order, and all that were
// not dropped arrive.
func TestConcurrentPublishers(t *testing.T) {
	const publishers, each = 4, 2000
	h := newHouse(t)
	dropped, last, got := 0, [publishers]int{}, 0
	s := h.Queued("x", events.QueueOptions{Bound: 100, Dropped: func(n int) { dropped += n }})
	type numbered struct{ publisher, n int }
	events.OnBatch(s, events.Batches[numbered]{Most: 8, Handle: func(_ context.Context, batch []numbered) {
		for _, e := range batch {
			if got++; e.n <= last[e.publisher] {
				t.Errorf("publisher %d: %d after %d", e.publisher, e.n, last[e.publisher])
			}
			last[e.publisher] = e.n
		}
	}})
	h.Start()
	p := events.PublisherOf[numbered](h.Bus)
	var wg sync.WaitGroup
	for i := range publishers {
		wg.Go(func() {
			for n := range each {
				p.Publish(numbered{i, n + 1})
			}
		})
	}
	wg.Wait()
	h.shutdown()
	if got+dropped != publishers*each || got == 0 {
		t.Errorf("%d heard, %d dropped", got, dropped)
	}
}

func TestSetupPanicsNameBothPlaces(t *testing.T) {
	here := regexp.MustCompile(`/bus_test\.go:\d+`)
	h := newHouse(t)
	s := h.Inline("x", inline)
	q := h.Queued("q", events.QueueOptions{Bound: 1})
	for _, c := range []struct {
		name   string
		places int
		do     func()
	}{
		{"a name twice", 2, func() { h.Inline("x", inline) }},
		{"no bound", 1, func() { h.Queued("y", events.QueueOptions{}) }},
		{"batches inline", 1, func() { events.OnBatch(s, events.Batches[sent]{}) }},
		{"started", 0, h.Start},
		{"started twice", 2, func() { h.Start() }},
		{"a subscriber after the start", 2, func() { h.Inline("z", inline) }},
		{"a queued one after the start", 2, func() { h.Queued("z", events.QueueOptions{Bound: 1}) }},
		{"a subscription after the start", 2, func() { events.On(s, func(sent) {}) }},
		{"a queued one after the start", 2, func() { events.On(q, func(sent) {}) }},
		{"batches after the start", 2, func() { events.OnBatch(q, events.Batches[sent]{}) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			defer func() {
				text, _ := recover().(string)
				if got := len(here.FindAllString(text, -1)); got != c.places {
					t.Errorf("%q names %d places, want %d", text, got, c.places)
				}
			}()
			c.do()
		})
	}
	h.shutdown()
}

func TestSubscriptions(t *testing.T) {
	h := newHouse(t)
	q := h.Queued("q", events.QueueOptions{Bound: 7, AtBound: "gone"})
	events.On(q, func(sent) {})
	events.On(q, func(began) {})
	events.On(h.Inline("a", inline), func(sent) {})
	want := []events.Subscription{
		{Subscriber: "a", Events: []string{"events_test.sent"}, Bound: inline.Bound, AtBound: inline.AtBound},
		{
			Subscriber: "q", Queued: true, Bound: "7 events", AtBound: "gone",
			Events: []string{"events_test.began", "events_test.sent"},
		},
	}
	if got := h.Subscriptions(); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}
