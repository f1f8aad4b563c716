package api_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pushd/internal/account"
	"pushd/internal/api"
	"pushd/internal/chat"
	"pushd/internal/chat/chattest"
	"pushd/internal/codec"
	"pushd/internal/delivery/delivertest"
	"pushd/internal/members"
	"pushd/internal/metrics"
	"pushd/internal/push"
	"pushd/internal/testlog"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// fasthttp's own: one wakes every 10 s to see that its server ended, the
		// other keeps the Date header of the process.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
	)
}

// node is a fake of the push service's ports: alice is online on web and ios, and
// what it tells of her is fixed.
type node struct {
	*delivertest.Node
	*push.MemoryGroups
	online []string // users that AllOnline tells
}

// newNode has these sessions, or alice's.
func newNode(sessions ...string) *node {
	if len(sessions) == 0 {
		sessions = []string{"alice/web", "alice/ios"}
	}
	groups := push.NewMemoryGroups(2, 0)
	n := &node{Node: delivertest.NewNode(groups, sessions...), MemoryGroups: groups}
	for _, s := range sessions {
		user, _, _ := strings.Cut(s, "/")
		n.online = append(n.online, user)
	}
	n.online = slices.Compact(n.online)
	return n
}

func (n *node) ports() push.Ports {
	return push.Ports{Deliverer: n, Closer: n, Directory: n, Topics: n}
}

// chatPorts are a chat service's, with these sessions online.
func chatPorts(store chat.Store, sessions ...string) chat.Ports {
	groups := members.New(chat.NewMemberSource(store), members.Options{})
	n := delivertest.NewNode(groups, sessions...)
	return chat.Ports{Store: store, Deliverer: n, Members: groups, Presence: n}
}

func (n *node) Counts(context.Context) (push.Counts, error) {
	return push.Counts{
		Connections: 3, Sessions: 2, Users: 1, Platforms: map[string]int{"web": 1, "ios": 1},
		Nodes: []push.NodeCounts{{Name: "n1", Connections: 3, Sessions: 2}},
	}, nil
}

func (n *node) OnlineUsers(ctx context.Context, _ string, _ int, cursor string) ([]push.OnlineUser, string, error) {
	if cursor == "bad" {
		return nil, "", codec.Errorf(codec.CodeMalformed, "the cursor is not one that this server gave")
	}
	users, err := n.CheckUsers(ctx, []string{"alice"})
	return users, "next", err
}

func (n *node) AllOnline(context.Context, int) ([]string, error) { return n.online, nil }

func (n *node) UserSessions(_ context.Context, user string) ([]push.SessionInfo, error) {
	if user != "alice" {
		return nil, nil
	}
	return []push.SessionInfo{{Session: "s1", User: user, Platform: "web", Address: "192.0.2.1:5", Node: "n1", Since: 1, LastSeen: 2}}, nil
}

func (n *node) CheckUsers(_ context.Context, users []string) (on []push.OnlineUser, err error) {
	for _, u := range users {
		if p := n.Platforms(u); len(p) > 0 {
			on = append(on, push.OnlineUser{User: u, Platforms: p})
		}
	}
	return on, nil
}

// adminKey and the others are the secrets of keys with one scope each.
const (
	adminKey = "admin-secret-0123456789"
	pushKey  = "push-secret-0123456789"
	readKey  = "read-secret-0123456789"
)

// fixture is an admin door on a real listener, with fakes behind it.
type fixture struct {
	t       testing.TB
	node    *node
	store   *chattest.Store
	chat    *chat.Service
	admin   *api.Admin
	files   *fileFixture
	metrics *metrics.Metrics
	log     *testlog.Buffer
	addr    string
	client  *http.Client

	started atomic.Bool

	mu    sync.Mutex
	ready error
}

// newKeys are the platforms that there are by default, and a key with each
// scope.
func newKeys(t testing.TB) (*account.Platforms, *account.APIKeys) {
	t.Helper()
	platforms, err := account.NewPlatforms(nil)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := account.NewAPIKeys([]account.APIKey{
		{Name: "ops", Secret: adminKey, Scopes: account.ScopeAdmin},
		{Name: "backend", Secret: pushKey, Scopes: account.ScopePush},
		{Name: "monitor", Secret: readKey, Scopes: account.ScopeRead},
	})
	if err != nil {
		t.Fatal(err)
	}
	return platforms, keys
}

func newAdmin(t testing.TB) *fixture {
	t.Helper()
	f := &fixture{t: t, node: newNode(), metrics: metrics.New(1), log: &testlog.Buffer{}}
	platforms, keys := newKeys(t)
	log := slog.New(slog.NewTextHandler(f.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if _, measuring := t.(*testing.B); measuring {
		log = slog.New(slog.DiscardHandler)
	}
	f.started.Store(true)
	f.store = chattest.NewStore()
	f.chat = chat.New(chatPorts(f.store, "alice/web"), chat.Options{})
	service := push.New(f.node.ports(), platforms, push.Options{Log: log})
	f.files = newFiles(t)
	f.admin = api.NewAdmin(service, keys, f.metrics, api.AdminOptions{
		Ready: func() error {
			f.mu.Lock()
			defer f.mu.Unlock()
			return f.ready
		},
		Started:     f.started.Load,
		Check:       func(context.Context) (bool, error) { return true, nil },
		Groups:      push.NewGroupAdmin(f.node.MemoryGroups, f.node, log),
		Services:    api.Services{Account: newAccounts(t, account.Options{Log: log}).Service, Chat: f.chat, Files: f.files.service},
		Build:       api.Build{Version: "v0.0.0-test", Go: "go1.26"},
		LogRequests: true,
		Log:         log,
	})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.addr, f.client = serve(t, f.admin, ln)
	return f
}

type server interface {
	Serve(net.Listener) error
	Shutdown(context.Context) error
}

// serve runs a door until the test is over, and makes a client for it.
func serve(t testing.TB, s server, ln net.Listener) (addr string, client *http.Client) {
	t.Helper()
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	client = &http.Client{Transport: &http.Transport{}, Timeout: 30 * time.Second}
	t.Cleanup(func() {
		client.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return ln.Addr().String(), client
}

func (f *fixture) setReady(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ready = err
}

// response is a reply whose body was read.
type response struct {
	*http.Response
	body string
}

// request is what a test sends; body "" is none.
func (f *fixture) request(method, path, key, body string) *http.Request {
	f.t.Helper()
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(f.t.Context(), method, "http://"+f.addr+path, r)
	if err != nil {
		f.t.Fatal(err)
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	return req
}

func (f *fixture) do(req *http.Request) response {
	f.t.Helper()
	return roundTrip(f.t, f.client, req)
}

func roundTrip(t testing.TB, client *http.Client, req *http.Request) response {
	t.Helper()
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return whole(t, resp)
}

// whole is a response with all of its body, which the caller closes.
func whole(t testing.TB, resp *http.Response) response {
	t.Helper()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response{resp, string(body)}
}

func wantReply(t *testing.T, r response, status int, says string) {
	t.Helper()
	if r.StatusCode != status || !strings.Contains(r.body, says) {
		t.Errorf("reply %d %s, want %d saying %q", r.StatusCode, r.body, status, says)
	}
}
