package storetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"pushd/internal/chat"
	"pushd/internal/codec"
	"pushd/internal/delivery"
)

func team(owner string) chat.GroupInfo {
	return chat.GroupInfo{
		ID: "team", Name: "The team", Notice: "read this", Avatar: "https://a.example/x.png",
		Owner: owner, Join: chat.JoinApproval, Limit: 5, Created: 1000,
	}
}

// groups tests what a group is, and who may own how many.
func groups(t *testing.T, s chat.Store) {
	ctx := t.Context()
	made := must(s.CreateGroup(ctx, team("olga"), []string{"mike", "mia", "mike", "olga"}, 1, 9))(t)
	want := team("olga")
	want.Conv, want.Members = "g:team", 3
	if made != want {
		t.Errorf("made %+v, want %+v", made, want)
	}
	if got := must(s.Group(ctx, "team"))(t); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	_, err := s.CreateGroup(ctx, team("x"), nil, 0, 0)
	wantError(t, err, 409, "team already")
	second := team("olga")
	second.ID = "second"
	_, err = s.CreateGroup(ctx, second, nil, 1, 0)
	wantError(t, err, 429, "olga owns 1 groups")
	_, err = s.CreateGroup(ctx, second, []string{"a", "b", "c", "d", "e"}, 0, 0)
	wantError(t, err, 429, "full")
	_, err = s.CreateGroup(ctx, second, []string{"mia"}, 0, 1)
	wantError(t, err, 429, "is in 1 groups")
	_, err = s.Group(ctx, "second")
	wantError(t, err, 404, "no group second")

	g, m, err := s.GroupMembership(ctx, "team", "olga")
	if err != nil || g != want || m.User != "olga" || m.Role != chat.RoleOwner || m.Since != 1000 {
		t.Errorf("owner's place %+v %+v %v", g, m, err)
	}
	if _, m, err = s.GroupMembership(ctx, "team", "nobody"); err != nil || m != (chat.Member{}) {
		t.Errorf("a stranger's place %+v %v", m, err)
	}
	_, _, err = s.GroupMembership(ctx, "none", "olga")
	wantError(t, err, 404, "no group none")

	name, muted, limit := "Another", true, 3
	want.Name, want.Muted, want.Limit = name, muted, limit
	if got := must(s.ChangeGroup(ctx, "team", chat.GroupChange{
		Name: &name, Muted: &muted,
		Limit: &limit,
	}))(t); got != want {
		t.Errorf("changed %+v, want %+v", got, want)
	}
	limit = 2
	_, err = s.ChangeGroup(ctx, "team", chat.GroupChange{Limit: &limit})
	wantError(t, err, 409, "3 members already")
	if got := must(s.Group(ctx, "team"))(t); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	_, err = s.ChangeGroup(ctx, "none", chat.GroupChange{Name: &name})
	wantError(t, err, 404, "")

	before := memberRevision(t, s, "team")
	if c := must(s.DismissGroup(ctx, "team"))(t); c.Revision != before+1 || len(c.Left) != 3 || len(c.Joined) != 0 {
		t.Errorf("dismissed with %+v, after revision %d", c, before)
	}
	_, err = s.DismissGroup(ctx, "team")
	wantError(t, err, 404, "")
	_, _, err = s.MemberIDs(ctx, "team")
	wantError(t, err, 404, "")
	again := must(s.CreateGroup(ctx, team(""), nil, 0, 0))(t)
	if again.Members != 0 || again.Owner != "" {
		t.Errorf("made again %+v", again)
	}
	wantNames(t, memberIDs(t, s, "team"))
}

// groupLists tests pages of groups.
func groupLists(t *testing.T, s chat.Store) {
	ctx := t.Context()
	for i := range 5 {
		g := team("")
		g.ID = fmt.Sprintf("g%d", i)
		users := []string{"odd"}
		if i%2 == 0 {
			users = []string{"even"}
		}
		must(s.CreateGroup(ctx, g, users, 0, 0))(t)
	}
	ids := func(list func(cursor string) ([]chat.GroupInfo, string, error)) (all []string) {
		for cursor, pages := "", 0; pages == 0 || cursor != ""; pages++ {
			page, next, err := list(cursor)
			wantNone(t, err)
			for _, g := range page {
				all = append(all, g.ID+" "+g.Conv)
			}
			cursor = next
		}
		return all
	}
	wantNames(t, ids(func(c string) ([]chat.GroupInfo, string, error) { return s.ListGroups(ctx, 2, c) }), "g0 g:g0",
		"g1 g:g1", "g2 g:g2", "g3 g:g3", "g4 g:g4")
	wantNames(t, ids(func(c string) ([]chat.GroupInfo, string, error) { return s.GroupsOf(ctx, "even", 2, c) }),
		"g0 g:g0", "g2 g:g2", "g4 g:g4")
	if page, next, err := s.GroupsOf(ctx, "nobody", 2, ""); page == nil || len(page) > 0 || next != "" || err != nil {
		t.Errorf("nobody's groups: %v %q %v", page, next, err)
	}
	for _, bad := range []string{"!", "YWJj", "g1"} {
		_, _, err := s.ListGroups(ctx, 2, bad)
		wantError(t, err, 400, "cursor")
		_, _, err = s.GroupsOf(ctx, "odd", 2, bad)
		wantError(t, err, 400, "cursor")
	}
}

// members tests who comes into a group and goes, and what they may become.
func members(t *testing.T, s chat.Store) {
	ctx := t.Context()
	must(s.CreateGroup(ctx, team("olga"), []string{"mia"}, 0, 0))(t)
	count := func(want int) {
		t.Helper()
		if g := must(s.Group(ctx, "team"))(t); g.Members != want {
			t.Errorf("%d members, want %d", g.Members, want)
		}
	}
	wantNames(t, must(s.AddMembers(ctx, "team", []string{"mike", "mia", "adam", "mike"}, 0, 2000))(t).Joined, "adam", "mike")
	wantNames(t, must(s.AddMembers(ctx, "team", []string{"mike"}, 0, 3000))(t).Joined)
	count(4)
	_, err := s.AddMembers(ctx, "team", []string{"x", "y"}, 0, 2000)
	wantError(t, err, 429, "full")
	_, err = s.AddMembers(ctx, "none", []string{"x"}, 0, 2000)
	wantError(t, err, 404, "")
	count(4)

	wantNone(t, s.SetRole(ctx, "team", "adam", chat.RoleAdmin, 1))
	wantError(t, s.SetRole(ctx, "team", "mia", chat.RoleAdmin, 1), 429, "at most 1 admins")
	wantError(t, s.SetRole(ctx, "team", "olga", chat.RoleMember, 1), 409, "owns the group")
	wantError(t, s.SetRole(ctx, "team", "x", chat.RoleAdmin, 1), 404, "not a member")
	wantNames(t, must(s.Admins(ctx, "team"))(t), "adam", "olga")

	wantNone(t, s.MuteMember(ctx, "team", "mia", 5000, chat.RoleAdmin))
	wantError(t, s.MuteMember(ctx, "team", "adam", 5000, chat.RoleAdmin), 403, "is an admin")
	wantError(t, s.MuteMember(ctx, "team", "olga", 5000, chat.RoleAdmin), 403, "or its owner")
	wantError(t, s.MuteMember(ctx, "team", "olga", 5000, chat.RoleOwner), 409, "owns the group")
	wantError(t, s.MuteMember(ctx, "team", "x", 5000, chat.RoleOwner), 404, "not a member")
	wantNone(t, s.RemarkMember(ctx, "team", "olga", "The boss ☺"))
	wantError(t, s.RemarkMember(ctx, "team", "x", "y"), 404, "not a member")

	page, next, err := s.Members(ctx, "team", 3, "")
	wantNone(t, err)
	rest, last, err := s.Members(ctx, "team", 3, next)
	wantNone(t, err)
	if got := append(page, rest...); last != "" || !slices.Equal(got, []chat.Member{
		{User: "adam", Role: chat.RoleAdmin, Since: 2000},
		{User: "mia", Role: chat.RoleMember, MutedUntil: 5000, Since: 1000},
		{User: "mike", Role: chat.RoleMember, Since: 2000},
		{User: "olga", Role: chat.RoleOwner, Remark: "The boss ☺", Since: 1000},
	}) {
		t.Errorf("members %+v, then %q", got, last)
	}
	_, _, err = s.Members(ctx, "none", 3, "")
	wantError(t, err, 404, "")
	_, _, err = s.Members(ctx, "team", 3, "adam")
	wantError(t, err, 400, "cursor")

	_, err = s.RemoveMembers(ctx, "team", []string{"mia", "adam"}, chat.RoleAdmin)
	wantError(t, err, 403, "adam is an admin")
	_, err = s.RemoveMembers(ctx, "team", []string{"mia", "olga"}, chat.RoleAdmin)
	wantError(t, err, 403, "olga is an admin of this group, or its owner")
	_, err = s.RemoveMembers(ctx, "team", []string{"mia", "adam", "olga"}, chat.RoleOwner)
	wantError(t, err, 409, "olga owns the group")
	_, err = s.RemoveMembers(ctx, "none", []string{"mia"}, chat.RoleOwner)
	wantError(t, err, 404, "")
	count(4)
	wantNames(t, must(s.RemoveMembers(ctx, "team", []string{"mia", "nobody", "adam", "mia"}, chat.RoleOwner))(t).Left,
		"adam", "mia")
	wantNames(t, memberIDs(t, s, "team"), "mike", "olga")
	count(2)

	wantError(t, s.TransferGroup(ctx, "team", "mike", "olga", 0), 409, "another owner")
	wantError(t, s.TransferGroup(ctx, "team", "olga", "nobody", 0), 404, "not a member")
	must(s.CreateGroup(ctx, chat.GroupInfo{ID: "other", Owner: "mike", Join: chat.JoinOpen, Limit: 2}, nil, 0, 0))(t)
	wantError(t, s.TransferGroup(ctx, "team", "olga", "mike", 1), 429, "owns 1 groups")
	wantNone(t, s.TransferGroup(ctx, "team", "olga", "mike", 2))
	wantNone(t, s.TransferGroup(ctx, "team", "mike", "mike", 2))
	if g := must(s.Group(ctx, "team"))(t); g.Owner != "mike" {
		t.Errorf("the owner is %s", g.Owner)
	}
	wantNames(t, must(s.Admins(ctx, "team"))(t), "mike", "olga")

	c, err := s.SetMembers(ctx, "team", []string{"anna", "zoe", "anna"}, 4000)
	wantNone(t, err)
	wantNames(t, c.Joined, "anna", "zoe")
	wantNames(t, c.Left, "olga")
	wantNames(t, memberIDs(t, s, "team"), "anna", "mike", "zoe")
	count(3)
	_, err = s.SetMembers(ctx, "team", []string{"a", "b", "c", "d", "e"}, 4000)
	wantError(t, err, 429, "full")
	_, err = s.SetMembers(ctx, "none", nil, 4000)
	wantError(t, err, 404, "")
	count(3)
}

func memberIDs(t *testing.T, s chat.Memberships, group string) []string {
	t.Helper()
	users, _, err := s.MemberIDs(t.Context(), group)
	wantNone(t, err)
	return users
}

func memberRevision(t *testing.T, s chat.Memberships, group string) uint64 {
	t.Helper()
	_, revision, err := s.MemberIDs(t.Context(), group)
	wantNone(t, err)
	return revision
}

// memberRevisions tests that each change of members has the next revision, that what
// changes nobody has none, and that members are told with the revision they are of.
func memberRevisions(t *testing.T, s chat.Store) {
	ctx := t.Context()
	must(s.CreateGroup(ctx, team("olga"), []string{"mia"}, 0, 0))(t)
	last := memberRevision(t, s, "team")
	next := func(what string, c delivery.MemberChange, err error) {
		t.Helper()
		last++
		if err != nil || c.Revision != last || c.Group != "team" {
			t.Errorf("%s: %+v, %v; want revision %d", what, c, err, last)
		}
		if now := memberRevision(t, s, "team"); now != last {
			t.Errorf("%s: members are of revision %d, want %d", what, now, last)
		}
	}
	nothing := func(what string, c delivery.MemberChange, err error) {
		t.Helper()
		if err != nil || c.Revision != 0 || len(c.Joined)+len(c.Left) > 0 {
			t.Errorf("%s: %+v, %v; want no change", what, c, err)
		}
		if now := memberRevision(t, s, "team"); now != last {
			t.Errorf("%s: members are of revision %d, want %d", what, now, last)
		}
	}
	c, err := s.AddMembers(ctx, "team", []string{"mike"}, 0, 1)
	next("a join", c, err)
	c, err = s.AddMembers(ctx, "team", []string{"mike"}, 0, 1)
	nothing("a join of who is in", c, err)
	c, err = s.RemoveMembers(ctx, "team", []string{"nobody"}, chat.RoleOwner)
	nothing("a removal of who isn't in", c, err)
	c, err = s.RemoveMembers(ctx, "team", []string{"mike"}, chat.RoleOwner)
	next("a removal", c, err)
	c, err = s.SetMembers(ctx, "team", []string{"anna"}, 1)
	next("other members", c, err)
	c, err = s.SetMembers(ctx, "team", []string{"anna"}, 1)
	nothing("the same members", c, err)
	must(s.AskToJoin(ctx, chat.JoinRequest{Group: "team", User: "zoe"}, 0, 0))(t)
	_, c, err = s.AnswerJoin(ctx, "team", "zoe", true, 0, 1)
	next("a request accepted", c, err)
	_, c, err = s.AnswerJoin(ctx, "team", "zoe", true, 0, 1)
	nothing("no request", c, err)
	c = must(s.DismissGroup(ctx, "team"))(t)
	if last++; c.Revision != last {
		t.Errorf("dismissed: %+v, want revision %d", c, last)
	}
	must(s.CreateGroup(ctx, team("olga"), nil, 0, 0))(t)
	if last++; memberRevision(t, s, "team") != last {
		t.Errorf("made again: members are of revision %d, want %d", memberRevision(t, s, "team"), last)
	}
	c, err = s.AddMembers(ctx, "team", []string{"mike"}, 0, 1)
	next("a join of another group of that id", c, err)
}

// joinRequests tests who waits for an answer.
func joinRequests(t *testing.T, s chat.Store) {
	ctx := t.Context()
	must(s.CreateGroup(ctx, team("olga"), nil, 0, 0))(t)
	ask := func(user, text string) (bool, error) {
		return s.AskToJoin(ctx, chat.JoinRequest{Group: "team", User: user, Text: text, Time: 2000}, 2, 1)
	}
	if !must(ask("mia", "hi"))(t) || must(ask("mia", "hello"))(t) {
		t.Error("only the first request is fresh")
	}
	must(s.CreateGroup(ctx, chat.GroupInfo{ID: "other", Join: chat.JoinApproval, Limit: 2}, nil, 0, 0))(t)
	_, err := s.AskToJoin(ctx, chat.JoinRequest{Group: "other", User: "mia"}, 2, 1)
	wantError(t, err, 429, "1 of your requests")
	must(ask("mike", ""))(t)
	_, err = ask("moe", "")
	wantError(t, err, 429, "2 requests wait")
	_, err = ask("olga", "")
	wantError(t, err, 409, "a member")
	_, err = s.AskToJoin(ctx, chat.JoinRequest{Group: "none", User: "mia"}, 2, 0)
	wantError(t, err, 404, "")

	page, next, err := s.JoinRequests(ctx, "team", 1, "")
	wantNone(t, err)
	if !slices.Equal(page, []chat.JoinRequest{{Group: "team", User: "mia", Text: "hello", Time: 2000}}) {
		t.Errorf("page %+v", page)
	}
	page, next, err = s.JoinRequests(ctx, "team", 1, next)
	if err != nil || next != "" || len(page) != 1 || page[0].User != "mike" {
		t.Errorf("page %+v %q %v", page, next, err)
	}
	_, _, err = s.JoinRequests(ctx, "team", 1, "x")
	wantError(t, err, 400, "cursor")
	_, _, err = s.JoinRequests(ctx, "none", 1, "")
	wantError(t, err, 404, "")

	answer := func(user string, accept bool, wantWas, wantAdded bool) {
		t.Helper()
		was, c, err := s.AnswerJoin(ctx, "team", user, accept, 0, 3000)
		if err != nil || was != wantWas || (len(c.Joined) > 0) != wantAdded {
			t.Errorf("answer: %t %+v %v", was, c, err)
		}
	}
	answer("nobody", true, false, false)
	answer("mia", false, true, false)
	answer("mia", true, false, false)
	must(s.AddMembers(ctx, "team", []string{"a", "b", "c", "d"}, 0, 1))(t)
	_, _, err = s.AnswerJoin(ctx, "team", "mike", true, 0, 3000)
	wantError(t, err, 429, "full")
	must(s.RemoveMembers(ctx, "team", []string{"a"}, chat.RoleOwner))(t)
	_, _, err = s.AnswerJoin(ctx, "none", "mike", true, 0, 3000)
	wantError(t, err, 404, "")
	answer("mike", true, true, true)
	wantNames(t, memberIDs(t, s, "team"), "b", "c", "d", "mike", "olga")

	// Whoever is brought in has nothing to ask for any more.
	must(s.RemoveMembers(ctx, "team", []string{"b"}, chat.RoleOwner))(t)
	must(ask("zoe", ""))(t)
	must(s.AddMembers(ctx, "team", []string{"zoe"}, 0, 1))(t)
	answer("zoe", true, false, false)
}

// largeGroup tests that thousands come in at once, and that those who come one
// by one, all at the same time, are never more than the limit.
func largeGroup(t *testing.T, s chat.Store) {
	ctx := t.Context()
	users := make([]string, 10_000)
	for i := range users {
		users[i] = fmt.Sprintf("user-%05d", i)
	}
	g := chat.GroupInfo{ID: "large", Owner: "olga", Join: chat.JoinOpen, Limit: 10_010}
	if g = must(s.CreateGroup(ctx, g, users, 0, 0))(t); g.Members != 10_001 {
		t.Errorf("%d members", g.Members)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	in, full := 0, 0
	for i := range 30 {
		wg.Go(func() {
			c, err := s.AddMembers(ctx, "large", []string{fmt.Sprintf("late-%02d", i)}, 0, 1)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil && len(c.Joined) == 1:
				in++
			case err != nil && codec.AsError(err).Code == codec.CodeTooMany:
				full++
			default:
				t.Errorf("added %v, %v", c.Joined, err)
			}
		})
	}
	wg.Wait()
	if in != 9 || full != 21 {
		t.Errorf("%d came in and %d found it full, want 9 and 21", in, full)
	}
	all := memberIDs(t, s, "large")
	if g := must(s.Group(ctx, "large"))(t); g.Members != g.Limit || len(all) != g.Limit {
		t.Errorf("%d members by count, %d by name, limit %d", g.Members, len(all), g.Limit)
	}
	if removed := must(s.RemoveMembers(ctx, "large", users, chat.RoleOwner))(t).Left; len(removed) != len(users) {
		t.Errorf("%d removed", len(removed))
	}
	if g := must(s.Group(ctx, "large"))(t); g.Members != 10 {
		t.Errorf("%d members are left", g.Members)
	}
}

// membersRead tests what members can read: what came after they did, and nothing
// once they are out.
func membersRead(t *testing.T, s chat.Store) {
	ctx := t.Context()
	must(s.CreateGroup(ctx, team("olga"), []string{"mia"}, 0, 0))(t)
	send(t, s, draft("olga", "g:team", "one", 1))
	must(s.AddMembers(ctx, "team", []string{"mike"}, 0, 2))(t)
	send(t, s, draft("olga", "g:team", "two", 3))

	seen := func(user string, wantJoin, wantUnread uint64) {
		t.Helper()
		h, err := s.Head(ctx, user, "g:team", 5)
		if err != nil || h.JoinSeq != wantJoin || h.Unread != int(wantUnread) {
			t.Errorf("%s: %+v %v, want join_seq %d and %d unread", user, h, err, wantJoin, wantUnread)
		}
	}
	seen("mia", 0, 2)
	seen("mike", 1, 1)
	wantNames(t, must(s.JoinedAfter(ctx, "team", 1))(t), "mike")
	wantNames(t, must(s.JoinedAfter(ctx, "team", 2))(t))
	must2(s.SetRead(ctx, "g:team", "mia", 2))(t)
	must(s.RemoveMembers(ctx, "team", []string{"mia"}, chat.RoleOwner))(t)
	_, err := s.Head(ctx, "mia", "g:team", 5)
	wantError(t, err, 404, "")
	_, err = s.Member(ctx, "g:team", "mia")
	wantError(t, err, 404, "")
	send(t, s, draft("olga", "g:team", "three", 4))
	must(s.AddMembers(ctx, "team", []string{"mia"}, 0, 5))(t)
	seen("mia", 3, 0) // nothing of what was said meanwhile, or before

	// A group made again under the same id goes on behind what was said in the first.
	must(s.DismissGroup(ctx, "team"))(t)
	_, err = s.Head(ctx, "olga", "g:team", 6)
	wantError(t, err, 404, "")
	must(s.CreateGroup(ctx, team("zoe"), nil, 0, 0))(t)
	if m := send(t, s, draft("zoe", "g:team", "four", 7)); m.Seq != 4 {
		t.Errorf("the new group's first message has seq %d", m.Seq)
	}
	h, err := s.Head(ctx, "zoe", "g:team", 8)
	if err != nil || h.JoinSeq != 3 || h.MaxSeq != 4 {
		t.Errorf("the new owner: %+v %v", h, err)
	}
}
