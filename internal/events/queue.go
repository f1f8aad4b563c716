package events

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Why an event did not reach a queued subscriber; values of the metric's label.
const (
	DropFull    = "queue_full" // the queue's bound
	DropStopped = "stopped"    // the server ended
)

// logEvery is how often the log says that a queue is full.
const logEvery = 10 * time.Second

// queue is what waits for a queued subscriber.
type queue struct {
	// immutable
	opts QueueOptions

	mu      sync.Mutex
	changed *sync.Cond // with mu: something waits, or closed
	waiting []item     // guarded by mu; oldest first
	lost    int        // guarded by mu; dropped behind all that waits
	closed  bool       // guarded by mu

	// owned by the subscriber's goroutine
	unlogged int
	quiet    time.Time // until then drops are only counted
}

// item is an event that waits.
type item struct {
	handler *batchHandler
	event   any
	lost    int // dropped between this one and the one before it
}

// batchHandler is one subscription of a queued subscriber.
type batchHandler struct {
	event  string // name of the type
	most   int
	handle func(ctx context.Context, items []item)
}

func newQueue(o QueueOptions) *queue {
	q := &queue{opts: o}
	q.changed = sync.NewCond(&q.mu)
	return q
}

func (q *queue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting)
}

// put never blocks.
func (s *Subscriber) put(h *batchHandler, event any) {
	q := s.queue
	q.mu.Lock()
	reason := ""
	switch {
	case q.closed:
		reason = DropStopped
	case len(q.waiting) >= q.opts.Bound:
		reason = DropFull
		q.lost++ // take tells it: with so much waiting it will come by
	default:
		s.bus.pending.Add(1)
		q.waiting = append(q.waiting, item{h, event, q.lost})
		q.lost = 0
		q.changed.Signal()
	}
	q.mu.Unlock()
	if reason != "" {
		s.bus.metrics.EventsDropped(s.name, h.event, reason, 1)
	}
}

// work hands over what waits until the queue is closed. It is the subscriber's
// goroutine.
func (s *Subscriber) work() {
	for {
		batch, lost, ok := s.queue.take()
		if !ok {
			return
		}
		if lost > 0 {
			s.tellLost(lost)
		}
		if len(batch) > 0 {
			s.handle(batch)
			s.bus.done(len(batch))
		}
	}
}

func (s *Subscriber) handle(batch []item) {
	h := batch[0].handler
	defer s.survive(h.event)
	h.handle(s.bus.ctx, batch)
}

// take waits for the next events of one subscription, or for the news that some were
// lost. lost are those before the batch. ok is false at the end.
func (q *queue) take() (batch []item, lost int, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.waiting) == 0 && q.lost == 0 && !q.closed {
		q.changed.Wait()
	}
	if len(q.waiting) == 0 {
		lost, q.lost = q.lost, 0
		return nil, lost, lost > 0 // else closed
	}
	first := q.waiting[0]
	n := 1
	for n < len(q.waiting) && n < first.handler.most && q.waiting[n].handler == first.handler && q.waiting[n].lost == 0 {
		n++
	}
	batch = append(batch, q.waiting[:n]...)
	clear(q.waiting[:n]) // which the array would keep alive
	if q.waiting = q.waiting[n:]; len(q.waiting) == 0 {
		q.waiting = nil
	}
	return batch, first.lost, true
}

// tellLost lets the log and the subscriber know what is missing.
func (s *Subscriber) tellLost(n int) {
	q := s.queue
	q.unlogged += n
	if now := time.Now(); !now.Before(q.quiet) {
		s.bus.log.Warn("events dropped: the queue is full", slog.String("subscriber", s.name),
			slog.Int("dropped", q.unlogged), slog.Int("bound", q.opts.Bound), slog.String("at_bound", q.opts.AtBound))
		q.unlogged, q.quiet = 0, now.Add(logEvery)
	}
	if q.opts.Dropped != nil {
		defer s.survive("dropped")
		q.opts.Dropped(n)
	}
}

// close drops what waits and lets the goroutine end.
func (s *Subscriber) close() (dropped int) {
	q := s.queue
	q.mu.Lock()
	q.closed = true
	left := q.waiting
	q.waiting = nil
	q.changed.Broadcast()
	q.mu.Unlock()
	for _, it := range left {
		s.bus.metrics.EventsDropped(s.name, it.handler.event, DropStopped, 1)
	}
	s.bus.done(len(left))
	return len(left)
}
