package account_test

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pushd/internal/account"
	"pushd/internal/codec"
	"pushd/internal/delivery"
	"pushd/internal/events"
	"pushd/internal/metrics"
	"pushd/internal/store/storetest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if err := storetest.Stop(); err != nil {
			code = 1
		}
		os.Exit(code)
	}))
}

// ownKey is what nodes of the tests sign with.
const ownKey = "0123456789abcdef0123456789abcdef"

var (
	home   = account.Identity{Address: netip.MustParseAddr("192.0.2.1")}
	away   = account.Identity{Address: netip.MustParseAddr("198.51.100.7")}
	admins = account.Identity{Key: "ops", Scopes: account.ScopeAdmin}
)

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time // guarded by mu
}

func newClock() *clock { return &clock{t: time.UnixMilli(1_793_000_000_000)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// open is a session of the fake node.
type open struct {
	user, grant string
	since       time.Time
}

// sessions are the connections of a fake node.
type sessions struct {
	mu   sync.Mutex
	open []open // guarded by mu
	gone []open // guarded by mu: closed because the account is
}

func (s *sessions) add(o open) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = append(s.open, o)
}

func (s *sessions) left() (grants []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.open {
		grants = append(grants, o.grant)
	}
	return grants
}

// Close implements delivery.Closer.
func (s *sessions) Close(_ context.Context, of delivery.Sessions, cause delivery.Cause, _ string) (closed int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var stay []open
	for _, o := range s.open {
		if o.user != of.User || of.Login != nil && !account.Admits(of.Login, o.grant, o.since) {
			stay = append(stay, o)
			continue
		}
		closed++
		if cause == delivery.CauseAccountClosed {
			s.gone = append(s.gone, o)
		}
	}
	s.open = stay
	return closed, nil
}

// node is a service with what is around it.
type node struct {
	*account.Service
	t        *testing.T
	store    account.Store
	guard    *account.Guard
	sessions *sessions
	bus      *events.Bus
	clock    *clock
}

// cheap is a hash that costs next to nothing.
var cheap = account.HashOptions{Memory: 64, Passes: 1}

// start makes a node on a database of its own.
func start(t *testing.T, o account.Options) *node {
	t.Helper()
	return join(t, storetest.Open(t, storetest.SQLite), newClock(), o)
}

// join makes a node on a database that others are on too.
func join(t *testing.T, store account.Store, c *clock, o account.Options) *node {
	t.Helper()
	outside, err := account.NewVerifier(account.VerifierOptions{Key: secret, Now: c.now})
	check(err)
	guard, err := account.NewGuard(ownKey, outside, c.now)
	check(err)
	n := &node{t: t, store: store, guard: guard, sessions: &sessions{}, bus: events.New(metrics.New(1), nil), clock: c}
	if o.Hash == (account.HashOptions{}) {
		o.Hash = cheap
	}
	o.Clock = c.now
	n.Service, err = account.New(account.Ports{Store: store, Guard: guard, Sessions: n.sessions, Events: n.bus}, o)
	check(err)
	return n
}

// run runs the node until the test ends.
func (n *node) run() {
	n.t.Helper()
	check(n.Load(n.t.Context()))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		n.Run(ctx)
	}()
	n.t.Cleanup(func() {
		cancel()
		<-done
	})
}

const password = "correct horse"

// user makes an account with the password.
func (n *node) user(id string) {
	n.t.Helper()
	if _, err := n.CreateUser(n.t.Context(), admins, account.CreateUserRequest{ID: id, Password: password}); err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) login(from account.Identity, user, device string) account.Login {
	n.t.Helper()
	l, err := n.Login(n.t.Context(), from, account.LoginRequest{User: user, Password: password, Device: device})
	if err != nil {
		n.t.Fatal(err, errors.Unwrap(err))
	}
	return l
}

// identity is who comes with a token.
func (n *node) identity(token string) account.Identity {
	n.t.Helper()
	c, err := n.guard.Verify(token)
	if err != nil {
		n.t.Fatal(err, errors.Unwrap(err))
	}
	return account.Identity{User: c.User, Grant: c.ID, Address: home.Address, Expires: c.Expires}
}

// connect opens a session with a token.
func (n *node) connect(token string) account.Identity {
	n.t.Helper()
	id := n.identity(token)
	n.sessions.add(open{id.User, id.Grant, n.clock.now()})
	return id
}

// code is what a client is told; 0 is no error.
func code(err error) int {
	if e := codec.AsError(err); e != nil {
		return e.Code
	}
	return 0
}

func wantCode(t *testing.T, what string, err error, want int, text string) {
	t.Helper()
	if code(err) != want || err != nil && !strings.Contains(codec.AsError(err).Msg, text) {
		t.Errorf("%s: %v (%v), want %d %q", what, err, errors.Unwrap(err), want, text)
	}
}

// faulty is a store that can be out of order.
type faulty struct {
	account.Store
	mu   sync.Mutex
	down bool
}

func (f *faulty) set(down bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = down
}

func (f *faulty) err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down {
		return codec.Errorf(codec.CodeUnavailable, "the database can't answer now")
	}
	return nil
}

func (f *faulty) User(ctx context.Context, id string) (account.User, error) {
	if err := f.err(); err != nil {
		return account.User{}, err
	}
	return f.Store.User(ctx, id)
}

func (f *faulty) Users(ctx context.Context, ids []string) ([]account.User, error) {
	if err := f.err(); err != nil {
		return nil, err
	}
	return f.Store.Users(ctx, ids)
}

func (f *faulty) Revocations(ctx context.Context, after, now int64) ([]account.Revocation, error) {
	if err := f.err(); err != nil {
		return nil, err
	}
	return f.Store.Revocations(ctx, after, now)
}

func (f *faulty) Revoke(ctx context.Context, r ...account.Revocation) error {
	if err := f.err(); err != nil {
		return err
	}
	return f.Store.Revoke(ctx, r...)
}
