package events

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"runtime/debug"
)

// Subscriber takes events of the types that On and OnBatch name.
type Subscriber struct {
	// immutable after Start
	bus    *Bus
	name   string
	limit  Limit
	place  string // where it was made
	events []string
	queue  *queue // nil: inline
}

// Limit says in a few words, for people, what can wait for an inline subscriber and
// what happens then.
type Limit struct {
	Bound   string
	AtBound string
}

// QueueOptions bound a queued subscriber.
type QueueOptions struct {
	Bound   int    // events that wait, more than 0
	AtBound string // what it means that one is dropped, in a few words, for the log
	// Dropped is told how many events were dropped, on the goroutine of the handlers and
	// at their place in the order: before the next event that is behind them. It may be
	// nil.
	Dropped func(n int)
}

// Inline makes a subscriber that is called on the goroutines of those who publish. Its
// handlers do not block: what they can't do at once waits in a bounded queue of their
// own, which limit describes. The name is its label in metrics and log.
func (b *Bus) Inline(name string, limit Limit) *Subscriber {
	s := &Subscriber{bus: b, name: name, limit: limit, place: place()}
	b.add(s)
	return s
}

// Queued makes a subscriber with a queue and a goroutine of its own. The name is its
// label in metrics and log.
func (b *Bus) Queued(name string, o QueueOptions) *Subscriber {
	s := &Subscriber{
		bus: b, name: name, limit: Limit{fmt.Sprintf("%d events", o.Bound), o.AtBound}, place: place(),
		queue: newQueue(o),
	}
	if o.Bound <= 0 {
		panic(fmt.Sprintf("events: the subscriber %q at %s has no bound", name, s.place))
	}
	b.add(s)
	b.metrics.EventQueue(name, func() float64 { return float64(s.queue.len()) })
	return s
}

func (b *Bus) add(s *Subscriber) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.settingUpLocked(fmt.Sprintf("the subscriber %q is made", s.name), s.place)
	for _, other := range b.subscribers {
		if other.name == s.name {
			panic(fmt.Sprintf("events: the subscriber %q is made at %s and at %s", s.name, other.place, s.place))
		}
	}
	b.subscribers = append(b.subscribers, s)
}

// On has the subscriber called with every event of a type. It panics once the bus is
// started.
func On[T any](s *Subscriber, handle func(event T)) {
	if s.queue == nil {
		subscribe(s, place(), handle)
		return
	}
	subscribeQueued(s, place(), Batches[T]{Handle: func(_ context.Context, batch []T) { handle(batch[0]) }})
}

// Batches is how a queued subscriber takes events of a type.
type Batches[T any] struct {
	// Most is how many events, waiting one behind the other, are handled at once; 1 if 0.
	Most int
	// Keep is asked on the publisher's goroutine whether an event is worth its place in
	// the queue. All are if it is nil.
	Keep func(event T) bool
	// Handle owns the batch. ctx ends when the server can't wait any longer.
	Handle func(ctx context.Context, batch []T)
}

// OnBatch is On for a queued subscriber that takes several events at once, or not all
// of a type, or needs a context.
func OnBatch[T any](s *Subscriber, o Batches[T]) {
	if s.queue == nil {
		panic(fmt.Sprintf("events: the subscriber %q at %s is inline: use On", s.name, place()))
	}
	subscribeQueued(s, place(), o)
}

func subscribeQueued[T any](s *Subscriber, where string, o Batches[T]) {
	h := &batchHandler{event: reflect.TypeFor[T]().String(), most: max(o.Most, 1)}
	h.handle = func(ctx context.Context, items []item) {
		batch := make([]T, len(items))
		for i := range items {
			batch[i], _ = items[i].event.(T) // it is one: subscribe put it there
		}
		o.Handle(ctx, batch)
	}
	// A counter that appears with its first drop shows no increase.
	s.bus.metrics.EventsDropped(s.name, h.event, DropFull, 0)
	subscribe(s, where, func(event T) {
		if o.Keep == nil || o.Keep(event) {
			s.put(h, event)
		}
	})
}

func subscribe[T any](s *Subscriber, where string, handle func(T)) {
	name := reflect.TypeFor[T]().String()
	s.bus.mu.Lock()
	defer s.bus.mu.Unlock()
	s.bus.settingUpLocked(fmt.Sprintf("the subscriber %q asks for %s", s.name, name), where)
	s.events = append(s.events, name)
	topicLocked[T](s.bus).addLocked(func(event T) {
		defer s.survive(name)
		handle(event)
	})
}

// survive is deferred around handlers: their panics are not the publisher's.
func (s *Subscriber) survive(event string) {
	if p := recover(); p != nil {
		s.bus.metrics.Fault("panic")
		s.bus.log.Error("panic", slog.String("subscriber", s.name), slog.String("event", event),
			slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
	}
}
