package chat_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pushd/internal/account"
	"pushd/internal/chat"
	"pushd/internal/codec"
)

// everyoneOnline is a chat.OnlineLister.
type everyoneOnline []string

func (o *everyoneOnline) AllOnline(_ context.Context, most int) ([]string, error) {
	if len(*o) > most {
		return nil, codec.Errorf(codec.CodeTooMany, "too many users are online")
	}
	return *o, nil
}

func TestGroupAdmin(t *testing.T) {
	online := everyoneOnline{"anna", "bert"}
	p := newPeople(t, chat.Options{}, "mia/web", "anna/web")
	g := chat.NewGroupAdmin(p.Service, &online)
	ctx := t.Context()
	want := func(users ...string) {
		t.Helper()
		got, err := g.GroupUsers(ctx, admin, "team")
		if err != nil || !slices.Equal(got, users) {
			t.Errorf("the group is %q %v, want %q", got, err, users)
		}
	}
	set := func(users ...string) {
		t.Helper()
		if n, err := g.SetGroup(ctx, admin, "team", users); n != len(users) || err != nil {
			t.Fatalf("set %d users: %d %v", len(users), n, err)
		}
	}
	_, err := g.GroupUsers(ctx, admin, "team")
	wantCode(t, err, 404, "no group team")
	if n, err := g.SetGroup(ctx, admin, "team", []string{"mike", "mia", "mike"}); n != 2 || err != nil {
		t.Fatalf("set %d %v", n, err)
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
	set("mike", "moe")
	want("mike", "moe")
	p.wantNotices("joined moe 1 ", "removed mia 1 ")
	p.wantPushes("mia/web", `group.Left {"group":"team","conv":"g:team","users":["mia"],"count":1,"event":"removed"}`)

	if n, err := g.AddOnline(ctx, admin, "team"); n != 4 || err != nil {
		t.Errorf("with those online: %d %v", n, err)
	}
	want("anna", "bert", "mike", "moe")
	if n, err := g.AddOnline(ctx, admin, "tonight"); n != 2 || err != nil {
		t.Errorf("a new one of those online: %d %v", n, err)
	}
	limit := 10
	ok(p.store.ChangeGroup(ctx, "tonight", chat.GroupChange{Limit: &limit}))(t)
	online = make([]string, limit, chat.MaxBackendGroup+1) // and the two that are in it
	for i := range online {
		online[i] = fmt.Sprintf("u%06d", i)
	}
	_, err = g.AddOnline(ctx, admin, "tonight")
	wantCode(t, err, 429, "full")
	online = online[:chat.MaxBackendGroup+1]
	_, err = g.AddOnline(ctx, admin, "tonight")
	wantCode(t, err, 429, "online")

	if err := g.DeleteGroup(ctx, admin, "team"); err != nil {
		t.Error(err)
	}
	wantCode(t, g.DeleteGroup(ctx, admin, "team"), 404, "no group team")
	p.quiet()
	p.node.Take("anna/web")
	set([]string{}...) // an empty one, under an old id
	want()
	many := make([]string, 10_000)
	for i := range many {
		many[i] = fmt.Sprintf("u%05d", i)
	}
	set(many...)
	page, _, err := p.store.Page(ctx, "", "g:team", chat.PageQuery{Limit: 1})
	if err != nil || len(page) != 1 || len(page[0].Data) > 2000 {
		t.Errorf("the notice of 10,000 has %d bytes, %v", len(page[0].Data), err)
	}
	want(many...)
}

func TestGroupAdminChecksAndLogs(t *testing.T) {
	p := newPeople(t, chat.Options{})
	g, ctx := chat.NewGroupAdmin(p.Service, &everyoneOnline{"anna"}), t.Context()
	calls := map[string]func(account.Identity, string) error{
		"group.set": func(id account.Identity, group string) error {
			_, err := g.SetGroup(ctx, id, group, []string{"mia"})
			return err
		},
		"group.add_online": func(id account.Identity, group string) error { _, err := g.AddOnline(ctx, id, group); return err },
		"group.get":        func(id account.Identity, group string) error { _, err := g.GroupUsers(ctx, id, group); return err },
		"group.delete":     func(id account.Identity, group string) error { return g.DeleteGroup(ctx, id, group) },
	}
	for operation, call := range calls {
		t.Run(operation, func(t *testing.T) {
			for _, bad := range []string{"", "$x", "a\tb"} {
				wantCode(t, call(admin, bad), 400, "group")
			}
			pusher := account.Identity{Key: "backend", Scopes: account.ScopePush}
			for _, id := range []account.Identity{pusher, as("mia")} {
				wantCode(t, call(id, "team"), 403, "")
			}
			if !strings.Contains(p.log.String(), "msg=refused operation="+operation+" user=\"\" key=backend") {
				t.Errorf("a refusal is not in the log:\n%s", p.log)
			}
		})
	}
	_, err := g.SetGroup(ctx, admin, "team", nil)
	wantCode(t, err, 400, "users is missing; an empty list makes an empty group")
	_, err = g.SetGroup(ctx, admin, "team", []string{""})
	wantCode(t, err, 400, "user id")
	for _, operation := range []string{"group.set", "group.add_online", "group.delete"} {
		if err := calls[operation](admin, "team"); err != nil {
			t.Fatal(err)
		}
	}
	for _, line := range []string{
		`msg=changed operation=group.set user="" key=ops target=team`,
		`msg=changed operation=group.add_online user="" key=ops target=team`,
		`msg=changed operation=group.delete user="" key=ops target=team`,
	} {
		if strings.Count(p.log.String(), line) != 1 {
			t.Errorf("the log has not %q once:\n%s", line, p.log)
		}
	}
}
