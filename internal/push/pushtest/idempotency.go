package pushtest

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"testing"

	"pushd/internal/codec"
	"pushd/internal/push"
)

// Subject is an implementation that remembers nothing yet.
type Subject struct {
	push.Idempotency
	// EndWindow lets the window of all that is claimed until now pass.
	EndWindow func()
}

// Idempotency runs the contract on what open makes, with room for at least 10 keys.
func Idempotency(t *testing.T, open func(t *testing.T) Subject) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, s subject)
	}{
		{"a reply is remembered, whole", remembers},
		{"keys belong to their API key", keysApart},
		{"another fingerprint is a conflict", conflicts},
		{"a failure is forgotten", forgets},
		{"of many at once one has the claim", oneOfMany},
		{"waiting ends with ctx", waitingEnds},
		{"those that wait get the failure, or the claim", failureForWaiters},
		{"a key is forgotten after its window", windowEnds},
		{"a late end changes nothing for the next claim", lateEnd},
		{"nothing is retained", copies},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, subject{t, open(t)}) })
	}
}

var (
	key   = push.IdempotencyKey{APIKey: "backend", Key: "k"}
	one   = push.Fingerprint{1}
	other = push.Fingerprint{2}

	reply = push.PushReply{
		ID: "01J", Sessions: 2, Users: 1, Offline: []string{"alice", "bob"}, Held: 1,
		Topics: []push.TopicPosition{{Topic: "news", Position: push.Position{Offset: 7, Epoch: "e"}}},
	}
)

// subject is the Subject with what each test does with it.
type subject struct {
	t *testing.T
	Subject
}

// claim expects to have the claim.
func (s subject) claim(key push.IdempotencyKey, f push.Fingerprint) push.Claim {
	s.t.Helper()
	c, known, err := s.Claim(s.t.Context(), key, f)
	if err != nil || known != nil {
		s.t.Fatalf("claimed %v: reply %+v, error %v, want the claim", key, known, err)
	}
	if c.Key != key {
		s.t.Fatalf("the claim is of %v, want %v", c.Key, key)
	}
	return c
}

// known expects a reply that is remembered.
func (s subject) known(key push.IdempotencyKey, f push.Fingerprint, want push.PushReply) {
	s.t.Helper()
	_, known, err := s.Claim(s.t.Context(), key, f)
	if err != nil || known == nil || !reflect.DeepEqual(*known, want) {
		s.t.Errorf("claimed %v: reply %+v, error %v, want %+v", key, known, err, want)
	}
}

func (s subject) remember(c push.Claim, r push.PushReply) {
	s.t.Helper()
	if err := s.Remember(s.t.Context(), c, r); err != nil {
		s.t.Fatalf("remember: %v", err)
	}
}

func (s subject) forget(c push.Claim) {
	s.t.Helper()
	if err := s.Forget(s.t.Context(), c, errBusy); err != nil {
		s.t.Fatalf("forget: %v", err)
	}
}

var errBusy = codec.Errorf(codec.CodeUnavailable, "the loops are busy")

func remembers(_ *testing.T, s subject) {
	s.remember(s.claim(key, one), reply)
	s.known(key, one, reply)
	s.known(key, one, reply)
	least := push.IdempotencyKey{APIKey: "backend", Key: "least"}
	s.remember(s.claim(least, one), push.PushReply{ID: "02", Offline: []string{}})
	s.known(least, one, push.PushReply{ID: "02", Offline: []string{}})
}

func keysApart(_ *testing.T, s subject) {
	s.remember(s.claim(key, one), reply)
	s.remember(s.claim(push.IdempotencyKey{APIKey: "another", Key: "k"}, one), push.PushReply{ID: "02", Offline: []string{}})
	s.claim(push.IdempotencyKey{APIKey: "backend", Key: "K"}, one)
	s.claim(push.IdempotencyKey{APIKey: "backendk", Key: ""}, one)
	s.known(key, one, reply)
}

func conflicts(t *testing.T, s subject) {
	conflict := func(when string) {
		t.Helper()
		_, known, err := s.Claim(t.Context(), key, other)
		if known != nil || codec.AsError(err) == nil || codec.AsError(err).Code != codec.CodeConflict {
			t.Errorf("%s: reply %+v, error %v, want 409", when, known, err)
		}
	}
	c := s.claim(key, one)
	conflict("while the push goes out")
	s.remember(c, reply)
	conflict("after it")
	s.known(key, one, reply)
}

func forgets(_ *testing.T, s subject) {
	s.forget(s.claim(key, one))
	s.remember(s.claim(key, other), reply) // also for another push
	s.known(key, other, reply)
}

func oneOfMany(t *testing.T, s subject) {
	var all sync.WaitGroup
	var mu sync.Mutex
	claims := 0
	for range 8 {
		all.Go(func() {
			c, known, err := s.Claim(t.Context(), key, one)
			switch {
			case err != nil:
				t.Errorf("claimed by many: %v", err)
			case known == nil:
				mu.Lock()
				claims++
				mu.Unlock()
				s.remember(c, reply)
			case !reflect.DeepEqual(*known, reply):
				t.Errorf("reply %+v, want %+v", *known, reply)
			}
		})
	}
	all.Wait()
	if claims != 1 {
		t.Errorf("%d have the claim, want one", claims)
	}
}

func waitingEnds(t *testing.T, s subject) {
	c := s.claim(key, one)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, known, err := s.Claim(ctx, key, one); known != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("reply %+v, error %v, want one that wraps ctx's", known, err)
	}
	s.remember(c, reply) // which that did not disturb
	s.known(key, one, reply)
}

func failureForWaiters(t *testing.T, s subject) {
	c := s.claim(key, one)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			later, known, err := s.Claim(t.Context(), key, one)
			switch e := codec.AsError(err); {
			case known != nil:
				t.Errorf("reply %+v of a push that failed", *known)
			case err == nil: // it came after the failure
				s.forget(later)
			case e.Code != errBusy.Code || e.Msg != errBusy.Msg || e.Temporary != errBusy.Temporary:
				t.Errorf("error %v, want %v", err, errBusy)
			}
		})
	}
	s.forget(c)
	all.Wait()
	s.claim(key, one)
}

func windowEnds(_ *testing.T, s subject) {
	s.remember(s.claim(key, one), reply)
	abandoned := push.IdempotencyKey{APIKey: "backend", Key: "abandoned"}
	s.claim(abandoned, one)
	s.EndWindow()
	s.claim(key, other)
	s.claim(abandoned, other)
}

func lateEnd(_ *testing.T, s subject) {
	late, failed := s.claim(key, one), s.claim(push.IdempotencyKey{APIKey: "backend", Key: "failed"}, one)
	s.EndWindow()
	next, nextFailed := s.claim(key, one), s.claim(failed.Key, one)
	s.remember(late, push.PushReply{ID: "late", Offline: []string{}})
	s.forget(failed)
	s.remember(next, reply)
	s.remember(nextFailed, reply)
	s.known(key, one, reply)
	s.known(failed.Key, one, reply)
	s.forget(next) // ended before
	s.known(key, one, reply)
}

func copies(_ *testing.T, s subject) {
	r := push.PushReply{ID: "01", Offline: []string{"alice"}, Topics: []push.TopicPosition{{Topic: "news"}}}
	want := push.PushReply{ID: "01", Offline: []string{"alice"}, Topics: []push.TopicPosition{{Topic: "news"}}}
	s.remember(s.claim(key, one), r)
	r.Offline[0], r.Topics[0].Topic = "changed", "changed"
	s.known(key, one, want)
}
