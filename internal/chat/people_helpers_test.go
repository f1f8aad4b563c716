package chat_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pushd/internal/account"
	"pushd/internal/chat"
	"pushd/internal/chat/chattest"
	"pushd/internal/store/storetest"
)

// people is a service on groups and friends in SQLite, and a node on paper.
type people struct {
	*chat.Service
	t       *testing.T
	store   chat.Store
	node    *chattest.Node
	notices *notices
	log     *strings.Builder
}

// notices are the messages that the service wrote by itself.
type notices struct {
	chat.Messages // nil

	mu  sync.Mutex
	all []chat.Message
}

// Append implements chat.Messages.
func (n *notices) Append(_ context.Context, d chat.Draft) (chat.Message, bool, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	m := chat.Message{ID: d.ID, Conv: d.Conv, Seq: uint64(len(n.all)) + 1, From: d.From, Body: d.Body, Time: d.Time}
	n.all = append(n.all, m)
	return m, false, nil
}

// taken are the notices since the last time, as "from: data".
func (n *notices) taken() (all []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, m := range n.all {
		all = append(all, m.From+" "+m.Type+" "+string(m.Data))
	}
	n.all = nil
	return all
}

type kept struct {
	chat.Messages
	chat.Conversations
	chat.Groups
	chat.Friends
}

func newPeople(t *testing.T, o chat.Options, sessions ...string) *people {
	t.Helper()
	s := storetest.Open(t, storetest.SQLite)
	p := &people{t: t, node: chattest.NewNode(sessions...), notices: &notices{}, log: &strings.Builder{}}
	p.store = kept{p.notices, nil, s, s}
	o.Clock = func() time.Time { return time.UnixMilli(1793000000000) }
	o.Log = slog.New(slog.NewTextHandler(p.log, nil))
	p.Service = chat.New(chat.Ports{Store: p.store, Deliverer: p.node}, o)
	return p
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
	p.notices.taken()
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

func (p *people) wantNotices(want ...string) {
	p.t.Helper()
	if got := p.notices.taken(); !slices.Equal(got, want) {
		p.t.Errorf("notices:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func (p *people) wantMembers(want ...string) {
	p.t.Helper()
	if got := ok(p.store.MemberIDs(p.t.Context(), "team"))(p.t); !slices.Equal(got, want) {
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
