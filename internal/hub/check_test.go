package hub_test

import (
	"context"
	"errors"
	"testing"

	"pushd/internal/hub"
)

func TestCheckFinds(t *testing.T) {
	for _, how := range []string{
		"users", "platform", "id", "chain", "position", "membership", "room", "member",
		"topics", "orphans", "dead", "subs", "no subs", "roster",
	} {
		s, h, c := town(t)
		mustBeConsistent(t, h, s)
		h.Miscount(how, &c["cyd"].Session)
		if err := checkSteps(h, s); err == nil {
			t.Errorf("Check does not notice wrong %s", how)
		}
	}
}

// A replaced session that its loop has not removed yet is no contradiction.
func TestCheckKnowsReplacedSessions(t *testing.T) {
	s := newSteps(2)
	h := newHub(t, s, hub.Options{})
	a := login(t, h, "ann", 1, 0)
	subscribe(t, h, a, "news")
	login(t, h, "ann", 1, 1)
	mustBeConsistent(t, h, s)
	h.Remove(&a.Session)
	mustBeConsistent(t, h, s)
}

func TestCheckEndsWithItsContext(t *testing.T) {
	s, h, _ := town(t) // nobody turns these loops
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Check(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Check: %v", err)
	}
	s.settle() // the loops find the check gone
	mustBeConsistent(t, h, s)
}

func TestNewRefuses(t *testing.T) {
	if _, err := hub.New(newSteps(0), hub.Options{}); err == nil {
		t.Error("a hub over no loops")
	}
}
