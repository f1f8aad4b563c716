package api_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pushd/internal/account"
	"pushd/internal/api"
	"pushd/internal/chat"
	"pushd/internal/chat/chattest"
	"pushd/internal/codec"
	"pushd/internal/metrics"
	"pushd/internal/push"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// fasthttp's own: one wakes every 10 s to see that its server ended, the
		// other keeps the Date header of the process.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
	)
}

// node is a fake of the push service's ports. Who is online is fixed: alice,
// on web and ios.
type node struct {
	deliver func(context.Context, push.Target) (push.Receipt, error)

	mu     sync.Mutex
	groups map[string][]string
}

func (n *node) Deliver(ctx context.Context, to push.Target, _ codec.Frame) (push.Receipt, error) {
	if n.deliver != nil {
		return n.deliver(ctx, to)
	}
	var r push.Receipt
	for _, u := range to.Users {
		if u == "alice" {
			r.Sessions, r.Users = 2, 1
		} else {
			r.Offline = append(r.Offline, u)
		}
	}
	return r, nil
}

func (n *node) Counts() push.Counts {
	return push.Counts{
		Connections: 3, Sessions: 2, Users: 1, Platforms: map[string]int{"web": 1, "ios": 1},
		Nodes: []push.NodeCounts{{Name: "n1", Connections: 3, Sessions: 2}},
	}
}

func (n *node) OnlineUsers(_ string, _ int, cursor string) ([]push.OnlineUser, string, error) {
	if cursor == "bad" {
		return nil, "", codec.Errorf(codec.CodeMalformed, "this cursor is none of ours")
	}
	return n.CheckUsers([]string{"alice"}), "next", nil
}

func (n *node) UserSessions(_ context.Context, user string) ([]push.SessionInfo, error) {
	if user != "alice" {
		return nil, nil
	}
	return []push.SessionInfo{{Session: "s1", User: user, Platform: "web", Address: "192.0.2.1:5", Node: "n1", Since: 1, LastSeen: 2}}, nil
}

func (n *node) CheckUsers(users []string) []push.OnlineUser {
	var on []push.OnlineUser
	for _, u := range users {
		if u == "alice" {
			on = append(on, push.OnlineUser{User: u, Platforms: []string{"web", "ios"}})
		}
	}
	return on
}

func (n *node) Kick(context.Context, string, string, string, string) (int, error) { return 2, nil }
func (n *node) Subscribe(context.Context, string, string) error                   { return nil }
func (n *node) Unsubscribe(context.Context, string, string) error                 { return nil }
func (n *node) Subscribers(string) int                                            { return 0 }

func (n *node) SetGroup(_ context.Context, group string, users []string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if group == "one-too-many" {
		return codec.Errorf(codec.CodeTooMany, "too many groups")
	}
	n.groups[group] = users
	return nil
}

func (n *node) AddOnline(ctx context.Context, group string) (int, error) {
	return 1, n.SetGroup(ctx, group, []string{"alice"})
}

func (n *node) Group(_ context.Context, group string) ([]string, bool, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	users, ok := n.groups[group]
	return users, ok, nil
}

func (n *node) DeleteGroup(ctx context.Context, group string) (bool, error) {
	_, ok, err := n.Group(ctx, group)
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.groups, group)
	return ok, err
}

// syncBuffer is a log that a test reads while the server writes.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
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
	log     *syncBuffer
	addr    string
	client  *http.Client

	mu    sync.Mutex
	ready error
}

func newAdmin(t testing.TB) *fixture {
	t.Helper()
	f := &fixture{t: t, node: &node{groups: map[string][]string{}}, metrics: metrics.New(1), log: &syncBuffer{}}
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
	log := slog.New(slog.NewTextHandler(f.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if _, measuring := t.(*testing.B); measuring {
		log = slog.New(slog.DiscardHandler)
	}
	f.store = chattest.NewStore()
	f.chat = chat.New(chat.Ports{Store: f.store, Deliverer: chattest.NewNode("alice/web")}, chat.Options{})
	service := push.New(push.Ports{Deliverer: f.node, Directory: f.node, Topics: f.node, Groups: f.node}, platforms, push.Options{Log: log})
	f.files = newFiles(t)
	f.admin = api.NewAdmin(service, keys, f.metrics, api.AdminOptions{
		Ready: func() error {
			f.mu.Lock()
			defer f.mu.Unlock()
			return f.ready
		},
		Check:       func(context.Context) (bool, error) { return true, nil },
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
