package pushtest

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pushd/internal/codec"
	"pushd/internal/delivery/delivertest"
	"pushd/internal/push"
)

// DirectoryFixture is an implementation where nobody is online yet, with a way to have
// clients.
type DirectoryFixture struct {
	push.Directory
	push.OnlineLister
	// Login has a client come, on a platform named by its name.
	Login func(t testing.TB, user, platform string) delivertest.Client
}

// Directory runs the contract of who is online on what open makes.
func Directory(t *testing.T, open func(t *testing.T) DirectoryFixture) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, DirectoryFixture)
	}{
		{"counts", testCounts},
		{"pages of who is online", testOnlineUsers},
		{"who stays is listed once while others come and go", testOnlineUsersMeanwhile},
		{"what doesn't parse", testOnlineUsersMalformed},
		{"sessions of a user", testUserSessions},
		{"which of these are online", testCheckUsers},
		{"all who are online, within a bound", testAllOnline},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
	}
}

// loginFive logs in ann on two platforms and four users on one each; want has who they are, in
// the order of their names.
func loginFive(t *testing.T, f DirectoryFixture) (clients map[string]delivertest.Client, want []push.OnlineUser) {
	t.Helper()
	clients = map[string]delivertest.Client{
		"ann.ios": f.Login(t, "ann", "ios"),
		"ann.web": f.Login(t, "ann", "web"),
	}
	want = []push.OnlineUser{{User: "ann", Platforms: []string{"web", "ios"}}}
	for i, user := range []string{"bob", "cyd", "dee", "eve"} {
		platform := []string{"web", "android"}[i%2]
		clients[user] = f.Login(t, user, platform)
		want = append(want, push.OnlineUser{User: user, Platforms: []string{platform}})
	}
	return clients, want
}

// byName sorts users as loginFive has them.
func byName(users []push.OnlineUser) []push.OnlineUser {
	slices.SortFunc(users, func(a, b push.OnlineUser) int {
		return strings.Compare(a.User, b.User)
	})
	return users
}

// wantUsers compares, whatever the order.
func wantUsers(t *testing.T, what string, got, want []push.OnlineUser) {
	t.Helper()
	if got = byName(slices.Clone(got)); len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %+v, want %+v", what, got, want)
	}
}

func wantCode(t *testing.T, what string, err error, code int) {
	t.Helper()
	if err == nil || codec.AsError(err).Code != code {
		t.Errorf("%s: %v, want an error of code %d", what, err, code)
	}
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// allPages reads page after page, of which none may be over the limit.
func allPages[T any](t *testing.T, limit int, page func(cursor string) (items []T, next string, err error)) (all []T) {
	t.Helper()
	cursor := ""
	for range 1000 {
		items, next, err := page(cursor)
		if err != nil {
			t.Fatal(err)
		}
		if len(items) > limit {
			t.Errorf("a page of %d, want at most %d", len(items), limit)
		}
		all = append(all, items...)
		if cursor = next; cursor == "" {
			return all
		}
	}
	t.Fatal("the pages don't end")
	return nil
}

func testCounts(t *testing.T, f DirectoryFixture) {
	wantCounts := func(sessions, users int, platforms map[string]int) {
		t.Helper()
		c := must(f.Counts(t.Context()))(t)
		if c.Sessions != sessions || c.Users != users || c.Connections < sessions ||
			len(c.Platforms)+len(platforms) > 0 && !reflect.DeepEqual(c.Platforms, platforms) {
			t.Errorf("counts %+v, want %d sessions of %d users on %v", c, sessions, users, platforms)
		}
		var sum push.NodeCounts
		for _, n := range c.Nodes {
			sum.Connections += n.Connections
			sum.Sessions += n.Sessions
		}
		if sum.Connections != c.Connections || sum.Sessions != c.Sessions {
			t.Errorf("counts %+v: the nodes don't add up to the totals", c)
		}
	}
	wantCounts(0, 0, nil)
	clients, _ := loginFive(t, f)
	wantCounts(6, 5, map[string]int{"web": 3, "ios": 1, "android": 2})
	clients["ann.ios"].Leave(t)
	clients["cyd"].Leave(t)
	wantCounts(4, 4, map[string]int{"web": 3, "android": 1})
}

func testOnlineUsers(t *testing.T, f DirectoryFixture) {
	list := func(platform string, limit int) []push.OnlineUser {
		t.Helper()
		return allPages(t, limit, func(cursor string) ([]push.OnlineUser, string, error) {
			return f.OnlineUsers(t.Context(), platform, limit, cursor)
		})
	}
	wantUsers(t, "nobody", list("", 10), nil)
	clients, want := loginFive(t, f)
	order := list("", 100)
	for _, limit := range []int{1, 2, 5, 6} {
		got := list("", limit)
		if !reflect.DeepEqual(got, order) {
			t.Errorf("pages of %d: %+v, want the order of one page, %+v", limit, got, order)
		}
	}
	wantUsers(t, "all", order, want)
	for _, web := range []string{"web", "1"} {
		wantUsers(t, "on platform "+web, list(web, 1), []push.OnlineUser{want[0], want[1], want[3]})
	}
	wantUsers(t, "on ios", list("ios", 2), want[:1])
	clients["ann.web"].Leave(t)
	clients["bob"].Leave(t)
	want[0].Platforms = []string{"ios"}
	wantUsers(t, "when some have left", list("", 2), append(want[:1:1], want[2:]...))
}

func testOnlineUsersMeanwhile(t *testing.T, f DirectoryFixture) {
	clients, want := loginFive(t, f)
	seen := map[string]int{}
	pages := 0
	allPages(t, 1, func(cursor string) ([]push.OnlineUser, string, error) {
		switch pages++; pages {
		case 2:
			f.Login(t, "aaa", "web")
			f.Login(t, "zzz", "web")
			clients["cyd"].Leave(t)
		case 3:
			clients["ann.ios"].Leave(t)
		}
		users, next, err := f.OnlineUsers(t.Context(), "", 1, cursor)
		for _, u := range users {
			seen[u.User]++
		}
		return users, next, err
	})
	for _, u := range want {
		if u.User != "cyd" && seen[u.User] != 1 {
			t.Errorf("%s is listed %d times", u.User, seen[u.User])
		}
	}
}

func testOnlineUsersMalformed(t *testing.T, f DirectoryFixture) {
	loginFive(t, f)
	_, _, err := f.OnlineUsers(t.Context(), "", 10, "not a cursor!")
	wantCode(t, "cursor", err, codec.CodeMalformed)
	_, _, err = f.OnlineUsers(t.Context(), "toaster", 10, "")
	wantCode(t, "platform", err, codec.CodeMalformed)
}

func testUserSessions(t *testing.T, f DirectoryFixture) {
	clients, _ := loginFive(t, f)
	nodes := map[string]bool{}
	for _, n := range must(f.Counts(t.Context()))(t).Nodes {
		nodes[n.Name] = true
	}
	got := map[string]string{}
	for _, s := range must(f.UserSessions(t.Context(), "ann"))(t) {
		got[s.Platform] = s.Session
		if s.User != "ann" || s.Address == "" || !nodes[s.Node] || s.Since <= 0 || s.LastSeen < s.Since {
			t.Errorf("session %+v on one of the nodes %v", s, nodes)
		}
	}
	want := map[string]string{"web": clients["ann.web"].Session(), "ios": clients["ann.ios"].Session()}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("sessions %v, want %v", got, want)
	}
	clients["ann.web"].Leave(t)
	if left := must(f.UserSessions(t.Context(), "ann"))(t); len(left) != 1 || left[0].Session != want["ios"] {
		t.Errorf("one left: %+v", left)
	}
	if none := must(f.UserSessions(t.Context(), "zoe"))(t); len(none) > 0 {
		t.Errorf("nobody's sessions: %+v", none)
	}
}

func testCheckUsers(t *testing.T, f DirectoryFixture) {
	clients, want := loginFive(t, f)
	ask := []string{"zoe", "cyd", "ann", "yan"}
	wantUsers(t, "online", must(f.CheckUsers(t.Context(), ask))(t), []push.OnlineUser{want[0], want[2]})
	clients["cyd"].Leave(t)
	clients["ann.web"].Leave(t)
	want[0].Platforms = []string{"ios"}
	wantUsers(t, "still online", must(f.CheckUsers(t.Context(), ask))(t), want[:1])
	wantUsers(t, "nobody asked for", must(f.CheckUsers(t.Context(), nil))(t), nil)
}

func testAllOnline(t *testing.T, f DirectoryFixture) {
	if none := must(f.AllOnline(t.Context(), 0))(t); len(none) > 0 {
		t.Errorf("nobody is online: %v", none)
	}
	_, want := loginFive(t, f)
	for _, most := range []int{len(want), 1000} {
		all := must(f.AllOnline(t.Context(), most))(t)
		if fmt.Sprint(all) != "[ann bob cyd dee eve]" {
			t.Errorf("online are %v", all)
		}
	}
	_, err := f.AllOnline(t.Context(), len(want)-1)
	wantCode(t, "too many", err, codec.CodeTooMany)
}
