package commit_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"pushd/internal/codec"
	"pushd/internal/store/commit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	errRefused = errors.New("refused")
	errAway    = errors.New("away")
)

// database keeps what was committed. Work that starts with "bad" is refused, work that
// starts with "own" fails alone, and work that starts with "panic" panics.
type database struct {
	mu      sync.Mutex
	batches []string
	told    []string // what Committed was called with
	tries   int      // calls of Commit
	away    bool
	hold    chan struct{} // if not nil, each commit waits for a value
}

// Committed implements commit.Database.
func (d *database) Committed(work string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.told = append(d.told, work)
}

func (d *database) Commit(batch []*commit.Job[string]) error {
	if d.hold != nil {
		<-d.hold
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tries++
	if d.away {
		return errAway
	}
	var all []string
	for _, j := range batch {
		if err := j.Abandoned(); err != nil {
			j.Fail(err)
			continue
		}
		err := j.Run(func() error {
			switch {
			case strings.HasPrefix(j.Work, "panic"):
				panic("wrong")
			case strings.HasPrefix(j.Work, "own"):
				return errors.New("its own")
			}
			return nil
		})
		switch {
		case err != nil:
			j.Fail(err)
		case strings.HasPrefix(j.Work, "bad"):
			d.away = j.Work == "bad and last"
			return errRefused
		default:
			all = append(all, j.Work)
		}
	}
	d.batches = append(d.batches, strings.Join(all, " "))
	return nil
}

func (d *database) set(away bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.away = away
}

func (d *database) Probe(context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.away {
		return errAway
	}
	return nil
}

func (*database) Refuses(err error) bool  { return errors.Is(err, errRefused) }
func (*database) Outage(err error) bool   { return errors.Is(err, errAway) }
func (*database) Explain(err error) error { return errors.Join(errors.New("look outside"), err) }

// start makes a writer that ends with the test, and its log.
func start(t *testing.T, d *database) (*commit.Writer[string], *bytes.Buffer) {
	log := &bytes.Buffer{}
	w := commit.Start(d, 10, slog.New(slog.NewTextHandler(log, nil)))
	t.Cleanup(w.Stop)
	return w, log
}

func code(err error) int {
	if e := codec.AsError(err); e != nil {
		return e.Code
	}
	return 0
}

// together submits each work in a goroutine of its own, in this order, behind a first
// one that holds the writer up, and returns their errors.
func together(t *testing.T, d *database, w *commit.Writer[string], all ...string) []error {
	t.Helper()
	d.hold = make(chan struct{})
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	wg.Go(func() { _ = w.Submit(t.Context(), "first") })
	synctest.Wait()
	for i, work := range all {
		wg.Go(func() { errs[i] = w.Submit(t.Context(), work) })
		synctest.Wait()
	}
	close(d.hold)
	wg.Wait()
	return errs
}

func TestBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &database{}
		w, _ := start(t, d)
		errs := together(t, d, w, "a", "b", "own", "c", "d", "e", "f", "g", "h", "i", "j")
		for i, err := range errs {
			if (err != nil) != (i == 2) {
				t.Errorf("%d: %v", i, err)
			}
		}
		if got := strings.Join(d.batches, ", "); got != "first, a b c d e f g h i, j" {
			t.Errorf("batches %q", got)
		}
	})
}

func TestRefusedAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &database{}
		w, log := start(t, d)
		errs := together(t, d, w, "a", "bad", "own", "c")
		if errs[0] != nil || code(errs[1]) != codec.CodeInternal || errs[2] == nil || errs[3] != nil {
			t.Errorf("%v", errs)
		}
		if got := strings.Join(d.batches, ", "); got != "first, a, , c" {
			t.Errorf("batches %q", got)
		}
		if strings.Count(log.String(), "refuses a write") != 1 {
			t.Errorf("log: %s", log)
		}
	})
}

func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &database{away: true}
		w, log := start(t, d)
		err := w.Submit(t.Context(), "lost")
		if code(err) != codec.CodeUnavailable || !errors.Is(err, errAway) {
			t.Errorf("in an outage: %v", err)
		}
		synctest.Wait()
		if err := w.Submit(t.Context(), "lost too"); code(err) != codec.CodeUnavailable ||
			code(w.Available()) != codec.CodeUnavailable {
			t.Errorf("told at once: %v", err)
		}
		d.set(false)
		time.Sleep(time.Second)
		if err := errors.Join(w.Available(), w.Submit(t.Context(), "b")); err != nil {
			t.Errorf("afterwards: %v", err)
		}
		for _, line := range []string{"takes no writes", "look outside", "takes writes again"} {
			if strings.Count(log.String(), line) != 1 {
				t.Errorf("the log says %q not once: %s", line, log)
			}
		}
		d.set(true)
		_ = w.Submit(t.Context(), "lost again") // Stop ends also in an outage
	})
}

// When the database goes away between the refusal of a batch and the tries of each
// job alone, one job finds that out and not every one of them.
func TestOutageAmongTries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &database{}
		w, _ := start(t, d)
		for i, err := range together(t, d, w, "a", "bad and last", "b", "c", "d") {
			if code(err) != codec.CodeUnavailable {
				t.Errorf("%d: %v", i, err)
			}
		}
		if d.tries != 3 {
			t.Errorf("%d tries, want that of the first job, the batch and one more", d.tries)
		}
	})
}

func TestGivingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &database{hold: make(chan struct{})}
		w, _ := start(t, d)
		ctx, cancel := context.WithCancel(t.Context())
		results := make(chan error, 4)
		go func() { results <- w.Submit(ctx, "begun") }()
		synctest.Wait()
		go func() { results <- w.Submit(ctx, "waiting") }()
		go func() { results <- w.SubmitShared(ctx, "waiting too") }()
		synctest.Wait()
		cancel()
		for range 3 {
			if err := <-results; code(err) != codec.CodeUnavailable || !errors.Is(err, context.Canceled) {
				t.Errorf("gave up: %v", err)
			}
		}
		close(d.hold)
		synctest.Wait()
		if len(d.batches) != 1 {
			t.Errorf("batches %q: what was withdrawn is left out", d.batches)
		}
	})
}

// Work that shares variables with its caller is waited for once it was begun.
func TestSharedIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &database{hold: make(chan struct{})}
		w, _ := start(t, d)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- w.SubmitShared(ctx, "a") }()
		synctest.Wait()
		cancel()
		synctest.Wait()
		if len(done) > 0 {
			t.Error("its caller didn't wait")
		}
		close(d.hold)
		if err := <-done; code(err) != codec.CodeUnavailable {
			t.Errorf("abandoned when its turn came: %v", err)
		}
	})
}

func TestPanicIsTheCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := start(t, &database{})
		defer func() {
			if p, _ := recover().(string); !strings.Contains(p, "wrong") {
				t.Errorf("panicked %q", p)
			}
			if err := w.Submit(t.Context(), "a"); err != nil {
				t.Error("the writer went on:", err)
			}
		}()
		_ = w.SubmitShared(t.Context(), "panic")
	})
}

func TestFullQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &database{hold: make(chan struct{})}
		w, _ := start(t, d)
		var wg sync.WaitGroup
		submit := func() { wg.Go(func() { _ = w.Submit(t.Context(), "a") }) }
		submit()
		synctest.Wait()
		for range commit.MaxQueue {
			submit()
		}
		synctest.Wait()
		err := w.Submit(t.Context(), "one more")
		if e := codec.AsError(err); e == nil || e.Code != codec.CodeUnavailable || e.RetryAfter == 0 {
			t.Errorf("a full queue: %v", err)
		}
		close(d.hold)
		wg.Wait()
	})
}

func TestStopWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &database{hold: make(chan struct{})}
		w, _ := start(t, d)
		results := make(chan error, 5)
		for range cap(results) {
			go func() { results <- w.Submit(t.Context(), "a") }()
		}
		synctest.Wait()
		go w.Stop()
		synctest.Wait()
		if err := w.Submit(t.Context(), "late"); code(err) != codec.CodeUnavailable {
			t.Errorf("after Stop: %v", err)
		}
		close(d.hold)
		for range cap(results) {
			if err := <-results; err != nil {
				t.Errorf("taken before Stop: %v", err)
			}
		}
	})
}

// TestCommittedComesInOrder: what was written is told of in the order of the batch, and
// nothing else is.
func TestCommittedComesInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &database{}
		w, _ := start(t, d)
		together(t, d, w, "1", "own", "2", "3")
		if got := strings.Join(d.told, " "); got != "first 1 2 3" {
			t.Errorf("told of %q", got)
		}
	})
}
