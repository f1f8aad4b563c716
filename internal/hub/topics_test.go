package hub_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"pushd/internal/hub"
)

func TestSubscribe(t *testing.T) {
	s := newSteps(2)
	h := newHub(t, s, hub.Options{MaxTopics: 3, MaxTopicsPerSession: 2})
	a, b := login(t, h, "ann", 1, 0), login(t, h, "bob", 1, 1)
	for name, tc := range map[string]struct {
		topic string
		want  error
	}{
		"no name":  {"", hub.ErrTopicName},
		"too long": {strings.Repeat("x", hub.MaxTopicName+1), hub.ErrTopicName},
	} {
		if err := h.Subscribe(&a.Session, tc.topic); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := h.Subscribe(&newClient("cyd", 1, 0).Session, "x"); !errors.Is(err, hub.ErrNotLive) {
		t.Errorf("before login: %v", err)
	}
	long := strings.Repeat("x", hub.MaxTopicName)
	subscribe(t, h, a, long, "two", "two")
	if err := h.Subscribe(&a.Session, "three"); !errors.Is(err, hub.ErrSessionTopics) {
		t.Errorf("third topic of two: %v", err)
	}
	subscribe(t, h, b, "two", "three")
	c := login(t, h, "cyd", 1, 1)
	if err := h.Subscribe(&c.Session, "four"); !errors.Is(err, hub.ErrTopicsFull) {
		t.Errorf("fourth topic of three: %v", err)
	}
	if got := h.Topics(&c.Session); got != nil {
		t.Errorf("a refused subscription left %q", got)
	}
	if n := h.Subscribers("two"); n != 2 {
		t.Errorf("two has %d subscribers", n)
	}
	mustBeConsistent(t, h, s)

	if !h.Unsubscribe(&a.Session, long) || h.Unsubscribe(&a.Session, long) {
		t.Error("Unsubscribe reports whether there was anything to do")
	}
	if got := h.Topics(&a.Session); !slices.Equal(got, []string{"two"}) {
		t.Errorf("ann is in %q", got)
	}
	subscribe(t, h, c, "four")
	h.Remove(&b.Session)
	if h.Subscribers("three") != 0 || h.Subscribers("two") != 1 || h.Stats().Topics != 2 {
		t.Errorf("after bob left: three %d, two %d, %d topics", h.Subscribers("three"), h.Subscribers("two"), h.Stats().Topics)
	}
	mustBeConsistent(t, h, s)
	h.Remove(&a.Session)
	h.Unsubscribe(&c.Session, "four")
	if n := h.Stats().Topics; n != 0 {
		t.Errorf("%d topics without members", n)
	}
	mustBeConsistent(t, h, s)
}

// Who subscribes after a publish that still waits does not get it, even when the
// topic ended and began again in between.
func TestTopicBeginsAgain(t *testing.T) {
	s := newSteps(1)
	h := newHub(t, s, hub.Options{})
	a, b := login(t, h, "ann", 1, 0), login(t, h, "bob", 1, 0)
	subscribe(t, h, a, "news")
	deliver(t, h, hub.Target{Topics: []string{"news"}}, "old")
	h.Unsubscribe(&a.Session, "news")
	subscribe(t, h, b, "news")
	deliver(t, h, hub.Target{Topics: []string{"news"}}, "new")
	s.settle()
	wantGot(t, a)
	wantGot(t, b, "new")
	mustBeConsistent(t, h, s)
}

func TestAllOnline(t *testing.T) {
	h := newHub(t, newSteps(1), hub.Options{})
	for _, u := range []string{"bob", "ann"} {
		login(t, h, u, 1, 0)
		login(t, h, u, 2, 0)
	}
	if all, err := h.AllOnline(2); err != nil || !slices.Equal(all, []string{"ann", "bob"}) {
		t.Errorf("online are %q, %v", all, err)
	}
	if _, err := h.AllOnline(1); !errors.Is(err, hub.ErrTooManyOnline) {
		t.Errorf("more than one online: %v", err)
	}
}

// What outlives a request must not be part of the request's buffer.
func TestNamesAreCopied(t *testing.T) {
	h := newHub(t, newSteps(1), hub.Options{})
	c := login(t, h, "ann", 1, 0)
	buffer := []byte("name")
	name := unsafe.String(&buffer[0], len(buffer))
	subscribe(t, h, c, name)
	app := h.Intern(name)
	copy(buffer, "xxxx")
	if h.Subscribers("name") != 1 ||
		h.AppName(app) != "name" || h.Intern("name") != app || h.Topics(&c.Session)[0] != "name" {
		t.Errorf("%d subscribers; app %q", h.Subscribers("name"), h.AppName(app))
	}
}

func TestIntern(t *testing.T) {
	h := newHub(t, newSteps(1), hub.Options{MaxApps: 2})
	a, b := h.Intern("shop"), h.Intern("game")
	for name, tc := range map[string]struct{ got, want any }{
		"none":          {h.Intern(""), uint16(0)},
		"known":         {h.Intern("shop"), a},
		"over bound":    {h.Intern("third"), uint16(0)},
		"too long":      {h.Intern(strings.Repeat("x", 65)), uint16(0)},
		"name":          {h.AppName(b), "game"},
		"nameless":      {h.AppName(0), ""},
		"unknown":       {h.AppName(9), ""},
		"two are apart": {a != b && a != 0 && b != 0, true},
	} {
		if tc.got != tc.want {
			t.Errorf("%s: %v, want %v", name, tc.got, tc.want)
		}
	}
}
