package chat_test

import (
	"fmt"
	"slices"
	"testing"

	"pushd/internal/chat"
	"pushd/internal/codec"
	"pushd/internal/push"
)

var _ push.Groups = (*chat.PushGroups)(nil)

func TestPushGroups(t *testing.T) {
	online := []string{"anna", "bert"}
	p := newPeople(t, chat.Options{}, "mia/web", "anna/web")
	g := chat.NewPushGroups(p.Service)
	ctx := t.Context()
	want := func(users ...string) {
		t.Helper()
		got, there, err := g.Group(ctx, "team")
		if err != nil || !there || !slices.Equal(got, users) {
			t.Errorf("the group is %q %t %v, want %q", got, there, err, users)
		}
	}
	if users, there, err := g.Group(ctx, "team"); users != nil || there || err != nil {
		t.Errorf("before it was made: %q %t %v", users, there, err)
	}
	if err := g.SetGroup(ctx, "team", []string{"mia", "mike"}); err != nil {
		t.Fatal(err)
	}
	want("mia", "mike")
	p.wantNotices("joined mia,mike 2 ")
	info := ok(p.store.Group(ctx, "team"))(t)
	if info.Owner != "" || info.Join != chat.JoinInvite || info.Limit != chat.MaxBackendGroup {
		t.Errorf("made %+v", info)
	}
	// Its members can use it like any other.
	ok(p.Send(ctx, as("mia"), text("group:team", "hi")))(t)
	p.quiet()
	if err := g.SetGroup(ctx, "team", []string{"mike", "moe"}); err != nil {
		t.Fatal(err)
	}
	want("mike", "moe")
	p.wantNotices("joined moe 1 ", "removed mia 1 ")
	p.wantPushes("mia/web", `group.Left {"group":"team","conv":"g:team","users":["mia"],"count":1,"event":"removed"}`)

	if n, err := g.AddMembers(ctx, "team", online); n != 4 || err != nil {
		t.Errorf("with those online: %d %v", n, err)
	}
	want("anna", "bert", "mike", "moe")
	if n, err := g.AddMembers(ctx, "tonight", online); n != 2 || err != nil {
		t.Errorf("a new one of those online: %d %v", n, err)
	}
	crowd := make([]string, chat.MaxBackendGroup+1)
	for i := range crowd {
		crowd[i] = fmt.Sprint("u", i)
	}
	if _, err := g.AddMembers(ctx, "tonight", crowd); codec.AsError(err).Code != 429 {
		t.Errorf("too many members: %v", err)
	}

	if was, err := g.DeleteGroup(ctx, "team"); !was || err != nil {
		t.Errorf("deleted: %t %v", was, err)
	}
	if was, err := g.DeleteGroup(ctx, "team"); was || err != nil {
		t.Errorf("deleted again: %t %v", was, err)
	}
	p.quiet()
	p.node.Take("anna/web")
	if err := g.SetGroup(ctx, "team", []string{}); err != nil { // an empty one, under an old id
		t.Fatal(err)
	}
	want()
	many := make([]string, 10_000)
	for i := range many {
		many[i] = fmt.Sprintf("u%05d", i)
	}
	if err := g.SetGroup(ctx, "team", many); err != nil {
		t.Fatal(err)
	}
	page, _, err := p.store.Page(ctx, "", "g:team", chat.PageQuery{Limit: 1})
	if err != nil || len(page) != 1 || len(page[0].Data) > 2000 {
		t.Errorf("the notice of 10,000 has %d bytes, %v", len(page[0].Data), err)
	}
	want(many...)
}
