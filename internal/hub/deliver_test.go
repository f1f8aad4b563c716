package hub_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pushd/internal/hub"
)

// staff are the members of a group.
var staff = []string{"ann", "bob", "zoe"}

// town is a hub with ann (web, ios), bob (web), cyd (ios, in news and sport) and
// dee (web, in sport).
func town(t testing.TB) (*steps, *hub.Hub, map[string]*client) {
	s := newSteps(2)
	h := newHub(t, s, hub.Options{Roster: func(string) bool { return true }})
	c := map[string]*client{
		"ann.web": login(t, h, "ann", 1, 0),
		"ann.ios": login(t, h, "ann", 3, 1),
		"bob":     login(t, h, "bob", 1, 1),
		"cyd":     login(t, h, "cyd", 3, 0),
		"dee":     login(t, h, "dee", 1, 0),
	}
	subscribe(t, h, c["cyd"], "news", "sport")
	subscribe(t, h, c["dee"], "sport")
	return s, h, c
}

func TestTargets(t *testing.T) {
	const web, ios = uint64(1) << 1, uint64(1) << 3
	for name, tc := range map[string]struct {
		to      func(c map[string]*client) hub.Target
		reach   string // keys of town
		rec     hub.Receipt
		atLeast bool // the receipt's numbers are upper bounds
	}{
		"one user": {to: func(map[string]*client) hub.Target {
			return hub.Target{Users: []string{"ann"}}
		}, reach: "ann.ios ann.web", rec: hub.Receipt{Sessions: 2, Users: 1}},
		"users, one twice, one absent": {to: func(map[string]*client) hub.Target {
			return hub.Target{Users: []string{"zoe", "bob", "ann", "bob"}}
		}, reach: "ann.ios ann.web bob", rec: hub.Receipt{Sessions: 3, Users: 2, Offline: []string{"zoe"}}},
		"platform": {to: func(map[string]*client) hub.Target {
			return hub.Target{Users: []string{"bob", "ann"}, Filter: hub.Filter{Platforms: ios}}
		}, reach: "ann.ios", rec: hub.Receipt{Sessions: 1, Users: 1, Offline: []string{"bob"}}},
		"except": {to: func(c map[string]*client) hub.Target {
			return hub.Target{Users: []string{"ann"}, Filter: hub.Filter{Except: c["ann.web"].ID}}
		}, reach: "ann.ios", rec: hub.Receipt{Sessions: 1, Users: 1}},
		"group": {to: func(map[string]*client) hub.Target {
			return hub.Target{Members: staff}
		}, reach: "ann.ios ann.web bob", rec: hub.Receipt{Sessions: 3, Users: 2}},
		"group and one of its users": {to: func(map[string]*client) hub.Target {
			return hub.Target{Members: staff, Users: []string{"bob", "cyd", "zoe"}}
		}, reach: "ann.ios ann.web bob cyd", rec: hub.Receipt{Sessions: 4, Users: 3, Offline: []string{"zoe"}}},
		"members but one": {to: func(map[string]*client) hub.Target {
			return hub.Target{Members: staff, Without: []string{"ann", "cyd"}}
		}, reach: "bob", rec: hub.Receipt{Sessions: 1, Users: 1}},
		"users but one": {to: func(map[string]*client) hub.Target {
			return hub.Target{Users: []string{"ann", "bob"}, Without: []string{"ann"}}
		}, reach: "bob", rec: hub.Receipt{Sessions: 1, Users: 1}},
		"the one session of a user is left out": {to: func(c map[string]*client) hub.Target {
			return hub.Target{Users: []string{"bob", "dee"}, Filter: hub.Filter{Except: c["bob"].ID}}
		}, reach: "dee", rec: hub.Receipt{Sessions: 1, Users: 1}},
		"sessions, one twice, one unknown": {to: func(c map[string]*client) hub.Target {
			return hub.Target{Sessions: []uint64{c["ann.web"].ID, c["ann.ios"].ID, c["ann.web"].ID, 1}}
		}, reach: "ann.ios ann.web", rec: hub.Receipt{Sessions: 2, Users: 1}},
		"session of a named user": {to: func(c map[string]*client) hub.Target {
			return hub.Target{
				Sessions: []uint64{c["ann.web"].ID, c["dee"].ID, c["bob"].ID},
				Users:    []string{"ann"}, Members: staff,
			}
		}, reach: "ann.ios ann.web bob dee", rec: hub.Receipt{Sessions: 4, Users: 3}},
		"session with filter": {to: func(c map[string]*client) hub.Target {
			return hub.Target{
				Sessions: []uint64{c["ann.web"].ID, c["ann.ios"].ID, c["dee"].ID},
				Filter:   hub.Filter{Platforms: web, Except: c["dee"].ID},
			}
		}, reach: "ann.web", rec: hub.Receipt{Sessions: 1, Users: 1}},
		"topic": {to: func(map[string]*client) hub.Target {
			return hub.Target{Topics: []string{"sport"}}
		}, reach: "cyd dee", rec: hub.Receipt{Sessions: 2, Users: 2}},
		"no such topic": {to: func(map[string]*client) hub.Target {
			return hub.Target{Topics: []string{"chess"}}
		}},
		"nobody": {to: func(map[string]*client) hub.Target { return hub.Target{} }},
		"topics that overlap": {to: func(map[string]*client) hub.Target {
			return hub.Target{Topics: []string{"sport", "news", "sport"}}
		}, reach: "cyd dee", rec: hub.Receipt{Sessions: 2, Users: 2}, atLeast: true},
		"topic and one of its users": {to: func(map[string]*client) hub.Target {
			return hub.Target{Topics: []string{"sport"}, Users: []string{"cyd", "bob"}}
		}, reach: "bob cyd dee", rec: hub.Receipt{Sessions: 3, Users: 3}, atLeast: true},
		"topic with filter": {to: func(map[string]*client) hub.Target {
			return hub.Target{Topics: []string{"sport"}, Filter: hub.Filter{Platforms: web}}
		}, reach: "dee", rec: hub.Receipt{Sessions: 1, Users: 1}, atLeast: true},
		"topics and except": {to: func(c map[string]*client) hub.Target {
			return hub.Target{Topics: []string{"sport", "news"}, Filter: hub.Filter{Except: c["cyd"].ID}}
		}, reach: "dee", rec: hub.Receipt{Sessions: 1, Users: 1}, atLeast: true},
		"everyone": {to: func(map[string]*client) hub.Target {
			return hub.Target{Everyone: true, Users: []string{"zoe"}}
		}, reach: "ann.ios ann.web bob cyd dee", rec: hub.Receipt{Sessions: 5, Users: 5}},
		"everyone on web but one": {to: func(c map[string]*client) hub.Target {
			return hub.Target{Everyone: true, Filter: hub.Filter{Platforms: web, Except: c["bob"].ID}}
		}, reach: "ann.web dee", rec: hub.Receipt{Sessions: 2, Users: 2}},
		"everyone, except one on another platform": {to: func(c map[string]*client) hub.Target {
			return hub.Target{Everyone: true, Filter: hub.Filter{Platforms: web, Except: c["cyd"].ID}}
		}, reach: "ann.web bob dee", rec: hub.Receipt{Sessions: 3, Users: 3}},
		"everyone on a platform nobody is on": {to: func(map[string]*client) hub.Target {
			return hub.Target{Everyone: true, Filter: hub.Filter{Platforms: 1 << 63}}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s, h, clients := town(t)
			rec := deliver(t, h, tc.to(clients), "x")
			s.settle()
			var reached []string
			for key, c := range clients {
				if len(c.got) > 0 {
					reached = append(reached, key)
				}
				if len(c.got) > 1 {
					t.Errorf("%s got it %d times", key, len(c.got))
				}
			}
			slices.Sort(reached)
			if got := strings.Join(reached, " "); got != tc.reach {
				t.Errorf("reached %q, want %q", got, tc.reach)
			}
			if tc.atLeast {
				if rec.Sessions < tc.rec.Sessions || !slices.Equal(rec.Offline, tc.rec.Offline) {
					t.Errorf("receipt %+v, want at least %+v", rec, tc.rec)
				}
			} else if fmt.Sprint(rec) != fmt.Sprint(tc.rec) {
				t.Errorf("receipt %+v, want %+v", rec, tc.rec)
			}
			mustBeConsistent(t, h, s)
		})
	}
}

// Users whose ids have the same hash are still told apart.
func TestCollidingHashes(t *testing.T) {
	s := newSteps(2)
	h := newHub(t, s, hub.Options{MaxPerUser: 2})
	h.Collide()
	var all []*client
	for i := range 5 {
		user := fmt.Sprint("u", i)
		all = append(all, login(t, h, user, 1, 0), login(t, h, user, 2, 1))
	}
	if c := h.Counts(); c.Users != 5 || c.Sessions != 10 {
		t.Errorf("counts %d users, %d sessions", c.Users, c.Sessions)
	}
	subscribe(t, h, all[0], "a", "b")
	deliver(t, h, hub.Target{Users: []string{"u3"}}, "x")
	deliver(t, h, hub.Target{Topics: []string{"b"}}, "y")
	users, next, err := h.OnlineUsers(0, 2, "")
	if err != nil || next == "" && len(users) != 5 || len(users) != 5 {
		t.Errorf("OnlineUsers: %v, %q, %v; one hash comes whole", users, next, err)
	}
	h.Remove(&all[4].Session)
	if m := h.UserPlatforms("u2"); m != 1<<2 {
		t.Errorf("UserPlatforms = %b", m)
	}
	s.settle()
	wantGot(t, all[0], "y")
	wantGot(t, all[6], "x")
	wantGot(t, all[7], "x")
	mustBeConsistent(t, h, s)
	for _, c := range all {
		h.Remove(&c.Session)
	}
	if c := h.Counts(); c.Users != 0 || c.Sessions != 0 {
		t.Errorf("counts at the end: %d users, %d sessions", c.Users, c.Sessions)
	}
	mustBeConsistent(t, h, s)
}
