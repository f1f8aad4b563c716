package push_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"pushd/internal/account"
	"pushd/internal/codec"
	"pushd/internal/delivery/delivertest"
	"pushd/internal/push"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// node is a fake of all ports: the fake of package delivertest, with a directory
// and topics that remember. A user of many platforms has as many sessions.
type node struct {
	*delivertest.Node
	groups      *push.MemoryGroups
	idempotency push.Idempotency // the default if nil

	mu       sync.Mutex
	dropped  map[string]int
	history  map[string][]codec.Frame
	moves    []push.TopicChange
	sessions int // that Counts tells; 1 if 0
}

func newNode() *node {
	groups := push.NewMemoryGroups(0, 0)
	return &node{Node: delivertest.NewNode(groups, "watcher/web", "other/web"), groups: groups, dropped: map[string]int{}}
}

func (n *node) ports() push.Ports {
	return push.Ports{Deliverer: n, Closer: n, Directory: n, Topics: n, Idempotency: n.idempotency}
}

// sent empties the record of deliveries and returns it.
func (n *node) sent() []delivertest.Delivery { return n.Deliveries() }

func (n *node) set(user string, platforms ...string) {
	for _, p := range n.Platforms(user) {
		n.Logout(user + "/" + p)
	}
	for _, p := range platforms {
		n.Login(user + "/" + p)
	}
}

// move changes where a user is online and tells the service.
func (n *node) move(s *push.Service, user string, p account.Platform, online bool) {
	session := user + "/" + map[account.Platform]string{web: "web", ios: "ios"}[p]
	if online {
		n.Login(session)
	} else {
		n.Logout(session)
	}
	s.Presence(user, p, online)
}

func (n *node) Counts(context.Context) (push.Counts, error) {
	return push.Counts{Connections: 2, Sessions: max(n.sessions, 1), Users: 1}, nil
}

func (n *node) OnlineUsers(_ context.Context, platform string, limit int, cursor string) ([]push.OnlineUser, string, error) {
	if cursor == "bad" {
		return nil, "", codec.Errorf(codec.CodeMalformed, "bad cursor")
	}
	return []push.OnlineUser{{User: platform, Platforms: make([]string, limit)}}, cursor, nil
}

func (n *node) UserSessions(_ context.Context, user string) ([]push.SessionInfo, error) {
	if user == "broken" {
		return nil, errors.New("boom")
	}
	var all []push.SessionInfo
	for _, p := range n.Platforms(user) {
		all = append(all, push.SessionInfo{User: user, Platform: p})
	}
	return all, nil
}

func (n *node) CheckUsers(_ context.Context, users []string) (on []push.OnlineUser, err error) {
	for _, u := range users {
		if p := n.Platforms(u); len(p) > 0 {
			on = append(on, push.OnlineUser{User: u, Platforms: p})
		}
	}
	return on, nil
}

func (n *node) AllOnline(_ context.Context, most int) ([]string, error) {
	if n.sessions > most {
		return nil, codec.Errorf(codec.CodeTooMany, "too many users are online")
	}
	var online []string
	for _, u := range []string{"alice", "bob", "carol"} {
		if len(n.Platforms(u)) > 0 {
			online = append(online, u)
		}
	}
	return online, nil
}

// Subscribe adds a session to a topic, unless it is the one that is in enough.
func (n *node) Subscribe(ctx context.Context, session, topic string) error {
	if session == "full" {
		return codec.Errorf(codec.CodeTooMany, "too many topics")
	}
	return n.Node.Subscribe(ctx, session, topic)
}

// kicks are the calls of Close, as "user|platform|session|text".
func (n *node) kicks() (all []string) {
	for _, c := range n.Closings() {
		all = append(all, strings.Join([]string{c.Of.User, strings.Join(c.Of.Platforms, ","), c.Of.Session, c.Text}, "|"))
	}
	return all
}

func (n *node) topicsOf(session string) []string { return n.Topics(session) }

func (n *node) Dropped(reason string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.dropped[reason]++
}

func (n *node) drops(reason string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.dropped[reason]
}

// groupAdmin administers the groups of the node.
func (n *node) groupAdmin(log *slog.Logger) *push.GroupAdmin {
	return push.NewGroupAdmin(n.groups, n, log)
}

// service makes a service on the node.
func service(t testing.TB, n *node, o push.Options) *push.Service {
	t.Helper()
	platforms, err := account.NewPlatforms(nil)
	if err != nil {
		t.Fatal(err)
	}
	o.Drops = n
	return push.New(n.ports(), platforms, o)
}

var (
	pusher = account.Identity{Key: "backend", Scopes: account.ScopePush}
	reader = account.Identity{Key: "monitor", Scopes: account.ScopeRead}
	admin  = account.Identity{Key: "ops", Scopes: account.ScopeAdmin}
	alice  = account.Identity{User: "alice", Session: "watcher/web", Platform: 1}
)

// wantCode checks that err answers with the code, and says what it should.
func wantCode(t *testing.T, err error, code int, says string) {
	t.Helper()
	var e *codec.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v, want code %d", err, code)
	}
	if e.Code != code || !strings.Contains(e.Msg, says) {
		t.Fatalf("error %v, want code %d saying %q", err, code, says)
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func ok[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// logged is a logger that writes into the buffer.
func logged(b *bytes.Buffer) *slog.Logger { return slog.New(slog.NewTextHandler(b, nil)) }

func message(s string) push.Message { return push.Message(s) }
