package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"pushd/internal/codec"
)

const (
	// maxBatch is how many writes share a commit of SQLite. More would only make the
	// first of them wait for the last.
	maxBatch = 1000
	// pgBatch is the same for PostgreSQL, whose commits cost less beside their rows:
	// while it works on one batch, this process answers the last one's senders.
	pgBatch = 300
	// maxQueue is how many wait for their turn; who comes then is told 503.
	maxQueue = 8 * maxBatch
	// maxGather is the longest that a batch waits for more.
	maxGather = time.Millisecond
	// probeEvery is how often a database that didn't answer is asked again, and
	// probeWait how long for.
	probeEvery = 200 * time.Millisecond
	probeWait  = 2 * time.Second
)

// writer commits what many callers want written in batches: while one batch is
// being committed, the next one gathers. One goroutine runs it. On SQLite all
// writes go through it, as the file has one writer at a time; on PostgreSQL
// messages do.
type writer struct {
	queue chan *job
	ended chan struct{} // closed when the goroutine is

	// down is set while the database doesn't answer: callers are told so at once,
	// where waiting would only use up their time.
	down atomic.Bool

	mu     sync.RWMutex // held for reading while a job is put into the queue
	closed bool

	// Owned by the goroutine.
	most    int           // how many a batch is of
	last    int           // how many the last batch was of
	took    time.Duration // how long its commit took
	timer   *time.Timer
	failing bool      // the last batch failed, and the log says so
	conn    *sql.Conn // of PostgreSQL, kept from batch to batch; nil after an error
	convs   *opened   // of SQLite
}

// job is one caller's part of a batch: a message, or f.
type job struct {
	state atomic.Uint32
	done  chan struct{} // closed when the fields below are final

	draft *sending
	ctx   context.Context // of f's caller
	f     func(tx *sql.Tx) error
	marks bool // f touches read and delivery marks alone

	err      error
	panicked any
}

// States of a job: a caller who gives up withdraws what is still waiting, and
// the writer begins what nobody has withdrawn.
const (
	waiting uint32 = iota
	begun
	withdrawn
)

// start begins to write.
func (s *Store) start() {
	s.writer = &writer{queue: make(chan *job, maxQueue), ended: make(chan struct{}), timer: time.NewTimer(time.Hour), convs: newOpened(), most: maxBatch}
	if s.engine == postgres {
		s.writer.most = pgBatch
	}
	go s.run()
}

// stop takes no more writes, and waits for those that were taken.
func (s *Store) stop() {
	w := s.writer
	if w == nil {
		return
	}
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		close(w.queue)
	}
	w.mu.Unlock()
	<-w.ended
}

// submit puts a job into the queue and waits until it is written. When ctx ends
// first, the job is withdrawn if nobody has begun it. If somebody has, a message
// is left to its fate, which its client_id tells later, and f is waited for, as it
// shares its variables with the caller.
func (w *writer) submit(ctx context.Context, j *job) error {
	if err := w.put(j); err != nil {
		return err
	}
	select {
	case <-j.done:
		return j.result()
	case <-ctx.Done():
	}
	if j.state.CompareAndSwap(waiting, withdrawn) {
		return gaveUp(ctx)
	}
	if j.draft != nil {
		return gaveUp(ctx)
	}
	<-j.done
	return j.result()
}

func (w *writer) put(j *job) error {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		return codec.Errorf(codec.CodeUnavailable, "the server is shutting down")
	}
	if w.down.Load() {
		return unavailable(errDown)
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

// result is what the caller gets; a panic of f goes on where f came from.
func (j *job) result() error {
	if j.panicked != nil {
		panic(j.panicked)
	}
	return j.err
}

func gaveUp(ctx context.Context) error {
	e := codec.Errorf(codec.CodeUnavailable, "the time for this request is over: it may or may not have been stored")
	e.Cause = context.Cause(ctx)
	return e
}

// run commits batches until the queue is closed and empty.
func (s *Store) run() {
	w := s.writer
	defer close(w.ended)
	defer w.timer.Stop()
	batch := make([]*job, 0, maxBatch)
	for {
		first, ok := <-w.queue
		if !ok {
			w.dropConn()
			return
		}
		batch = w.gather(append(batch[:0], first))
		if len(batch) == 0 {
			continue
		}
		began := time.Now()
		s.commit(batch)
		w.last, w.took = len(batch), time.Since(began)
		clear(batch) // what was answered can be collected
		if w.down.Load() {
			s.outage()
		}
	}
}

// gather adds what else is waiting. Those whom the last commit answered are about
// to come with their next: for as many as there were it waits a moment, short
// beside the commit, as without it they would fall into two batches by turns. Who
// is alone never waits. Withdrawn jobs are left out.
func (w *writer) gather(batch []*job) []*job {
	taken := batch[:0]
	take := func(j *job) {
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

// commit writes a batch and answers all of it. When one job's content is what
// the database refuses, the others are not to suffer: each is then tried alone.
func (s *Store) commit(batch []*job) {
	err := s.commitTogether(batch)
	switch {
	case err == nil:
		s.recovered()
	case len(batch) > 1 && s.isRefusal(err):
		for _, j := range batch {
			s.commit([]*job{j})
		}
		return
	case s.isRefusal(err):
		s.log.Error("the database refuses a write", slog.Any("error", err))
		answer(batch, internal(err))
		return
	default:
		s.failed(err)
		answer(batch, unavailable(err))
		return
	}
	answer(batch, nil)
}

// answer ends jobs; those that have an error of their own keep it.
func answer(batch []*job, err error) {
	for _, j := range batch {
		if err != nil && j.panicked == nil {
			j.err = err
		}
		close(j.done)
	}
}

func (s *Store) commitTogether(batch []*job) error {
	if s.engine == postgres {
		return s.commitPostgres(batch)
	}
	return s.commitSQLite(batch)
}

// failed notes that a batch could not be written: once in the log, however many
// follow.
func (s *Store) failed(err error) {
	w := s.writer
	if !w.failing {
		w.failing = true
		s.log.Error("the database takes no writes; sends are answered 503", slog.Any("error", s.cure(err)))
	}
	w.down.Store(s.isOutage(err))
}

func (s *Store) recovered() {
	if w := s.writer; w.failing {
		w.failing = false
		s.log.Info("the database takes writes again")
	}
}

// outage answers what waits and asks the database until it can write again, or
// the store is closed.
func (s *Store) outage() {
	w := s.writer
	for {
		for waits := true; waits; {
			select {
			case j, ok := <-w.queue:
				if !ok {
					w.down.Store(false)
					return
				}
				if j.state.CompareAndSwap(waiting, begun) {
					answer([]*job{j}, unavailable(errDown))
				}
			default:
				waits = false
			}
		}
		if s.probe() == nil {
			w.down.Store(false)
			return
		}
		time.Sleep(probeEvery)
	}
}

// probe tells whether the database could write now.
func (s *Store) probe() error {
	ctx, cancel := context.WithTimeout(context.Background(), probeWait)
	defer cancel()
	if s.engine == postgres {
		return s.writes.PingContext(ctx)
	}
	// On SQLite a transaction takes the file for writing when it begins.
	tx, err := s.writes.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		return err
	}
	return tx.Rollback()
}

// write runs f in a transaction and commits it; an error of f undoes what it did.
// One that is a *codec.Error comes back as it is; any other is the database's, see
// failure. f is called at most once. It uses tx alone, and nothing else of the
// store: on SQLite it shares a commit with others, who wait for it.
func (s *Store) write(ctx context.Context, f func(tx *sql.Tx) error) error {
	if s.engine == sqlite {
		return s.writer.submit(ctx, &job{ctx: ctx, f: f, done: make(chan struct{})})
	}
	return s.transact(ctx, f)
}

// writeMarks is write for an f that moves marks and nothing else: there are many
// of these, and they change nothing that the writer remembers.
func (s *Store) writeMarks(ctx context.Context, f func(tx *sql.Tx) error) error {
	if s.engine == sqlite {
		return s.writer.submit(ctx, &job{ctx: ctx, f: f, marks: true, done: make(chan struct{})})
	}
	return s.transact(ctx, f)
}

// call runs a job's f, whose panic is its caller's.
func (j *job) call(tx *sql.Tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			// The stack is the one that somebody will want to see.
			j.panicked = fmt.Sprintf("%v\n\n%s", p, debug.Stack())
			err = errors.New("panic")
		}
	}()
	return j.f(tx)
}
