package push_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"pushd/internal/account"
	"pushd/internal/codec"
	"pushd/internal/delivery/delivertest"
	"pushd/internal/push"
	"pushd/internal/push/pushtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// node is the fake of package pushtest, which has all that the service asks for. It
// remembers 1,000 messages of topics that begin with "r"; and a test can have it fail,
// or tell of more than a test can make.
type node struct {
	*pushtest.Node
	groups      *push.MemoryGroups
	idempotency push.Idempotency // the default if nil

	mu       sync.Mutex
	dropped  map[string]int
	moves    []push.TopicChange
	sessions int // that Counts tells, unless 0
}

func newNode() *node {
	groups := push.NewMemoryGroups(0, 0)
	n := pushtest.NewNode(groups, pushtest.NodeOptions{
		History: func(topic string) int {
			if strings.HasPrefix(topic, "r") {
				return 1000
			}
			return 0
		},
		Roster:    func(topic string) bool { return topic == "room" },
		MaxTopics: 100,
	}, "watcher/web", "other/web")
	return &node{Node: n, groups: groups, dropped: map[string]int{}}
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

// full is somebody whose session can be in no more topics.
func (n *node) full(t *testing.T) account.Identity {
	t.Helper()
	id := account.Identity{User: "full", Session: "full/web", Platform: 1}
	for i := range 100 {
		n.enter(t, fmt.Sprint("topic", i), id.Session)
	}
	return id
}

// enter has sessions log in and subscribe.
func (n *node) enter(t *testing.T, topic string, sessions ...string) {
	t.Helper()
	for _, s := range sessions {
		n.Login(s)
		check(t, n.Subscribe(t.Context(), s, topic))
	}
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
