package chat_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"pushd/internal/account"
	"pushd/internal/chat"
	"pushd/internal/delivery/delivertest"
	"pushd/internal/events"
	"pushd/internal/members"
	"pushd/internal/metrics"
	"pushd/internal/store"
	"pushd/internal/store/storetest"
)

// people is a service on groups and friends in SQLite, and a node on paper.
type people struct {
	*chat.Service
	t      *testing.T
	store  *store.Store
	node   *delivertest.Node
	groups *members.Cache
	bus    *events.Bus
	log    *strings.Builder
}

func newPeople(t *testing.T, o chat.Options, sessions ...string) *people {
	t.Helper()
	s := storetest.Open(t, storetest.SQLite)
	groups := members.New(chat.NewMemberSource(s), members.Options{})
	p := &people{t: t, store: s, node: delivertest.NewNode(groups, sessions...), groups: groups, log: &strings.Builder{}}
	p.bus = events.New(metrics.New(1), nil)
	o.Clock = func() time.Time { return time.UnixMilli(1793000000000) }
	o.Log = slog.New(slog.NewTextHandler(p.log, nil))
	ports := p.ports(p.store)
	ports.Events = p.bus
	p.Service = chat.New(ports, o)
	return p
}

// ports are those of a service on another view of the store.
func (p *people) ports(store chat.Store) chat.Ports {
	return chat.Ports{Store: store, Deliverer: p.node, Members: p.groups, Presence: p.node}
}

// team makes the group "team" of olga, who owns it, of adam, its admin, and of mia
// and mike.
func (p *people) team(join string) {
	p.t.Helper()
	ctx := p.t.Context()
	ok(p.GroupCreate(ctx, admin, chat.GroupCreateRequest{ID: "team", Name: "The team", Owner: "olga", Join: join, Limit: 6, Members: []string{"adam", "mia", "mike"}}))(p.t)
	ok(p.GroupSetRole(ctx, as("olga"), chat.GroupRoleRequest{Group: "team", User: "adam", Role: chat.RoleAdmin}))(p.t)
	p.quiet()
}

// quiet forgets what was told so far.
func (p *people) quiet() {
	for _, s := range []string{"olga/web", "adam/web", "mia/web", "mia/ios", "mike/web", "zoe/web"} {
		p.node.Take(s)
	}
}

// wantPushes checks what a session got since the last time, as "name data".
func (p *people) wantPushes(session string, want ...string) {
	p.t.Helper()
	var got []string
	for _, push := range p.node.Take(session) {
		got = append(got, push.Name+" "+string(push.Data))
	}
	if !slices.Equal(got, want) {
		p.t.Errorf("%s got:\n%s\nwant:\n%s", session, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// wantNotices checks what the last messages of the group's conversation are, newest
// first, as "event users count by".
func (p *people) wantNotices(want ...string) {
	p.t.Helper()
	page, _, err := p.store.Page(p.t.Context(), "", "g:team", chat.PageQuery{Limit: max(1, len(want))})
	if err != nil {
		p.t.Fatal(err)
	}
	var got []string
	for _, m := range page {
		var n chat.Notice
		if err := json.Unmarshal(m.Data, &n); err != nil || m.From != "$server" || m.Type != chat.TypeNotice {
			p.t.Errorf("%+v is no notice: %v", m, err)
		}
		got = append(got, fmt.Sprintf("%s %s %d %s", n.Event, strings.Join(n.Users, ","), n.Count, n.By))
	}
	if !slices.Equal(got, want) {
		p.t.Errorf("notices:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func (p *people) wantMembers(want ...string) {
	p.t.Helper()
	got, _, err := p.store.MemberIDs(p.t.Context(), "team")
	if err != nil || !slices.Equal(got, want) {
		p.t.Errorf("members %q, want %q", got, want)
	}
}

// operation makes a service method one that takes and gives JSON, as doors do.
func operation[Req, Rep any](f func(context.Context, account.Identity, Req) (Rep, error)) func(context.Context, account.Identity, string) (string, error) {
	return func(ctx context.Context, id account.Identity, data string) (string, error) {
		var r Req
		if err := json.Unmarshal([]byte(data), &r); err != nil {
			return "", fmt.Errorf("%s: %w", data, err)
		}
		rep, err := f(ctx, id, r)
		if err != nil {
			return "", err
		}
		b, err := json.Marshal(rep)
		return string(b), err
	}
}
