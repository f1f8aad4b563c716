// Package commit lets many callers share the commits of one database: while a batch
// is being committed, the next one gathers, and each caller is answered after the
// commit that holds their work. It owns the queue, the goroutine that empties it, and
// what callers are told when the database fails. It is used by package store, and
// knows neither SQL nor what the work is about.
package commit

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"pushd/internal/codec"
)

const (
	// MaxQueue is how many jobs wait for their turn; later callers are told 503.
	MaxQueue = 8000
	// maxGather is the longest that a batch waits for more.
	maxGather = time.Millisecond
	// probeEvery is how often a database that didn't answer is asked again, and
	// probeWait how long each attempt may take.
	probeEvery = 200 * time.Millisecond
	probeWait  = 2 * time.Second
)

// Database is what a Writer commits to. Only the writer's goroutine calls Commit.
type Database[T any] interface {
	Faults
	// Commit writes a batch in one transaction. Its error means that nothing of the
	// batch was written. The slice and its jobs must not be kept.
	Commit(batch []*Job[T]) error
	// Committed is called for each work of a batch that was written, in its order and
	// before any caller is answered. It must not block.
	Committed(work T)
	// Probe tells whether the database could write now.
	Probe(ctx context.Context) error
}

// Faults tells the errors of a database apart.
type Faults interface {
	// Refuses is true for an error about what was written, which no repetition mends:
	// the database would take something else.
	Refuses(err error) bool
	// Outage is true when another attempt is likely to take long and to fail.
	Outage(err error) bool
	// Explain adds to an error what the person who runs the server can do.
	Explain(err error) error
}

// Writer commits what many callers submit.
type Writer[T any] struct {
	db    Database[T]
	log   *slog.Logger
	most  int // jobs in a batch
	queue chan *Job[T]
	ended chan struct{} // closed when the goroutine has ended

	// down is set while the database doesn't answer: callers are told so at once,
	// where waiting would only use up their time.
	down atomic.Bool

	mu     sync.RWMutex // held for reading while a job is put into the queue
	closed bool

	// Owned by the goroutine.
	last    int           // how many jobs the last batch had
	took    time.Duration // how long its commit took
	timer   *time.Timer
	failing bool // the last batch failed, and the log says so
}

// Start makes a Writer whose batches have at most maxBatch jobs. Stop ends it.
func Start[T any](db Database[T], maxBatch int, log *slog.Logger) *Writer[T] {
	w := &Writer[T]{
		db: db, log: log, most: maxBatch,
		queue: make(chan *Job[T], MaxQueue), ended: make(chan struct{}), timer: time.NewTimer(time.Hour),
	}
	go w.run()
	return w
}

// Stop takes no more jobs, and waits for those that were taken. It may be called
// more than once.
func (w *Writer[T]) Stop() {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		close(w.queue)
	}
	w.mu.Unlock()
	<-w.ended
}

// Available is 503 when a job would be refused now: the database doesn't answer, or
// the writer was stopped.
func (w *Writer[T]) Available() error {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.availableLocked()
}

func (w *Writer[T]) availableLocked() error {
	switch {
	case w.closed:
		return codec.Errorf(codec.CodeUnavailable, "the server is shutting down")
	case w.down.Load():
		return Unavailable(errDown)
	}
	return nil
}

// Submit waits until the work is committed. When ctx ends first, the work is
// withdrawn if the writer hasn't begun it; if it has, it may or may not be committed.
func (w *Writer[T]) Submit(ctx context.Context, work T) error {
	j := newJob(ctx, work)
	if err := w.put(j); err != nil {
		return err
	}
	select {
	case <-j.done:
		return j.result()
	case <-ctx.Done():
		j.state.CompareAndSwap(waiting, withdrawn)
		return GaveUp(ctx)
	}
}

// SubmitShared is Submit for work that shares variables with its caller: once the
// writer has begun it, its end is waited for, whatever becomes of ctx. A panic in it
// goes on in the caller.
func (w *Writer[T]) SubmitShared(ctx context.Context, work T) error {
	j := newJob(ctx, work)
	if err := w.put(j); err != nil {
		return err
	}
	select {
	case <-j.done:
	case <-ctx.Done():
		if j.state.CompareAndSwap(waiting, withdrawn) {
			return GaveUp(ctx)
		}
		<-j.done
	}
	return j.result()
}

func (w *Writer[T]) put(j *Job[T]) error {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if err := w.availableLocked(); err != nil {
		return err
	}
	select {
	case w.queue <- j:
		return nil
	default:
		e := codec.Errorf(codec.CodeUnavailable, "too much is waiting to be stored: try again soon")
		e.RetryAfter = time.Second
		return e
	}
}

// run commits batches until the queue is closed and empty.
func (w *Writer[T]) run() {
	defer close(w.ended)
	defer w.timer.Stop()
	batch := make([]*Job[T], 0, w.most)
	for {
		first, ok := <-w.queue
		if !ok {
			return
		}
		batch = w.gather(append(batch[:0], first))
		if len(batch) == 0 {
			continue
		}
		began := time.Now()
		w.commit(batch)
		w.last, w.took = len(batch), time.Since(began)
		clear(batch) // what was answered can be collected
		if w.down.Load() {
			w.waitOutage()
		}
	}
}

// gather adds what else is waiting. The callers that the last commit answered are
// about to come with their next: it waits a moment for as many as there were, short
// beside the commit, as without it they would fall into two batches by turns. A
// caller who is alone never waits. Withdrawn jobs are left out.
func (w *Writer[T]) gather(batch []*Job[T]) []*Job[T] {
	taken := batch[:0]
	take := func(j *Job[T]) {
		if j.state.CompareAndSwap(waiting, begun) {
			taken = append(taken, j)
		}
	}
	take(batch[0])
	var enough <-chan time.Time
	for len(taken) < w.most {
		select {
		case j, ok := <-w.queue:
			if !ok {
				return taken
			}
			take(j)
			continue
		default:
		}
		if len(taken) >= w.last {
			break
		}
		if enough == nil {
			w.timer.Reset(min(maxGather, w.took/2))
			enough = w.timer.C
		}
		select {
		case j, ok := <-w.queue:
			if !ok {
				return taken
			}
			take(j)
		case <-enough:
			return taken
		}
	}
	return taken
}

// commit writes a batch and answers all of it. When the database refuses what one
// job holds, the others are not to suffer: each is then tried alone.
func (w *Writer[T]) commit(batch []*Job[T]) {
	err := w.db.Commit(batch)
	switch {
	case err == nil:
		w.recovered()
	case len(batch) > 1 && w.db.Refuses(err):
		for _, j := range batch {
			if w.down.Load() { // lost since the refusal; each would wait for it
				answer([]*Job[T]{j}, Unavailable(errDown))
				continue
			}
			j.err = nil
			w.commit([]*Job[T]{j})
		}
		return
	case w.db.Refuses(err):
		w.log.Error("the database refuses a write", slog.Any("error", err))
		answer(batch, Internal(err))
		return
	default:
		w.failed(err)
		answer(batch, Unavailable(err))
		return
	}
	for _, j := range batch {
		if j.err == nil {
			w.db.Committed(j.Work)
		}
	}
	answer(batch, nil)
}

// failed notes that a batch could not be written: once in the log, however many
// follow.
func (w *Writer[T]) failed(err error) {
	if !w.failing {
		w.failing = true
		w.log.Error("the database takes no writes; sends are answered 503", slog.Any("error", w.db.Explain(err)))
	}
	w.down.Store(w.db.Outage(err))
}

func (w *Writer[T]) recovered() {
	if w.failing {
		w.failing = false
		w.log.Info("the database takes writes again")
	}
}

// waitOutage answers what waits and asks the database until it can write again, or
// the writer is stopped.
func (w *Writer[T]) waitOutage() {
	for w.refuseWaiting() && w.probe() != nil {
		time.Sleep(probeEvery)
	}
	w.down.Store(false)
}

// refuseWaiting answers 503 to all that waits; it is false once the writer was stopped.
func (w *Writer[T]) refuseWaiting() (running bool) {
	for {
		select {
		case j, ok := <-w.queue:
			if !ok {
				return false
			}
			if j.state.CompareAndSwap(waiting, begun) {
				answer([]*Job[T]{j}, Unavailable(errDown))
			}
		default:
			return true
		}
	}
}

func (w *Writer[T]) probe() error {
	ctx, cancel := context.WithTimeout(context.Background(), probeWait)
	defer cancel()
	return w.db.Probe(ctx)
}
