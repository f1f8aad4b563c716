package gateway_test

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"pushd/internal/account"
	"pushd/internal/delivery"
	"pushd/internal/poller/pollertest"
	"pushd/internal/store/storetest"
)

// logins lets in the users that the accounts let in.
type logins struct{ *account.Service }

func (l logins) Entering(ctx context.Context, id account.Identity) (int, error) {
	return 0, l.Entered(ctx, id)
}

func (l logins) Renewing(ctx context.Context, id account.Identity) (int, error) {
	return 0, l.Entered(ctx, id)
}

// tokenUsers are two nodes with accounts on one database.
type tokenUsers struct {
	t        *testing.T
	clock    *pollertest.Clock
	db       account.Store
	nodes    [2]*node
	services [2]*account.Service
}

var (
	somewhere = account.Identity{Address: netip.MustParseAddr("192.0.2.1")}
	admins    = account.Identity{Key: "ops", Scopes: account.ScopeAdmin}
)

// withAccounts starts the nodes; their tokens live as long as said.
func withAccounts(t *testing.T, ttl time.Duration) *tokenUsers {
	t.Helper()
	m := &tokenUsers{t: t, clock: pollertest.NewClock(), db: storetest.Open(t, storetest.SQLite)}
	for i := range m.nodes {
		guard, err := account.NewGuard("another0123456789abcdef0123456789", verifierBy(t, m.clock.Now), m.clock.Now)
		if err != nil {
			t.Fatal(err)
		}
		m.nodes[i] = start(t, setup{clock: m.clock, verifier: guard, accounts: func(closer delivery.Closer) *account.Service {
			s, err := account.New(account.Ports{Store: m.db, Guard: guard, Sessions: closer}, account.Options{
				Clock: m.clock.Now, TokenTTL: ttl, Poll: 10 * time.Millisecond, Hash: account.HashOptions{Memory: 64, Passes: 1},
			})
			if err != nil {
				t.Fatal(err)
			}
			m.services[i] = s
			return s
		}})
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() {
			defer close(done)
			m.services[i].Run(ctx)
		}()
		t.Cleanup(func() {
			cancel()
			<-done
		})
	}
	return m
}

// user makes an account and logs it in for tokens.
func (m *tokenUsers) user(name string) account.Login {
	m.t.Helper()
	if _, err := m.services[0].CreateUser(m.t.Context(), admins, account.CreateUserRequest{ID: name, Password: "correct horse"}); err != nil {
		m.t.Fatal(err)
	}
	return m.token(name)
}

func (m *tokenUsers) token(name string) account.Login {
	m.t.Helper()
	l, err := m.services[0].Login(m.t.Context(), somewhere, account.LoginRequest{User: name, Password: "correct horse", Device: "d"})
	if err != nil {
		m.t.Fatal(err)
	}
	return l
}

// connect logs in on a node.
func (m *tokenUsers) connect(node int, user, platform, token string) *client {
	m.t.Helper()
	c := m.nodes[node].dial()
	c.ok("robot", "Login", `{"UserId":"`+user+`","PlatId":"`+platform+`","Token":"`+token+`"}`)
	return c
}

// TestRevokedConnections are closed on every node: those of the grant, or of the
// user; and nobody comes in with its tokens any more.
func TestRevokedConnections(t *testing.T) {
	m := withAccounts(t, time.Hour)
	first, second := m.user("alice"), m.token("alice")
	bob := m.connect(1, "bob", "web", m.user("bob").Token)
	here, there := m.connect(0, "alice", "web", first.Token), m.connect(1, "alice", "ios", first.Token)
	stays := m.connect(1, "alice", "android", second.Token)
	external := m.connect(1, "alice", "pc", token(t, "alice", time.Hour))

	// Over the socket the connection that asks is one of those that end.
	here.send(`{"Module":"account","Action":"Logout"}`)
	here.closed(4002)
	there.closed(4002)
	m.nodes[0].dial().refused(401, "robot", "Login", `{"UserId":"alice","PlatId":"1","Token":"`+first.Token+`"}`)
	m.nodes[1].dial("Authorization", "Bearer "+first.Token).closed(4002)
	stays.ok("robot", "HeartBeat", "")
	external.ok("robot", "HeartBeat", "")

	if _, err := m.services[0].RevokeUser(t.Context(), admins, account.RevokeUserRequest{User: "alice"}); err != nil {
		t.Fatal(err)
	}
	stays.closed(4002)
	external.closed(4002)
	m.clock.Pass(t, pollertest.Tick) // each revocation is of what came before it
	again := m.connect(1, "alice", "web", m.token("alice").Token)
	bob.ok("robot", "HeartBeat", "")

	m.clock.Pass(t, pollertest.Tick)
	yes := true
	if _, err := m.services[0].ChangeUser(t.Context(), admins, account.ChangeUserRequest{User: "alice", Disabled: &yes}); err != nil {
		t.Fatal(err)
	}
	again.closed(4004)
	// A newer token from outside is good, and its user is not.
	m.clock.Pass(t, 2*time.Second)
	fresh := tokenAt(t, "alice", time.Hour, m.clock.Now())
	m.nodes[1].dial().refused(403, "robot", "Login", `{"UserId":"alice","PlatId":"1","Token":"`+fresh+`"}`)
	if _, err := m.services[1].DeleteUser(t.Context(), admins, account.UserRequest{User: "bob"}); err != nil {
		t.Fatal(err)
	}
	bob.closed(4004)
}

// TestExternalUsersHaveAccounts from their first login on.
func TestExternalUsersHaveAccounts(t *testing.T) {
	m := withAccounts(t, time.Hour)
	c := m.connect(1, "carol", "web", token(t, "carol", time.Hour))
	if me := c.ok("account", "Me", ""); me["id"] != "carol" || me["external"] != true {
		t.Errorf("%+v", me)
	}
	if me := c.ok("account", "Update", `{"name":"Carol","extra":{"a":[1]}}`); me["name"] != "Carol" {
		t.Errorf("%+v", me)
	}
	c.refused(400, "account", "Update", `{"extra":[1]}`)
	d := m.connect(0, "dave", "web", token(t, "dave", time.Hour))
	if p := d.ok("account", "User", `{"user":"carol"}`); p["name"] != "Carol" || p["extra"] != nil {
		t.Errorf("%+v", p)
	}
	if p := d.ok("account", "Users", `{"users":["carol","nobody"]}`); len(p["users"].([]any)) != 1 {
		t.Errorf("%+v", p)
	}
	c.refused(404, "account", "Login", `{"user":"carol","password":"correct horse"}`)
}

// TestTokenIsRenewedOnTheSocket: without a reconnect, by the refresh token; who
// doesn't is closed when it runs out.
func TestTokenIsRenewedOnTheSocket(t *testing.T) {
	m := withAccounts(t, 2*time.Second)
	l := m.user("alice")
	renews, forgets := m.connect(0, "alice", "web", l.Token), m.connect(0, "alice", "ios", l.Token)
	m.clock.Pass(t, 1100*time.Millisecond)
	next := renews.ok("account", "Refresh", `{"refresh_token":"`+l.RefreshToken+`"}`)
	renews.ok("robot", "Login", `{"UserId":"alice","PlatId":"web","Token":"`+next["token"].(string)+`"}`)
	m.clock.Pass(t, time.Second)
	forgets.closed(4002)
	renews.ok("robot", "HeartBeat", "")
	if devices := renews.ok("account", "Devices", "")["devices"].([]any); len(devices) != 1 || devices[0].(map[string]any)["current"] != true {
		t.Errorf("%+v", devices)
	}
	m.clock.Pass(t, 2*time.Second)
	renews.closed(4002)
}
