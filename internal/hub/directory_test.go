package hub_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"pushd/internal/hub"
)

func TestDirectory(t *testing.T) {
	s, h, c := town(t)
	counts := h.Counts()
	if counts.Sessions != 5 || counts.Users != 4 || counts.Platforms[1] != 3 || counts.Platforms[3] != 2 {
		t.Errorf("counts %+v", counts)
	}
	if m := h.UserPlatforms("ann"); m != 1<<1|1<<3 {
		t.Errorf("ann is on %b", m)
	}
	if m := h.UserPlatforms("zoe"); m != 0 {
		t.Errorf("zoe is on %b", m)
	}
	entries := h.UserSessions(nil, "ann")
	if len(entries) != 2 {
		t.Fatalf("ann has %d entries", len(entries))
	}
	for _, e := range entries {
		found, ok := h.Lookup(e.ID)
		if !ok || found != e || e.User != "ann" || !e.Session.Is(e.ID) {
			t.Errorf("entry %+v is found as %+v", e, found)
		}
	}
	web := c["ann.web"]
	h.Remove(&web.Session)
	if _, ok := h.Lookup(web.ID); ok {
		t.Error("found after Remove")
	}
	if got := h.UserSessions(entries[:0], "ann"); len(got) != 1 || got[0].ID != c["ann.ios"].ID {
		t.Errorf("ann has %+v", got)
	}
	mustBeConsistent(t, h, s)
}

// pages reads the whole list and calls between before each next page.
func pages(t *testing.T, h *hub.Hub, mask uint64, limit int, between func()) (all []hub.OnlineUser) {
	t.Helper()
	cursor := ""
	for {
		users, next, err := h.OnlineUsers(mask, limit, cursor)
		if err != nil {
			t.Fatal(err)
		}
		if len(users) > limit {
			t.Errorf("a page of %d users, limit %d", len(users), limit)
		}
		all = append(all, users...)
		if next == "" {
			return all
		}
		cursor = next
		between()
	}
}

func TestOnlineUsers(t *testing.T) {
	const users = 3000
	h := newHub(t, newSteps(1), hub.Options{})
	for i := range users {
		login(t, h, fmt.Sprint("u", i), uint8(1+i%3), 0)
		if i%2 == 0 {
			login(t, h, fmt.Sprint("u", i), 9, 0)
		}
	}
	for _, limit := range []int{1, 7, 1000, users, users + 1} {
		all := pages(t, h, 0, limit, func() {})
		if !slices.IsSortedFunc(all, func(a, b hub.OnlineUser) int {
			if h.HashOf(a.User) < h.HashOf(b.User) {
				return -1
			}
			return 1
		}) {
			t.Error("pages are not in order")
		}
		names := map[string]bool{}
		for _, u := range all {
			names[u.User] = true
		}
		if len(all) != users || len(names) != users {
			t.Errorf("limit %d: %d users, %d names", limit, len(all), len(names))
		}
	}
	for _, u := range pages(t, h, 1<<9, 100, func() {}) {
		var i int
		if _, err := fmt.Sscanf(u.User, "u%d", &i); err != nil || i%2 != 0 {
			t.Errorf("%s is not on platform 9", u.User)
		}
		if want := uint64(1)<<9 | 1<<(1+i%3); u.Platforms != want {
			t.Errorf("%s is on %b, want %b", u.User, u.Platforms, want)
		}
	}
	if all := pages(t, h, 1<<2|1<<3, 64, func() {}); len(all) != users*2/3 {
		t.Errorf("%d users on two platforms", len(all))
	}
	for _, bad := range []string{"x", "0", "00000000000000zz", "0000000000000000 "} {
		if _, _, err := h.OnlineUsers(0, 1, bad); !errors.Is(err, hub.ErrCursor) {
			t.Errorf("cursor %q: %v", bad, err)
		}
	}
	if users, next, err := h.OnlineUsers(0, 10, "ffffffffffffffff"); len(users) > 0 || next != "" || err != nil {
		t.Errorf("after the end: %v, %q, %v", users, next, err)
	}
	if users, _, _ := h.OnlineUsers(0, -1, ""); len(users) != 1 {
		t.Errorf("limit -1 gives %d users", len(users))
	}
}

// Users that stay online are listed exactly once while others come and go.
func TestOnlineUsersWhileTheyChange(t *testing.T) {
	const stay = 500
	h := newHub(t, newSteps(1), hub.Options{})
	var guests []*client
	n := 0
	between := func() {
		for range 20 {
			guests = append(guests, login(t, h, fmt.Sprint("guest", n), 1, 0))
			n++
		}
		for len(guests) > 100 {
			h.Remove(&guests[0].Session)
			guests = guests[1:]
		}
	}
	for i := range stay {
		login(t, h, fmt.Sprint("u", i), 1, 0)
	}
	between()
	seen := map[string]int{}
	for _, u := range pages(t, h, 0, 9, between) {
		seen[u.User]++
	}
	for i := range stay {
		if k := seen[fmt.Sprint("u", i)]; k != 1 {
			t.Errorf("u%d is listed %d times", i, k)
		}
	}
}

// A page under a mask that nobody matches ends before all shards were read.
func TestPageIsBounded(t *testing.T) {
	const users = 40_000
	h := newHub(t, newSteps(1), hub.Options{})
	for i := range users {
		login(t, h, fmt.Sprint("u", i), 1, 0)
	}
	got, next, err := h.OnlineUsers(1<<5, 10, "")
	if len(got) != 0 || next == "" || err != nil {
		t.Errorf("first page: %d users, next %q, %v; want an empty page and a cursor", len(got), next, err)
	}
	if all := pages(t, h, 1<<5, 10, func() {}); len(all) != 0 {
		t.Errorf("%d users on platform 5", len(all))
	}
}
