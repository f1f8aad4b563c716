package gateway

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"pushd/internal/codec"
	"pushd/internal/poller"
)

// jobTimeout is how long a handler on a worker may take before its context ends.
const jobTimeout = 10 * time.Second

// job is one request that may block.
type job struct {
	session *Session
	request codec.Request // shares no memory with the frame it came in
	module  string
	action  string
	call    func(context.Context, *job) (any, error)
	// failed, when set, acts on an error instead of a reply; on the loop.
	failed func(error)
}

// workers is a fixed pool of goroutines behind a bounded queue. A connection
// has at most one job in it, because it reads nothing while that runs.
type workers struct {
	gateway *Gateway
	queue   chan *job
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu      sync.RWMutex
	stopped bool // guarded by mu: nothing enters the queue after it is closed
}

func startWorkers(g *Gateway, n, queue int) *workers {
	ctx, cancel := context.WithCancel(context.Background())
	w := &workers{gateway: g, queue: make(chan *job, queue), cancel: cancel}
	for range n {
		w.running.Go(func() { w.run(ctx) })
	}
	return w
}

func (w *workers) waiting() int { return len(w.queue) }

// put reports false when the queue is full or the workers are stopping.
func (w *workers) put(j *job) bool {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.stopped {
		return false
	}
	select {
	case w.queue <- j:
		return true
	default:
		return false
	}
}

// stop ends the workers once what is queued has been answered, or when ctx is
// done: a handler that ignores its context is not waited for.
func (w *workers) stop(ctx context.Context) error {
	w.mu.Lock()
	if !w.stopped {
		w.stopped = true
		close(w.queue)
	}
	w.mu.Unlock()
	w.cancel()
	done := make(chan struct{})
	go func() {
		w.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("requests under way: %w", ctx.Err())
	}
}

func (w *workers) run(ctx context.Context) {
	for j := range w.queue {
		reply, panicked, err := w.call(ctx, j)
		j.session.Loop().Complete(func() { j.finish(reply, panicked, err) })
	}
}

func (w *workers) call(ctx context.Context, j *job) (reply any, panicked bool, err error) {
	defer func() {
		if r := recover(); r != nil {
			panicked = true
			w.gateway.metrics.Fault("panic")
			w.gateway.log.Error("panic in a handler", slog.String("module", j.module), slog.String("action", j.action),
				slog.String("panic", fmt.Sprint(r)), slog.String("stack", string(debug.Stack())))
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, jobTimeout)
	defer cancel()
	reply, err = j.call(ctx, j)
	return reply, false, err
}

// finish answers on the session's loop and lets it read on.
func (j *job) finish(reply any, panicked bool, err error) {
	s := j.session
	if !s.Open() {
		return
	}
	switch {
	case panicked:
		s.Close(poller.CodeInternal, "internal error", poller.Panicked)
		return
	case err != nil && j.failed != nil:
		j.failed(err)
	default:
		s.answer(&j.request, j.module, j.action, reply, err)
	}
	s.Resume()
}

// offload gives a request to the workers; the connection reads no further until
// it is answered.
func (s *Session) offload(j *job) {
	if !s.gateway.workers.put(j) {
		s.gateway.metrics.Fault("workers_full")
		s.answer(&j.request, j.module, j.action, nil, codec.Errorf(codec.CodeUnavailable, "the server is busy"))
		return
	}
	s.Pause()
}
