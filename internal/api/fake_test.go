package api_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
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
	"pushd/internal/push/pushtest"
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

// node is the fake of package pushtest, with groups in memory. It remembers the topic
// "room".
type node struct {
	*pushtest.Node
	*push.MemoryGroups
}

// newNode has these sessions, or alice's.
func newNode(sessions ...string) *node {
	if len(sessions) == 0 {
		sessions = []string{"alice/web", "alice/ios"}
	}
	groups := push.NewMemoryGroups(2, 0)
	history := func(topic string) int {
		if topic == "room" {
			return 100
		}
		return 0
	}
	return &node{
		Node: pushtest.NewNode(groups, pushtest.NodeOptions{History: history}, sessions...), MemoryGroups: groups,
	}
}

func (n *node) ports() push.Ports {
	return push.Ports{Deliverer: n, Closer: n, Directory: n, Topics: n}
}

// meet has alice and carol in two topics, two messages in "room", and dave online.
func (n *node) meet(t *testing.T) {
	t.Helper()
	for _, session := range []string{"carol/ios", "dave/web", "dave/ios"} {
		n.Login(session)
	}
	for _, topic := range []string{"room", "a/b"} {
		for _, session := range []string{"alice/web", "carol/ios"} {
			if err := n.Subscribe(t.Context(), session, topic); err != nil {
				t.Fatal(err)
			}
		}
	}
	stamp := codec.Stamp(`{"Module":"push","Action":"Message","Data":{},"Topic":"room","Offset":`)
	for range 2 {
		if _, _, err := n.Publish(t.Context(), "room", "", stamp); err != nil {
			t.Fatal(err)
		}
	}
}

// chatPorts are a chat service's, with these sessions online.
func chatPorts(store chat.Store, sessions ...string) chat.Ports {
	groups := members.New(chat.NewMemberSource(store), members.Options{})
	n := delivertest.NewNode(groups, sessions...)
	return chat.Ports{Store: store, Deliverer: n, Members: groups, Presence: n}
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
