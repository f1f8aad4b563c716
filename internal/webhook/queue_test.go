package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pushd/internal/codec"
	"pushd/internal/metrics"
	"pushd/internal/testwait"
	"pushd/internal/webhook"
)

type work func(ctx context.Context, id string, batch []string) error

func newQueue(t *testing.T, o webhook.QueueOptions, do work) (*webhook.Queue[string], *metrics.Metrics) {
	t.Helper()
	m := metrics.New(1)
	q := webhook.NewQueue("test", do, o, m, nil)
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = q.Shutdown(ctx) // cut short: the test is over
	})
	return q, m
}

var errAgain = &webhook.CallError{Outcome: webhook.OutcomeStatus, Status: 500, Retry: true}

func TestOrderOfEachKey(t *testing.T) {
	for _, size := range []int{1, 7} {
		t.Run(fmt.Sprintf("batches of %d", size), func(t *testing.T) {
			var mu sync.Mutex
			got := map[string][]string{}
			var tries atomic.Int32
			q, _ := newQueue(t, webhook.QueueOptions{Workers: 8, Batch: size}, func(_ context.Context, _ string, batch []string) error {
				if len(batch) > size {
					t.Errorf("a batch of %d", len(batch))
				}
				if tries.Add(1)%10 == 3 {
					return errAgain
				}
				mu.Lock()
				defer mu.Unlock()
				for _, v := range batch {
					key, n, _ := strings.Cut(v, " ")
					got[key] = append(got[key], n)
				}
				return nil
			})
			want := map[string][]string{}
			for n := range 60 {
				for _, key := range []string{"a", "b", "c"} {
					if !q.Post(key, 1, fmt.Sprintf("%s %d", key, n)) {
						t.Fatal("dropped")
					}
					want[key] = append(want[key], fmt.Sprint(n))
				}
			}
			testwait.Equal(t, "the length of the queue", 0, q.Len)
			for key := range want {
				if !slices.Equal(got[key], want[key]) {
					t.Errorf("%s: %v", key, got[key])
				}
			}
		})
	}
}

func TestOneSlowKeyHoldsUpNoOther(t *testing.T) {
	hold := make(chan struct{})
	var done atomic.Int32
	q, _ := newQueue(t, webhook.QueueOptions{Workers: 2}, func(_ context.Context, _ string, batch []string) error {
		if batch[0] == "slow" {
			<-hold
		}
		done.Add(1)
		return nil
	})
	q.Post("a", 1, "slow")
	for range 50 {
		q.Post("b", 1, "quick")
	}
	testwait.Equal(t, "what is done", 50, done.Load)
	close(hold)
	testwait.Equal(t, "what is done", 51, done.Load)
}

func TestQueueIsBounded(t *testing.T) {
	hold := make(chan struct{})
	defer close(hold)
	var told atomic.Int32
	o := webhook.QueueOptions{Workers: 1, Items: 5, Bytes: 100, Dropped: func(n int, reason string) {
		if reason == webhook.DropFull {
			told.Add(int32(n))
		}
	}}
	q, m := newQueue(t, o, func(ctx context.Context, _ string, _ []string) error {
		select {
		case <-hold:
		case <-ctx.Done():
		}
		return nil
	})
	if q.Post("", 101, "too much") {
		t.Error("took more bytes than it may")
	}
	for i := range 7 {
		if took := q.Post("", 1, "x"); took != (i < 5) {
			t.Errorf("item %d: took is %v", i, took)
		}
	}
	wantMetric(t, m, `pushd_webhook_dropped_total{endpoint="test",reason="queue_full"} 3`)
	wantMetric(t, m, `pushd_webhook_queue_length{endpoint="test"} 5`)
	if told.Load() != 3 {
		t.Errorf("told of %d", told.Load())
	}
}

func TestWhatIsTriedAgain(t *testing.T) {
	for _, c := range []struct {
		name  string
		err   error
		tries int32
		drop  string
	}{
		{"a failure that says so", errAgain, 2, ""},
		{"an answer that is temporary", codec.Errorf(codec.CodeUnavailable, "full"), 2, ""},
		{"a refusal", &webhook.CallError{Outcome: webhook.OutcomeRefused, Status: 400}, 1, webhook.DropRefused},
		{"an answer that stays", codec.Errorf(codec.CodeForbidden, "no"), 1, webhook.DropRefused},
		{"anything else", errors.New("?"), 1, webhook.DropRefused},
	} {
		t.Run(c.name, func(t *testing.T) {
			var tries atomic.Int32
			var ids sync.Map
			q, m := newQueue(t, webhook.QueueOptions{}, func(_ context.Context, id string, _ []string) error {
				ids.Store(id, true)
				if tries.Add(1) == 1 {
					return c.err
				}
				return nil
			})
			q.Post("k", 1, "x")
			testwait.Equal(t, "the length of the queue", 0, q.Len)
			if tries.Load() != c.tries {
				t.Errorf("%d tries, want %d", tries.Load(), c.tries)
			}
			n := 0
			ids.Range(func(any, any) bool { n++; return true })
			if n != 1 {
				t.Errorf("%d ids", n)
			}
			if c.drop != "" {
				wantMetric(t, m, `pushd_webhook_dropped_total{endpoint="test",reason="`+c.drop+`"} 1`)
			}
		})
	}
}

func TestPanicIsSurvived(t *testing.T) {
	var tries atomic.Int32
	q, m := newQueue(t, webhook.QueueOptions{Workers: 1}, func(context.Context, string, []string) error {
		if tries.Add(1) == 1 {
			panic("boom")
		}
		return nil
	})
	q.Post("k", 1, "x")
	q.Post("k", 1, "y")
	testwait.Equal(t, "the length of the queue", 0, q.Len)
	if tries.Load() != 2 {
		t.Errorf("%d tries", tries.Load())
	}
	wantMetric(t, m, `pushd_faults_total{kind="panic"} 1`)
}

func TestGivenUpWhenItsTimeIsOver(t *testing.T) {
	q, m := newQueue(t, webhook.QueueOptions{RetryFor: 50 * time.Millisecond}, func(context.Context, string, []string) error { return errAgain })
	q.Post("k", 1, "x")
	q.Post("k", 1, "y")
	testwait.Equal(t, "the length of the queue", 0, q.Len)
	wantMetric(t, m, `pushd_webhook_dropped_total{endpoint="test",reason="expired"} 2`)
}

func TestDeadBackendIsLeftAlone(t *testing.T) {
	var down atomic.Bool
	var calls, done atomic.Int32
	down.Store(true)
	url := backend(t, func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		if down.Load() {
			w.WriteHeader(503)
			return
		}
		done.Add(1)
	})
	c, _, _ := newClient(t, webhook.Options{URL: url})
	q, m := newQueue(t, webhook.QueueOptions{Workers: 4}, func(ctx context.Context, id string, _ []string) error {
		_, err := c.Call(ctx, id, []byte(`{}`))
		return err
	})
	for i := range 500 {
		q.Post(fmt.Sprint(i), 1, "x")
	}
	testwait.Until(t, "five calls", calls.Load, func(n int32) bool { return n >= 5 })
	time.Sleep(100 * time.Millisecond) // whatever goes on while the breaker is open
	if n := calls.Load(); n > 20 {
		t.Errorf("%d calls reached a backend that is down", n)
	}
	down.Store(false)
	testwait.Equal(t, "the length of the queue", 0, q.Len)
	if done.Load() != 500 {
		t.Errorf("%d of 500 told", done.Load())
	}
	wantMetric(t, m, `pushd_webhook_queue_length{endpoint="test"} 0`)
}

func TestShutdownGivesALastTry(t *testing.T) {
	var tries atomic.Int32
	q, m := newQueue(t, webhook.QueueOptions{}, func(context.Context, string, []string) error {
		tries.Add(1)
		return &webhook.CallError{Outcome: webhook.OutcomeStatus, Retry: true, After: time.Minute}
	})
	q.Post("a", 1, "x")
	q.Post("a", 1, "y")
	testwait.Equal(t, "the number of tries", 1, tries.Load)
	if err := q.Shutdown(soon(t)); err != nil {
		t.Error(err)
	}
	if tries.Load() != 3 || q.Len() != 0 {
		t.Errorf("%d tries, %d left", tries.Load(), q.Len())
	}
	if q.Post("a", 1, "z") {
		t.Error("took something after the end")
	}
	wantMetric(t, m, `pushd_webhook_dropped_total{endpoint="test",reason="stopped"} 3`)
}

func TestShutdownDoesNotWaitForever(t *testing.T) {
	q, _ := newQueue(t, webhook.QueueOptions{Workers: 1}, func(ctx context.Context, _ string, _ []string) error {
		<-ctx.Done()
		return &webhook.CallError{Outcome: webhook.OutcomeCanceled, Retry: true}
	})
	for range 10 {
		q.Post("", 1, "x")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := q.Shutdown(ctx); err == nil || !strings.Contains(err.Error(), "10 were not told") {
		t.Errorf("got %v", err)
	}
	if q.Len() != 0 {
		t.Errorf("%d left", q.Len())
	}
}
