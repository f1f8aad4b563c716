package events

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"pushd/internal/metrics"
)

// Bus hands events from those who publish them to those who subscribe. Its methods
// may be called from any goroutine.
type Bus struct {
	// immutable
	metrics *metrics.Metrics
	log     *slog.Logger
	ctx     context.Context // of queued handlers; ends when Shutdown's patience does
	cancel  context.CancelFunc
	idle    chan struct{} // gets an element when pending falls to 0
	wg      sync.WaitGroup

	// pending is how many events wait in queues or are being handled.
	pending atomic.Int64

	mu          sync.Mutex
	topics      map[reflect.Type]any // guarded by mu; *topic[T] by T
	subscribers []*Subscriber        // guarded by mu; in the order in which they were made
	started     string               // guarded by mu; where Start was called, "" before
}

// New makes a bus without subscribers.
func New(m *metrics.Metrics, log *slog.Logger) *Bus {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Bus{
		metrics: m, log: log, ctx: ctx, cancel: cancel,
		idle: make(chan struct{}, 1), topics: map[reflect.Type]any{},
	}
}

// Start lets queued subscribers work, and ends the time for new subscriptions. What is
// published before waits in their queues; inline subscribers get it at once.
func (b *Bus) Start() {
	b.mu.Lock()
	defer b.mu.Unlock()
	where := place()
	b.settingUpLocked("the bus is started", where)
	b.started = where
	for _, s := range b.subscribers {
		if s.queue != nil {
			b.wg.Go(s.work)
		}
	}
	for _, d := range b.subscriptionsLocked() {
		b.log.Debug("events subscriber",
			slog.String("subscriber", d.Subscriber), slog.Bool("queued", d.Queued),
			slog.String("events", strings.Join(d.Events, " ")),
			slog.String("bound", d.Bound), slog.String("at_bound", d.AtBound))
	}
}

// settingUpLocked panics with both places once the bus is started.
func (b *Bus) settingUpLocked(what, where string) {
	if b.started != "" {
		panic(fmt.Sprintf("events: %s at %s, but the bus was started at %s", what, where, b.started))
	}
}

// Shutdown waits until queued subscribers have handled what was published, and what
// their handlers publish meanwhile. When ctx is done their handlers' context ends, and
// what still waits is dropped. Afterwards queued subscribers get nothing more; inline
// ones do, as others may still be ending what they do.
func (b *Bus) Shutdown(ctx context.Context) error {
	b.mu.Lock()
	subscribers, started := slices.Clone(b.subscribers), b.started != ""
	b.mu.Unlock()
	var err error
	for started && err == nil && b.pending.Load() > 0 {
		select {
		case <-b.idle:
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	b.cancel()
	dropped := 0
	for _, s := range subscribers {
		if s.queue != nil {
			dropped += s.close()
		}
	}
	b.wg.Wait()
	if err != nil {
		err = fmt.Errorf("events: %d were not handled: %w", dropped, err)
	}
	return err
}

// done takes n events off those that are pending.
func (b *Bus) done(n int) {
	if b.pending.Add(int64(-n)) == 0 {
		select {
		case b.idle <- struct{}{}:
		default:
		}
	}
}

// Subscription describes a subscriber.
type Subscription struct {
	Subscriber string
	Queued     bool
	Events     []string // names of types, such as chat.MessageSent, ascending
	Bound      string   // what can wait
	AtBound    string   // what happens then
}

// Subscriptions lists the subscribers by name.
func (b *Bus) Subscriptions() []Subscription {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.subscriptionsLocked()
}

func (b *Bus) subscriptionsLocked() []Subscription {
	all := make([]Subscription, 0, len(b.subscribers))
	for _, s := range b.subscribers {
		names := slices.Clone(s.events)
		slices.Sort(names)
		all = append(all, Subscription{
			Subscriber: s.name, Queued: s.queue != nil, Events: names, Bound: s.limit.Bound, AtBound: s.limit.AtBound,
		})
	}
	slices.SortFunc(all, func(x, y Subscription) int { return strings.Compare(x.Subscriber, y.Subscriber) })
	return all
}

// place is the file and line from which the caller of place was called.
func place() string {
	if _, file, line, ok := runtime.Caller(2); ok {
		return fmt.Sprintf("%s:%d", file, line)
	}
	return "an unknown place"
}
