package hub_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"pushd/internal/hub"
)

func TestPolicies(t *testing.T) {
	const web, ios = 1, 3
	type try struct {
		platform uint8
		replaces int
		err      error
	}
	for name, tc := range map[string]struct {
		opt   hub.Options
		tries []try
		stay  int
	}{
		"replace": {hub.Options{}, []try{{web, 0, nil}, {ios, 0, nil}, {web, 1, nil}, {web, 1, nil}}, 2},
		"refuse": {
			hub.Options{Policy: hub.PolicyRefuse},
			[]try{{web, 0, nil}, {web, 0, hub.ErrTaken}, {ios, 0, nil}},
			2,
		},
		"allow up to a number": {
			hub.Options{Policy: hub.PolicyAllow, MaxPerPlatform: 2},
			[]try{{web, 0, nil}, {web, 0, nil}, {web, 0, hub.ErrTaken}, {ios, 0, nil}},
			3,
		},
		"bound per user": {
			hub.Options{MaxPerUser: 2},
			[]try{{1, 0, nil}, {2, 0, nil}, {3, 0, hub.ErrTooMany}, {1, 1, nil}},
			2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSteps(2)
			h := newHub(t, s, tc.opt)
			for i, try := range tc.tries {
				c := newClient("ann", try.platform, i%2)
				replaced, err := h.Add(&c.Session)
				if !errors.Is(err, try.err) || len(replaced) != try.replaces {
					t.Fatalf("login %d: replaced %d, %v; want %d, %v", i, len(replaced), err, try.replaces, try.err)
				}
				if c.Live() != (err == nil) {
					t.Errorf("login %d: live is %v with error %v", i, c.Live(), err)
				}
				for _, e := range replaced {
					if !e.Session.Is(e.ID) {
						t.Error("a replaced session is removed by its loop, not by the other login")
					}
					h.Remove(e.Session)
				}
			}
			if c := h.Counts(); c.Sessions != tc.stay || c.Users != 1 {
				t.Errorf("counts are %d sessions, %d users, want %d, 1", c.Sessions, c.Users, tc.stay)
			}
			mustBeConsistent(t, h, s)
		})
	}
}

func TestAddRefusesWhatIsIncomplete(t *testing.T) {
	h := newHub(t, newSteps(1), hub.Options{})
	for name, spoil := range map[string]func(*client){
		"no user":          func(c *client) { c.User = "" },
		"no connection":    func(c *client) { c.Conn = nil },
		"platform too big": func(c *client) { c.Platform = hub.MaxPlatforms },
		"no such loop":     func(c *client) { c.Loop = 1 },
		"added twice": func(c *client) {
			if _, err := h.Add(&c.Session); err != nil {
				t.Fatal(err)
			}
		},
	} {
		c := newClient("ann", 1, 0)
		spoil(c)
		if _, err := h.Add(&c.Session); !errors.Is(err, hub.ErrSession) {
			t.Errorf("%s: %v, want ErrSession", name, err)
		}
	}
}

// A socket may log out and in again, as another user even. What was queued for
// the first login must not reach the second.
func TestSessionIsUsedAgain(t *testing.T) {
	s := newSteps(1)
	h := newHub(t, s, hub.Options{})
	c := login(t, h, "ann", 1, 0)
	first := c.ID
	subscribe(t, h, c, "news")
	deliver(t, h, hub.Target{Users: []string{"ann"}}, "for ann")
	deliver(t, h, hub.Target{Topics: []string{"news"}}, "news for ann")
	h.Remove(&c.Session)
	h.Remove(&c.Session)
	c.User = "bob"
	if _, err := h.Add(&c.Session); err != nil {
		t.Fatal(err)
	}
	s.settle()
	wantGot(t, c)
	if c.ID == first || c.Is(first) || !c.Is(c.ID) {
		t.Error("a new login must have a new id")
	}
	deliver(t, h, hub.Target{Users: []string{"bob", "ann"}}, "for bob")
	s.settle()
	wantGot(t, c, "for bob")
	mustBeConsistent(t, h, s)
}

func TestPresence(t *testing.T) {
	var seen []string
	opt := hub.Options{Presence: func(user string, platform uint8, online bool) {
		seen = append(seen, fmt.Sprintf("%s/%d %v", user, platform, online))
	}}
	want := func(what string, calls ...string) {
		t.Helper()
		if !slices.Equal(seen, calls) {
			t.Errorf("%s: presence %q, want %q", what, seen, calls)
		}
		seen = nil
	}
	h := newHub(t, newSteps(1), opt)
	a := login(t, h, "ann", 1, 0)
	want("first login", "ann/1 true")
	b := login(t, h, "ann", 1, 0)
	h.Remove(&a.Session)
	want("replaced")
	c := login(t, h, "ann", 2, 0)
	want("second platform", "ann/2 true")
	h.Remove(&b.Session)
	h.Remove(&c.Session)
	want("gone", "ann/1 false", "ann/2 false")

	opt.Policy = hub.PolicyAllow
	h = newHub(t, newSteps(1), opt)
	a, b = login(t, h, "ann", 1, 0), login(t, h, "ann", 1, 0)
	h.Remove(&a.Session)
	h.Remove(&b.Session)
	want("two on one platform", "ann/1 true", "ann/1 false")
}

// A hundred logins of one user on one platform at once leave exactly one.
func TestSimultaneousLogins(t *testing.T) {
	for name, policy := range map[string]hub.Policy{"replace": hub.PolicyReplace, "refuse": hub.PolicyRefuse} {
		t.Run(name, func(t *testing.T) {
			const loops, logins = 4, 100
			l := newThreads(t, loops)
			var mu sync.Mutex
			online := 0
			h := newHub(t, l, hub.Options{Policy: policy, Presence: func(_ string, _ uint8, on bool) {
				mu.Lock()
				defer mu.Unlock()
				if on {
					online++
				} else {
					online--
				}
			}})
			clients := make([]*client, logins)
			var done sync.WaitGroup
			told := make([]int, logins) // by replaced entries; each on its own loop
			for i := range clients {
				c := newClient("ann", 1, i%loops)
				clients[i] = c
				done.Add(1)
				l.Post(int(c.Loop), func() bool {
					defer done.Done()
					replaced, _ := h.Add(&c.Session)
					for _, e := range replaced {
						done.Add(1)
						l.Post(int(e.Loop), func() bool {
							defer done.Done()
							if e.Session.Is(e.ID) {
								told[slices.IndexFunc(clients, func(c *client) bool { return &c.Session == e.Session })]++
								h.Remove(e.Session)
							}
							return false
						})
					}
					return false
				})
			}
			done.Wait()
			live := 0
			for i, c := range clients {
				l.on(int(c.Loop), func() {
					if c.Live() {
						live++
					} else if policy == hub.PolicyReplace && told[i] != 1 {
						t.Errorf("loser %d was told %d times", i, told[i])
					}
				})
			}
			if live != 1 || online != 1 || h.Counts().Sessions != 1 {
				t.Errorf("%d live, presence says %d, counts say %d; want 1", live, online, h.Counts().Sessions)
			}
			if quiet, err := h.Check(context.Background()); err != nil || !quiet {
				t.Errorf("Check: %v, %v", quiet, err)
			}
		})
	}
}
