package events

import (
	"reflect"
	"sync/atomic"
)

// Publisher publishes events of one type. The zero value has no subscribers.
type Publisher[T any] struct{ topic *topic[T] }

// topic is who is called with the events of one type, in the order of subscribing.
type topic[T any] struct {
	handlers atomic.Pointer[[]func(T)]
}

// PublisherOf makes a publisher. Without a bus, which is nil, it has no subscribers.
func PublisherOf[T any](b *Bus) Publisher[T] {
	if b == nil {
		return Publisher[T]{}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return Publisher[T]{topicLocked[T](b)}
}

func topicLocked[T any](b *Bus) *topic[T] {
	key := reflect.TypeFor[T]()
	if t, ok := b.topics[key].(*topic[T]); ok {
		return t
	}
	t := &topic[T]{}
	b.topics[key] = t
	return t
}

// Publish hands the event to the subscribers: it is in their queues, or they were
// called with it, when Publish returns.
func (p Publisher[T]) Publish(event T) {
	if !p.Wanted() {
		return
	}
	for _, handle := range *p.topic.handlers.Load() {
		handle(event)
	}
}

// Wanted reports whether there is a subscriber, for who has work to do to make the
// event.
func (p Publisher[T]) Wanted() bool { return p.topic != nil && p.topic.handlers.Load() != nil }

// addLocked makes a new list, as the old one may be in use.
func (t *topic[T]) addLocked(handle func(T)) {
	var all []func(T)
	if old := t.handlers.Load(); old != nil {
		all = append(all, *old...)
	}
	all = append(all, handle)
	t.handlers.Store(&all)
}
