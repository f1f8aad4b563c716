package push_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jonboulle/clockwork"

	"pushd/internal/account"
	"pushd/internal/codec"
	"pushd/internal/delivery"
	"pushd/internal/push"
	"pushd/internal/push/pushtest"
)

func keyed(key, msg string) push.PushRequest {
	return push.PushRequest{Users: []string{"alice"}, Message: message(msg), IdempotencyKey: key}
}

func TestRetryGivesTheFirstReplyAndDeliversOnce(t *testing.T) {
	n := newNode()
	s := service(t, n, push.Options{})
	first := ok(s.Push(t.Context(), pusher, keyed("k", `{}`)))(t)
	again := ok(s.Push(t.Context(), pusher, keyed("k", `{}`)))(t)
	if first.ID != again.ID || len(again.Offline) != 1 || again.Offline[0] != "alice" {
		t.Errorf("first %+v, again %+v", first, again)
	}
	if got := len(n.sent()); got != 1 {
		t.Errorf("delivered %d times, want once", got)
	}
	other := account.Identity{Key: "another", Scopes: account.ScopePush}
	if rep := ok(s.Push(t.Context(), other, keyed("k", `{}`)))(t); rep.ID == first.ID {
		t.Error("an idempotency key is shared between API keys")
	}
	if rep := ok(s.Batch(t.Context(), pusher, push.BatchRequest{Items: []push.BatchItem{{PushRequest: keyed("k", `{}`)}}}))(t); rep.Results[0].PushReply == nil || rep.Results[0].ID != first.ID {
		t.Errorf("the same push in a batch: %+v", rep.Results[0])
	}
}

func TestSameKeyForAnotherPushIsAConflict(t *testing.T) {
	s := service(t, newNode(), push.Options{})
	ok(s.Push(t.Context(), pusher, keyed("k", `{}`)))(t)
	for name, r := range map[string]push.PushRequest{
		"message": keyed("k", `{"a":1}`),
		"users":   {Users: []string{"bob"}, Message: message(`{}`), IdempotencyKey: "k"},
		"ttl":     {Users: []string{"alice"}, Message: message(`{}`), IdempotencyKey: "k", TTL: 1},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.Push(t.Context(), pusher, r)
			wantCode(t, err, 409, "idempotency_key")
		})
	}
	_, err := s.Broadcast(t.Context(), pusher, push.BroadcastRequest{Message: message(`{}`), IdempotencyKey: "k"})
	wantCode(t, err, 409, "idempotency_key")
}

func TestTwoAtOnceDeliverOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode()
		release := make(chan struct{})
		n.Instead = func(context.Context, delivery.Target) (delivery.Receipt, error) {
			<-release
			return delivery.Receipt{Sessions: 1}, nil
		}
		s := service(t, n, push.Options{})
		ids := make([]string, 8)
		var wg sync.WaitGroup
		for i := range ids {
			wg.Go(func() {
				rep, err := s.Push(t.Context(), pusher, keyed("k", `{}`))
				if err != nil {
					t.Error(err)
				}
				ids[i] = rep.ID
			})
		}
		synctest.Wait() // one delivers, the others wait for it
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.Push(ctx, pusher, keyed("k", `{}`)); codec.AsError(err).Code != 503 {
			t.Errorf("one that gave up waiting got %v", err)
		}
		close(release)
		wg.Wait()
		for _, id := range ids {
			if id == "" || id != ids[0] {
				t.Errorf("ids %v", ids)
				break
			}
		}
		if got := len(n.sent()); got != 1 {
			t.Errorf("delivered %d times, want once", got)
		}
	})
}

func TestAFailureIsForgotten(t *testing.T) {
	n := newNode()
	n.Instead = func(context.Context, delivery.Target) (delivery.Receipt, error) {
		return delivery.Receipt{}, codec.Errorf(codec.CodeUnavailable, "mailbox full")
	}
	s := service(t, n, push.Options{})
	_, err := s.Push(t.Context(), pusher, keyed("k", `{}`))
	wantCode(t, err, 503, "mailbox full")
	n.Instead = nil
	ok(s.Push(t.Context(), pusher, keyed("k", `{}`)))(t)
	if got := len(n.sent()); got != 1 {
		t.Errorf("delivered %d times, want once", got)
	}
}

func TestAPanicLeavesNobodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode()
		release := make(chan struct{})
		n.Instead = func(context.Context, delivery.Target) (delivery.Receipt, error) { <-release; panic("boom") }
		s := service(t, n, push.Options{})
		go func() {
			defer func() { _ = recover() }()
			_, _ = s.Push(t.Context(), pusher, keyed("k", `{}`))
		}()
		synctest.Wait()
		failed := make(chan error)
		go func() {
			_, err := s.Push(t.Context(), pusher, keyed("k", `{}`))
			failed <- err
		}()
		synctest.Wait()
		close(release)
		if err := <-failed; err == nil || codec.AsError(err).Code != 500 {
			t.Errorf("the one that waited got %v", err)
		}
	})
}

func TestAKeyIsForgottenAfterItsWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode()
		s := service(t, n, push.Options{})
		first := ok(s.Push(t.Context(), pusher, keyed("k", `{}`)))(t)
		time.Sleep(10*time.Minute - time.Nanosecond)
		if rep := ok(s.Push(t.Context(), pusher, keyed("k", `{}`)))(t); rep.ID != first.ID {
			t.Error("forgotten within the window")
		}
		time.Sleep(time.Nanosecond)
		if rep := ok(s.Push(t.Context(), pusher, keyed("k", `{}`)))(t); rep.ID == first.ID {
			t.Error("remembered after the window")
		}
		if n.drops(push.DropIdempotency) != 0 {
			t.Error("counted as dropped")
		}
	})
}

func TestKeysAreBounded(t *testing.T) {
	n := newNode()
	s := service(t, n, push.Options{IdempotencyKeys: 10})
	first := ok(s.Push(t.Context(), pusher, keyed("0", `{}`)))(t)
	for i := range 10 {
		ok(s.Push(t.Context(), pusher, keyed(fmt.Sprint(i+1), `{}`)))(t)
	}
	if n.drops(push.DropIdempotency) != 1 {
		t.Errorf("%d dropped, want 1", n.drops(push.DropIdempotency))
	}
	if rep := ok(s.Push(t.Context(), pusher, keyed("0", `{}`)))(t); rep.ID == first.ID {
		t.Error("the oldest is still remembered")
	}
	last := ok(s.Push(t.Context(), pusher, keyed("10", `{}`)))(t)
	if again := ok(s.Push(t.Context(), pusher, keyed("10", `{}`)))(t); again.ID != last.ID {
		t.Error("the newest is forgotten")
	}
}

func TestAnUnknownErrorReachesNobodyInside(t *testing.T) {
	n := newNode()
	boom := errors.New("boom")
	n.Instead = func(context.Context, delivery.Target) (delivery.Receipt, error) { return delivery.Receipt{}, boom }
	_, err := service(t, n, push.Options{}).Push(t.Context(), pusher, keyed("k", `{}`))
	if !errors.Is(err, boom) || codec.AsError(err).Msg != "internal error" {
		t.Errorf("error %v", err)
	}
}

// TestMemoryIdempotency holds the default to the contract.
func TestMemoryIdempotency(t *testing.T) {
	pushtest.Idempotency(t, func(*testing.T) pushtest.Subject {
		clock := clockwork.NewFakeClock()
		m := push.NewMemoryIdempotency(push.Options{Clock: clock, IdempotencyWindow: time.Minute})
		return pushtest.Subject{Idempotency: m, EndWindow: func() { clock.Advance(time.Minute) }}
	})
}

// broken is an Idempotency whose store fails, in what claim and end say.
type broken struct{ claim, end error }

func (b broken) Claim(context.Context, push.IdempotencyKey, push.Fingerprint) (push.Claim, *push.PushReply, error) {
	return push.Claim{}, nil, b.claim
}
func (b broken) Remember(context.Context, push.Claim, push.PushReply) error { return b.end }
func (b broken) Forget(context.Context, push.Claim, error) error            { return b.end }

func TestNothingIsPushedWithoutTheClaim(t *testing.T) {
	n := newNode()
	n.idempotency = broken{claim: codec.Errorf(codec.CodeUnavailable, "the database can't answer now")}
	_, err := service(t, n, push.Options{}).Push(t.Context(), pusher, keyed("k", `{}`))
	wantCode(t, err, 503, "database")
	if len(n.sent()) != 0 {
		t.Error("pushed")
	}
}

// What was pushed is answered as such, though a retry is not safe then.
func TestAPushIsAnsweredThoughItIsNotRemembered(t *testing.T) {
	n := newNode()
	n.idempotency = broken{end: errors.New("the database is gone")}
	var log bytes.Buffer
	s := service(t, n, push.Options{Log: logged(&log)})
	ok(s.Push(t.Context(), pusher, keyed("k", `{}`)))(t)
	n.Instead = func(context.Context, delivery.Target) (delivery.Receipt, error) {
		return delivery.Receipt{}, codec.Errorf(codec.CodeUnavailable, "mailbox full")
	}
	_, err := s.Push(t.Context(), pusher, keyed("k", `{}`))
	wantCode(t, err, 503, "mailbox full")
	if strings.Count(log.String(), `error="the database is gone"`) != 2 {
		t.Errorf("log:\n%s", &log)
	}
}

// claims counts what ends, and refuses a ctx that is done.
type claims struct {
	push.Idempotency
	ended int
}

func (c *claims) Remember(ctx context.Context, claim push.Claim, r push.PushReply) error {
	if ctx.Err() == nil {
		c.ended++
	}
	return c.Idempotency.Remember(ctx, claim, r)
}

func TestAClaimEndsThoughItsCallerIsGone(t *testing.T) {
	n := newNode()
	c := &claims{Idempotency: push.NewMemoryIdempotency(push.Options{})}
	n.idempotency = c
	ctx, cancel := context.WithCancel(t.Context())
	n.Instead = func(context.Context, delivery.Target) (delivery.Receipt, error) {
		cancel()
		return delivery.Receipt{Sessions: 1}, nil
	}
	ok(service(t, n, push.Options{}).Push(ctx, pusher, keyed("k", `{}`)))(t)
	if c.ended != 1 {
		t.Errorf("%d claims ended", c.ended)
	}
}

func TestThoseThatWaitGetTheFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode()
		release, calls := make(chan struct{}), 0
		n.Instead = func(context.Context, delivery.Target) (delivery.Receipt, error) {
			calls++
			<-release
			return delivery.Receipt{}, codec.Errorf(codec.CodeUnavailable, "mailbox full")
		}
		s := service(t, n, push.Options{})
		failed := make(chan error, 2)
		for range 2 {
			go func() { _, err := s.Push(t.Context(), pusher, keyed("k", `{}`)); failed <- err }()
		}
		synctest.Wait() // one delivers, the other waits for it
		close(release)
		for range 2 {
			wantCode(t, <-failed, 503, "mailbox full")
		}
		if calls != 1 {
			t.Errorf("delivered %d times, want once", calls)
		}
	})
}
