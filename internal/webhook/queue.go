package webhook

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"time"

	"pushd/internal/metrics"
)

// Why something in a queue was given up; values of the metric's label.
const (
	DropFull    = "queue_full" // the queue's bound
	DropExpired = "expired"    // RetryFor was over
	DropRefused = "refused"    // it failed in a way that no other try changes
	DropStopped = "stopped"    // the server ended
)

// QueueOptions bound a queue; zero values are the defaults that
// WithDefaults has.
type QueueOptions struct {
	Workers  int           // batches under way at a time
	Items    int           // that wait or are under way
	Bytes    int           // of them, as Post counts
	Batch    int           // items that one call may take
	RetryFor time.Duration // since an item was posted
	// Dropped is told of what was given up after it had been taken, before Post or
	// the worker goes on. It does not block.
	Dropped func(n int, reason string)
	// Done is told after each batch that succeeded, when its place is free again.
	Done func()
}

// WithDefaults replaces zero values by the defaults, but for the functions.
func (o QueueOptions) WithDefaults() QueueOptions {
	orDefault(&o.Workers, 4)
	orDefault(&o.Items, 10_000)
	orDefault(&o.Bytes, 16<<20)
	orDefault(&o.Batch, 1)
	if o.RetryFor <= 0 {
		o.RetryFor = 10 * time.Minute
	}
	return o
}

// Tries of one batch are apart by a random part of a time that doubles.
const (
	firstDelay = 500 * time.Millisecond
	mostDelay  = 30 * time.Second
)

// Queue does work behind its callers' backs, in the order of posting for each
// key, and again until it succeeds or its time is over. It has no goroutine
// while there is nothing to do.
type Queue[T any] struct {
	// immutable
	name    string
	do      func(ctx context.Context, id string, batch []T) error
	opts    QueueOptions
	metrics *metrics.Metrics
	log     *slog.Logger
	ctx     context.Context
	cancel  context.CancelFunc
	wg      sync.WaitGroup
	empty   chan struct{} // closed when nothing is left after Shutdown began
	seldom  seldom

	mu      sync.Mutex
	lines   map[string]*line[T]       // guarded by mu; by key, those that aren't empty
	ready   fifo[*line[T]]            // guarded by mu; lines with items and nothing under way
	again   fifo[*batch[T]]           // guarded by mu; failed, and their delay is over
	delayed map[*batch[T]]*time.Timer // guarded by mu
	resume  *time.Timer               // guarded by mu; not nil while everything pauses
	items   int                       // guarded by mu
	bytes   int                       // guarded by mu
	running int                       // guarded by mu; workers
	closed  bool                      // guarded by mu
}

// line is what was posted under one key, oldest first.
type line[T any] struct {
	key   string
	items fifo[item[T]]
}

type item[T any] struct {
	value T
	size  int
	at    time.Time
}

// batch is what one call takes, and the lines that wait for its end.
type batch[T any] struct {
	id     string
	values []T
	bytes  int
	newest time.Time
	tries  int
	lines  []*line[T]
}

// NewQueue makes a queue that calls do with a batch in order of posting, and
// with an id that stays the same when the batch is tried again. do may keep its
// progress in the values. What do returns is retried when it is a *CallError with
// Retry or a *codec.Error that is Temporary.
func NewQueue[T any](
	name string, do func(ctx context.Context, id string, batch []T) error, o QueueOptions,
	m *metrics.Metrics, log *slog.Logger,
) *Queue[T] {
	o = o.WithDefaults()
	if o.Dropped == nil {
		o.Dropped = func(int, string) {}
	}
	if o.Done == nil {
		o.Done = func() {}
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	ctx, cancel := context.WithCancel(context.Background())
	q := &Queue[T]{
		name: name, do: do, opts: o, metrics: m, log: log.With(slog.String("webhook", name)),
		ctx: ctx, cancel: cancel, empty: make(chan struct{}),
		lines: map[string]*line[T]{}, delayed: map[*batch[T]]*time.Timer{},
	}
	m.WebhookQueue(name, func() float64 { return float64(q.Len()) })
	return q
}

func orDefault(n *int, def int) {
	if *n <= 0 {
		*n = def
	}
}

// Len is how much waits or is under way.
func (q *Queue[T]) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.items
}

// Post takes v, of about size bytes, behind everything with the same key; what
// has no key has no order. It does not block; false means that it was dropped.
func (q *Queue[T]) Post(key string, size int, v T) bool {
	q.mu.Lock()
	if q.closed || q.items >= q.opts.Items || q.bytes+size > q.opts.Bytes {
		reason := DropFull
		if q.closed {
			reason = DropStopped
		}
		q.mu.Unlock()
		q.dropped(1, reason, nil)
		return false
	}
	q.items++
	q.bytes += size
	it := item[T]{v, size, time.Now()}
	if l := q.lines[key]; key != "" && l != nil {
		l.items.push(it)
	} else {
		l = &line[T]{key: key}
		l.items.push(it)
		if key != "" {
			q.lines[key] = l
		}
		q.ready.push(l)
		q.spawnLocked()
	}
	q.mu.Unlock()
	return true
}

// spawnLocked starts workers for what is ready.
func (q *Queue[T]) spawnLocked() {
	if q.resume != nil {
		return
	}
	for n := min(q.opts.Workers-q.running, q.ready.len()+q.again.len()); n > 0; n-- {
		q.running++
		q.wg.Go(q.work)
	}
}

func (q *Queue[T]) work() {
	for {
		b, expired := q.take()
		if expired > 0 {
			q.dropped(expired, DropExpired, nil)
		}
		if b == nil {
			return
		}
		q.finish(b, q.try(b))
	}
}

// take is the next batch, or nil when this worker is not needed any more.
func (q *Queue[T]) take() (b *batch[T], expired int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.resume == nil {
		if q.again.len() > 0 {
			return q.again.pop(), 0
		}
		b, expired = q.collectLocked()
	}
	if b == nil {
		q.running--
		q.doneLocked()
	}
	return b, expired
}

// collectLocked makes a batch of the lines that are ready, whole lines as long
// as there is room, and leaves out what is too old.
func (q *Queue[T]) collectLocked() (b *batch[T], expired int) {
	for (b == nil || len(b.values) < q.opts.Batch) && q.ready.len() > 0 {
		l := q.ready.pop()
		took := false
		for l.items.len() > 0 && (b == nil || len(b.values) < q.opts.Batch) {
			it := l.items.pop()
			if time.Since(it.at) > q.opts.RetryFor {
				q.items, q.bytes, expired = q.items-1, q.bytes-it.size, expired+1
				continue
			}
			if b == nil {
				b = &batch[T]{id: NewID(), newest: it.at}
			}
			if it.at.After(b.newest) {
				b.newest = it.at
			}
			b.values, b.bytes, took = append(b.values, it.value), b.bytes+it.size, true
		}
		if took {
			b.lines = append(b.lines, l)
		} else {
			q.releaseLocked(l)
		}
	}
	return b, expired
}

// try does the work of a batch. A panic in it is a failure that no other try
// changes.
func (q *Queue[T]) try(b *batch[T]) (err error) {
	defer func() {
		if p := recover(); p != nil {
			q.metrics.Fault("panic")
			q.log.Error("panic", slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	b.tries++
	return q.do(q.ctx, b.id, b.values)
}

// finish ends a try: the batch is done, given up, or waits for another one.
func (q *Queue[T]) finish(b *batch[T], err error) {
	after, again := retry(err)
	reason := DropRefused
	delay := firstDelay << min(b.tries-1, 10)
	delay = max(after, min(delay, mostDelay)/2+rand.N(min(delay, mostDelay)/2))
	q.mu.Lock()
	switch {
	case again && q.closed:
		again, reason = false, DropStopped
	case again && time.Since(b.newest)+delay > q.opts.RetryFor:
		again, reason = false, DropExpired
	}
	if again {
		if isOpen(err) {
			// Nothing was tried, and nothing would be now: all wait together.
			b.tries--
			q.again.push(b)
			q.pauseLocked(max(after, time.Millisecond))
		} else {
			q.delayed[b] = time.AfterFunc(delay, func() { q.wake(b) })
		}
		q.mu.Unlock()
		return
	}
	q.items -= len(b.values)
	q.bytes -= b.bytes
	for _, l := range b.lines {
		q.releaseLocked(l)
	}
	q.spawnLocked()
	q.doneLocked()
	q.mu.Unlock()
	if err != nil {
		q.dropped(len(b.values), reason, err)
		return
	}
	q.opts.Done()
}

// releaseLocked lets the rest of a line have its turn.
func (q *Queue[T]) releaseLocked(l *line[T]) {
	switch {
	case l.items.len() > 0:
		q.ready.push(l)
	case l.key != "":
		delete(q.lines, l.key)
	}
}

// pauseLocked lets nothing begin for a while.
func (q *Queue[T]) pauseLocked(wait time.Duration) {
	if q.resume != nil || q.closed {
		return
	}
	q.resume = time.AfterFunc(wait, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.resume = nil
		q.spawnLocked()
	})
}

// wake is the end of a batch's delay.
func (q *Queue[T]) wake(b *batch[T]) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if _, ok := q.delayed[b]; ok {
		delete(q.delayed, b)
		q.again.push(b)
		q.spawnLocked()
	}
}

// dropped counts what was given up, and says so now and then.
func (q *Queue[T]) dropped(n int, reason string, cause error) {
	q.metrics.WebhookDropped(q.name, reason, n)
	q.opts.Dropped(n, reason)
	if others, now := q.seldom.now(); now {
		attrs := []slog.Attr{slog.String("reason", reason), slog.Int("dropped", n), slog.Int("others", others)}
		if cause != nil {
			attrs = append(attrs, slog.String("error", cause.Error()))
		}
		q.log.LogAttrs(context.Background(), slog.LevelWarn, "webhook given up", attrs...)
	}
}

// doneLocked tells Shutdown that nothing is left.
func (q *Queue[T]) doneLocked() {
	if q.closed && q.items == 0 {
		select {
		case <-q.empty:
		default:
			close(q.empty)
		}
	}
}

// Shutdown takes nothing more, gives everything that waits one last try, and
// gives up what is left when ctx is done.
func (q *Queue[T]) Shutdown(ctx context.Context) error {
	q.mu.Lock()
	q.closed = true
	if q.resume != nil {
		q.resume.Stop()
		q.resume = nil
	}
	for b, timer := range q.delayed {
		timer.Stop()
		q.again.push(b)
	}
	clear(q.delayed)
	q.spawnLocked()
	q.doneLocked()
	q.mu.Unlock()
	var err error
	select {
	case <-q.empty:
	case <-ctx.Done():
		q.mu.Lock()
		err = fmt.Errorf("webhook %s: %d were not told: %w", q.name, q.items, ctx.Err())
		q.mu.Unlock()
	}
	q.cancel() // every call that is still made fails at once
	q.wg.Wait()
	return err
}
