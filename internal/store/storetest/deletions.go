package storetest

import (
	"testing"

	"pushd/internal/account"
	"pushd/internal/chat"
	"pushd/internal/files"
)

// Everything is a store behind the ports of several services at once.
type Everything interface {
	account.Store
	chat.Store
	files.Store
}

// Deletions is the suite of what deleting a user does to what other services keep:
// open gives each case an empty store.
func Deletions(t *testing.T, open func(t *testing.T) Everything) {
	cases[Everything]{
		{"groups are inherited", inheritedGroups},
		{"files are disowned", disownedFiles},
	}.run(t, open)
}

// FileSetupOf is a store with the groups that it keeps itself.
func FileSetupOf(s Everything) FileSetup {
	return FileSetup{Store: s, MakeGroup: func(t *testing.T, id string, members ...string) {
		g := chat.GroupInfo{ID: id, Join: chat.JoinOpen, Limit: 10, Created: 1}
		must(s.CreateGroup(t.Context(), g, members, 0, 0))(t)
	}}
}

// inheritedGroups go to the highest and oldest of the members that a deleted
// owner leaves.
func inheritedGroups(t *testing.T, s Everything) {
	ctx := t.Context()
	wantNone(t, s.EnsureUsers(ctx, []string{"olga"}, 1))
	must(s.CreateGroup(ctx, team("olga"), []string{"mike", "mia"}, 0, 0))(t)
	wantNone(t, s.SetRole(ctx, "team", "mia", chat.RoleAdmin, 5))
	alone := team("olga")
	alone.ID = "alone"
	must(s.CreateGroup(ctx, alone, nil, 0, 0))(t)
	guest := team("mike")
	guest.ID = "guest"
	must(s.CreateGroup(ctx, guest, []string{"olga"}, 0, 0))(t)

	wantNone(t, s.DeleteUser(ctx, "olga"))
	for id, want := range map[string]struct {
		owner   string
		members []string
	}{
		"team": {"mia", []string{"mia", "mike"}}, "alone": {"", nil}, "guest": {"mike", []string{"mike"}},
	} {
		g, m, err := s.GroupMembership(ctx, id, want.owner)
		if err != nil || g.Owner != want.owner || g.Members != len(want.members) || want.owner != "" &&
			m.Role != chat.RoleOwner {
			t.Errorf("%s: %+v %+v %v", id, g, m, err)
		}
		wantNames(t, memberIDs(t, s, id), want.members...)
	}
}

// disownedFiles stay for their readers, and belong to no user.
func disownedFiles(t *testing.T, s Everything) {
	setup := FileSetupOf(s)
	b := &fileBench{T: t, s: s, makeGroup: setup.MakeGroup}
	ctx := b.Context()
	b.code("make a user", s.EnsureUsers(ctx, []string{"d-ada"}, 1), 0)
	b.makeGroup(t, "f-left", "d-bob")
	f := b.finish(b.create("d-ada", 10), "")
	b.code("attach", b.s.AttachFiles(ctx, []string{f.ID}, "g:f-left"), 0)
	b.code("delete the user", s.DeleteUser(ctx, "d-ada"), 0)
	if got, err := b.s.File(ctx, f.ID); err != nil || got.Owner != "" {
		b.Fatalf("it still belongs to %q (%v)", got.Owner, err)
	}
	b.may(f.ID, "d-bob", true)
	b.used("d-ada", 0)
	b.code("condemn", b.s.CondemnFile(ctx, f.ID), 0)
	b.code("forget", b.s.ForgetFile(ctx, f.ID), 0)
	b.used("d-ada", 0)
}
