package push_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"pushd/internal/account"
	"pushd/internal/codec"
	"pushd/internal/push"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// delivery is what a Deliverer was asked to do.
type delivery struct {
	to      push.Target
	payload string
}

// node is a fake of all ports: who is online is a map, and deliveries are
// recorded.
type node struct {
	deliver func(push.Target) (push.Receipt, error) // nil: to who is online

	mu         sync.Mutex
	online     map[string][]string // user to platforms
	topics     map[string]map[string]bool
	groups     map[string][]string
	groupsFail error // what asking for groups and deleting them ends with
	deliveries []delivery
	dropped    map[string]int
	kicked     []string
	history    map[string][]codec.Frame
	moves      []push.TopicChange
	sessions   int // that Counts tells; 1 if 0
}

func newNode() *node {
	return &node{online: map[string][]string{}, topics: map[string]map[string]bool{}, groups: map[string][]string{}, dropped: map[string]int{}}
}

func (n *node) ports() push.Ports {
	return push.Ports{Deliverer: n, Directory: n, Topics: n, Groups: n}
}

func (n *node) Deliver(_ context.Context, to push.Target, f codec.Frame) (push.Receipt, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.deliver != nil {
		r, err := n.deliver(to)
		if err != nil {
			return r, err
		}
		n.deliveries = append(n.deliveries, delivery{to, string(f.Payload())})
		return r, nil
	}
	n.deliveries = append(n.deliveries, delivery{to, string(f.Payload())})
	var r push.Receipt
	for _, u := range to.Users {
		matching := 0
		for _, p := range n.online[u] {
			if len(to.Platforms) == 0 || slices.Contains(to.Platforms, p) {
				matching++
			}
		}
		if matching == 0 {
			r.Offline = append(r.Offline, u)
			continue
		}
		r.Sessions += matching
		r.Users++
	}
	for _, t := range to.Topics {
		r.Sessions += len(n.topics[t])
		r.Users += len(n.topics[t])
	}
	return r, nil
}

// sent empties the record and returns it.
func (n *node) sent() []delivery {
	n.mu.Lock()
	defer n.mu.Unlock()
	d := n.deliveries
	n.deliveries = nil
	return d
}

func (n *node) set(user string, platforms ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(platforms) == 0 {
		delete(n.online, user)
		return
	}
	n.online[user] = platforms
}

// move changes where a user is online and tells the service.
func (n *node) move(s *push.Service, user string, p account.Platform, online bool) {
	name := map[account.Platform]string{web: "web", ios: "ios"}[p]
	n.mu.Lock()
	now := slices.DeleteFunc(slices.Clone(n.online[user]), func(have string) bool { return have == name })
	n.mu.Unlock()
	if online {
		now = append(now, name)
	}
	n.set(user, now...)
	s.Presence(user, p, online)
}

func (n *node) Counts() push.Counts {
	return push.Counts{Connections: 2, Sessions: max(n.sessions, 1), Users: 1}
}

func (n *node) OnlineUsers(platform string, limit int, cursor string) ([]push.OnlineUser, string, error) {
	if cursor == "bad" {
		return nil, "", codec.Errorf(codec.CodeMalformed, "bad cursor")
	}
	return []push.OnlineUser{{User: platform, Platforms: make([]string, limit)}}, cursor, nil
}

func (n *node) UserSessions(_ context.Context, user string) ([]push.SessionInfo, error) {
	if user == "broken" {
		return nil, errors.New("boom")
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []push.SessionInfo
	for _, p := range n.online[user] {
		all = append(all, push.SessionInfo{User: user, Platform: p})
	}
	return all, nil
}

func (n *node) CheckUsers(users []string) []push.OnlineUser {
	n.mu.Lock()
	defer n.mu.Unlock()
	var on []push.OnlineUser
	for _, u := range users {
		if p := n.online[u]; len(p) > 0 {
			on = append(on, push.OnlineUser{User: u, Platforms: p})
		}
	}
	return on
}

func (n *node) Kick(_ context.Context, user, platform, session, reason string) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.kicked = append(n.kicked, strings.Join([]string{user, platform, session, reason}, "|"))
	return 1, nil
}

func (n *node) Subscribe(_ context.Context, session, topic string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if session == "full" {
		return codec.Errorf(codec.CodeTooMany, "too many topics")
	}
	if n.topics[topic] == nil {
		n.topics[topic] = map[string]bool{}
	}
	n.topics[topic][session] = true
	return nil
}

func (n *node) Unsubscribe(_ context.Context, session, topic string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.topics[topic], session)
	return nil
}

func (n *node) Subscribers(topic string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.topics[topic])
}

func (n *node) topicsOf(session string) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []string
	for t, sessions := range n.topics {
		if sessions[session] {
			all = append(all, t)
		}
	}
	slices.Sort(all)
	return all
}

func (n *node) SetGroup(_ context.Context, group string, users []string) error {
	n.groups[group] = users
	return nil
}

func (n *node) AddOnline(_ context.Context, group string) (int, error) {
	n.groups[group] = slices.Sorted(maps.Keys(n.online))
	return len(n.groups[group]), nil
}

func (n *node) Group(_ context.Context, group string) ([]string, bool, error) {
	users, ok := n.groups[group]
	return users, ok, n.groupsFail
}

func (n *node) DeleteGroup(_ context.Context, group string) (bool, error) {
	_, ok := n.groups[group]
	delete(n.groups, group)
	return ok, n.groupsFail
}

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
	alice  = account.Identity{User: "alice", Session: "s-alice", Platform: 1}
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
