package hub_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pushd/internal/hub"
)

func everyTopic(string) bool { return true }

func TestTopicChanges(t *testing.T) {
	now := time.Unix(1000, 0)
	s := newSteps(2)
	h := newHub(t, s, hub.Options{Roster: everyTopic, Now: func() time.Time { return now }})
	want := func(topic string, joined, left []string, users, sessions int) {
		t.Helper()
		all := h.TopicChanges()
		if topic == "" {
			if len(all) > 0 {
				t.Errorf("changes %+v", all)
			}
			return
		}
		if len(all) != 1 || all[0].Topic != topic || !slices.Equal(all[0].Joined, joined) || !slices.Equal(all[0].Left, left) ||
			all[0].Users != users || all[0].Sessions != sessions || all[0].More {
			t.Errorf("changes %+v", all)
		}
	}
	want("", nil, nil, 0, 0)
	a, phone, b := login(t, h, "ann", 1, 0), login(t, h, "ann", 2, 1), login(t, h, "bob", 1, 1)
	subscribe(t, h, b, "room")
	subscribe(t, h, a, "room")
	want("room", []string{"ann", "bob"}, nil, 2, 2)
	subscribe(t, h, phone, "room") // a second session of one user is not news
	h.Unsubscribe(&a.Session, "room")
	want("", nil, nil, 0, 0)
	h.Remove(&phone.Session)
	want("room", nil, []string{"ann"}, 1, 1)
	subscribe(t, h, a, "room")
	h.Unsubscribe(&a.Session, "room")
	want("", nil, nil, 0, 0)
	h.Unsubscribe(&b.Session, "room") // nobody is left to tell
	want("", nil, nil, 0, 0)
	subscribe(t, h, b, "room")
	want("room", []string{"bob"}, nil, 1, 1)
	subscribe(t, h, b, "$own") // who is in the server's own topics is not told
	want("", nil, nil, 0, 0)
	mustBeConsistent(t, h, s)
}

func TestTopicChangesAreBounded(t *testing.T) {
	now := time.Unix(1000, 0)
	s := newSteps(1)
	h := newHub(t, s, hub.Options{Roster: everyTopic, Now: func() time.Time { return now }})
	all := crowd(t, h, 45_000)
	for _, c := range all {
		if err := h.Subscribe(&c.Session, "room"); err != nil {
			t.Fatal(err)
		}
	}
	got := h.TopicChanges()
	if len(got) != 1 || !got[0].More || len(got[0].Joined) > 0 || got[0].Users != 45_000 {
		t.Fatalf("%+v", got)
	}
	// 45,000 sessions are told every two seconds.
	h.Remove(&all[7].Session)
	now = now.Add(1900 * time.Millisecond)
	if got := h.TopicChanges(); len(got) > 0 {
		t.Errorf("too early: %+v", got)
	}
	now = now.Add(100 * time.Millisecond)
	if got := h.TopicChanges(); len(got) != 1 || !slices.Equal(got[0].Left, []string{"user-7"}) || got[0].More {
		t.Errorf("in time: %+v", got)
	}
	mustBeConsistent(t, h, s)
}

func TestRosterPages(t *testing.T) {
	s := newSteps(2)
	h := newHub(t, s, hub.Options{Roster: everyTopic})
	if p, err := h.Roster("room", 10, ""); err != nil || p.Count != 0 || p.Next != "" {
		t.Errorf("nobody: %+v, %v", p, err)
	}
	if _, err := h.Roster("room", 10, "x"); !errors.Is(err, hub.ErrCursor) {
		t.Errorf("bad cursor: %v", err)
	}
	all := crowd(t, h, 1000)
	for _, c := range all {
		if err := h.Subscribe(&c.Session, "room"); err != nil {
			t.Fatal(err)
		}
	}
	second := login(t, h, "user-3", 2, 1)
	subscribe(t, h, second, "room")
	seen := map[string]uint64{}
	for cursor, more := "", true; more; more = cursor != "" {
		p, err := h.Roster("room", 37, cursor)
		if err != nil || p.Count != 1000 || p.Sessions != 1001 || len(p.Users) > 37 {
			t.Fatalf("%d users, %d of %d in %d: %v", len(p.Users), len(seen), p.Count, p.Sessions, err)
		}
		for _, u := range p.Users {
			if seen[u.User] != 0 {
				t.Errorf("%s twice", u.User)
			}
			seen[u.User] = u.Platforms
		}
		cursor = p.Next
	}
	if len(seen) != 1000 || seen["user-3"] != 0b110 || seen["user-4"] != 0b10 {
		t.Errorf("%d users; user-3 on %b, user-4 on %b", len(seen), seen["user-3"], seen["user-4"])
	}
	for _, c := range all[:990] {
		h.Remove(&c.Session)
	}
	mustBeConsistent(t, h, s)
	if p, _ := h.Roster("room", 100, ""); len(p.Users) != 11 || p.Next != "" {
		t.Errorf("%d are left", len(p.Users))
	}
}

// Users whose names have one hash are on one page, and never lost.
func TestRosterWithCollisions(t *testing.T) {
	s := newSteps(1)
	h := newHub(t, s, hub.Options{Roster: everyTopic})
	h.Collide()
	for i := range 50 {
		subscribe(t, h, login(t, h, fmt.Sprint("u", i), 1, 0), "room")
	}
	if p, err := h.Roster("room", 5, ""); err != nil || len(p.Users) != 50 {
		t.Errorf("%d users, %v", len(p.Users), err)
	}
	mustBeConsistent(t, h, s)
}

func TestListTopics(t *testing.T) {
	s := newSteps(2)
	h := newHub(t, s, hub.Options{MaxTopicsPerSession: 1000, MaxTopicsPerUser: 1000})
	a, b := login(t, h, "ann", 1, 0), login(t, h, "bob", 1, 1)
	want := map[string]int{}
	for i := range 700 {
		name := fmt.Sprint("t", i)
		subscribe(t, h, a, name)
		want[name] = 1
	}
	subscribe(t, h, a, "$own")
	subscribe(t, h, b, "t7")
	want["t7"]++
	seen := map[string]int{}
	for cursor, more := "", true; more; more = cursor != "" {
		var page []hub.TopicCount
		page, cursor = h.ListTopics(33, cursor)
		if len(page) > 33 {
			t.Fatalf("a page of %d", len(page))
		}
		for _, c := range page {
			seen[c.Name] += c.Sessions
		}
	}
	if fmt.Sprint(seen) != fmt.Sprint(want) {
		t.Errorf("%d topics listed, %d there", len(seen), len(want))
	}
}

func TestTopicUsers(t *testing.T) {
	l := newThreads(t, 3)
	h := newHub(t, l, hub.Options{Slice: 8})
	for loop := range 3 {
		l.on(loop, func() {
			for i := range 40 {
				c := newClient(fmt.Sprintf("u%02d", i), uint8(1+loop), loop)
				if _, err := h.Add(&c.Session); err != nil {
					t.Error(err)
				}
				subscribe(t, h, c, "room")
			}
		})
	}
	users, err := h.TopicUsers(t.Context(), "room")
	if err != nil || len(users) != 40 {
		t.Fatalf("%d users, %v", len(users), err)
	}
	for i, u := range users {
		if u.User != fmt.Sprintf("u%02d", i) || u.Platforms != 0b1110 {
			t.Errorf("%+v at %d", u, i)
		}
	}
	if users, err := h.TopicUsers(t.Context(), "nobody"); err != nil || len(users) != 0 {
		t.Errorf("%v, %v", users, err)
	}
}

func TestTopicUsersEnds(t *testing.T) {
	s := newSteps(1) // nobody turns it
	h := newHub(t, s, hub.Options{})
	subscribe(t, h, login(t, h, "ann", 1, 0), "room")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.TopicUsers(ctx, "room"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	s.settle()
	s.setFull(0, true)
	if _, err := h.TopicUsers(t.Context(), "room"); !errors.Is(err, hub.ErrBusy) {
		t.Errorf("%v", err)
	}
}
