package account_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"pushd/internal/account"
	"pushd/internal/codec"
	"pushd/internal/store/storetest"
	"pushd/internal/testwait"
)

func TestRegister(t *testing.T) {
	ctx := t.Context()
	off := start(t, account.Options{})
	_, err := off.Register(ctx, home, account.RegisterRequest{User: "alice", Password: password})
	wantCode(t, "registering is off by default", err, 403, "accounts.register")

	n := start(t, account.Options{Register: true, Lockout: account.LockoutOptions{Registrations: 3}})
	u, err := n.Register(ctx, home, account.RegisterRequest{User: "alice", Password: password, Name: "Alice"})
	if err != nil || u.ID != "alice" || u.Name != "Alice" || u.External || u.Created != n.clock.now().UnixMilli() {
		t.Fatalf("%+v, %v", u, err)
	}
	for _, c := range []struct {
		name string
		r    account.RegisterRequest
		code int
		says string
	}{
		{"no id", account.RegisterRequest{Password: password}, 400, "user id"},
		{"id with a space", account.RegisterRequest{User: "a b", Password: password}, 400, "user id"},
		{"a bot's", account.RegisterRequest{User: "bot:x", Password: password}, 400, "choose another"},
		{"short password", account.RegisterRequest{User: "bob", Password: "1234567"}, 400, "8 to 128"},
		{"long password", account.RegisterRequest{User: "bob", Password: strings.Repeat("x", 129)}, 400, "8 to 128"},
		{"name of two lines", account.RegisterRequest{User: "bob", Password: password, Name: "a\nb"}, 400, "name"},
		{"taken", account.RegisterRequest{User: "alice", Password: password}, 409, "taken"},
		{"the last that is allowed", account.RegisterRequest{User: "bob", Password: strings.Repeat("x", 128)}, 0, ""},
		{"too many", account.RegisterRequest{User: "carol", Password: password}, 429, "too many"},
	} {
		_, err := n.Register(ctx, home, c.r)
		wantCode(t, c.name, err, c.code, c.says)
		if c.code == 429 && codec.AsError(err).RetryAfter > 20*time.Second {
			t.Errorf("wait %v", codec.AsError(err).RetryAfter)
		}
	}
	_, err = n.Register(ctx, away, account.RegisterRequest{User: "carol", Password: password})
	wantCode(t, "another address", err, 0, "")
	n.clock.add(20 * time.Second)
	_, err = n.Register(ctx, home, account.RegisterRequest{User: "dave", Password: password})
	wantCode(t, "a third of a minute later", err, 0, "")
}

func TestLogin(t *testing.T) {
	n := start(t, account.Options{TokenTTL: 10 * time.Minute, RefreshTTL: time.Hour})
	n.user("alice")
	l := n.login(home, "alice", "phone")
	now := n.clock.now()
	if l.User != "alice" || l.Expires != now.Add(10*time.Minute).UnixMilli() || l.RefreshExpires != now.Add(time.Hour).UnixMilli() {
		t.Errorf("%+v", l)
	}
	c, err := n.guard.Verify(l.Token)
	if err != nil || c.User != "alice" || c.ID == "" || !c.Issued.Equal(now) || c.Expires.UnixMilli() != l.Expires {
		t.Errorf("%+v, %v", c, err)
	}
	n.clock.add(10 * time.Minute)
	if _, err := n.guard.Verify(l.Token); !errors.Is(err, account.ErrExpired) {
		t.Errorf("ten minutes later: %v", err)
	}
	devices, err := n.Devices(t.Context(), account.Identity{User: "alice", Grant: c.ID}, struct{}{})
	if err != nil || len(devices.Devices) != 1 || devices.Devices[0].Device != "phone" || devices.Devices[0].Address != "192.0.2.1" || !devices.Devices[0].Current {
		t.Errorf("%+v, %v", devices, err)
	}
}

// TestLoginRefused: whatever is wrong with user or password, the answer is the
// same, and a password was computed for it.
func TestLoginRefused(t *testing.T) {
	ctx := t.Context()
	n := start(t, account.Options{Hash: account.HashOptions{Memory: 64, Passes: 1, Parallel: 1, Queue: 1}})
	n.user("alice")
	if err := n.store.EnsureUsers(ctx, []string{"external"}, 1); err != nil {
		t.Fatal(err)
	}
	requests := map[string]account.LoginRequest{
		"wrong password": {User: "alice", Password: "wrong horse"},
		"no such user":   {User: "nobody", Password: password},
		"no password":    {User: "external", Password: password},
	}
	for name, r := range requests {
		_, err := n.Login(ctx, home, r)
		wantCode(t, name, err, 401, "the user or the password is wrong")
		if errors.Unwrap(err) != nil {
			t.Errorf("%s: a cause: %v", name, errors.Unwrap(err))
		}
	}
	release := n.HoldHasher()
	for name, r := range requests {
		soon, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
		_, err := n.Login(soon, home, r)
		cancel()
		wantCode(t, name+" while others are computed", err, 503, "timed out")
	}
	release()
	for _, r := range []account.LoginRequest{
		{User: "", Password: password},
		{User: "alice"},
		{User: "alice", Password: strings.Repeat("x", 129)},
		{User: "alice", Password: password, Device: strings.Repeat("d", 129)},
		{User: "alice", Password: password, Platform: strings.Repeat("p", 33)},
	} {
		_, err := n.Login(ctx, home, r)
		wantCode(t, fmt.Sprintf("%+.20v", r), err, 400, "")
	}
	yes := true
	if _, err := n.ChangeUser(ctx, admins, account.ChangeUserRequest{User: "alice", Disabled: &yes}); err != nil {
		t.Fatal(err)
	}
	_, err := n.Login(ctx, home, account.LoginRequest{User: "alice", Password: "wrong horse"})
	wantCode(t, "disabled, and wrong", err, 401, "")
	_, err = n.Login(ctx, home, account.LoginRequest{User: "alice", Password: password})
	wantCode(t, "disabled", err, 403, "disabled")
}

// TestRehash: a hash of other parameters is replaced when its password comes.
func TestRehash(t *testing.T) {
	db, c := storetest.Open(t, storetest.SQLite), newClock()
	before := join(t, db, c, account.Options{})
	before.user("alice")
	after := join(t, db, c, account.Options{Hash: account.HashOptions{Memory: 128, Passes: 2}})
	for range 2 {
		after.login(home, "alice", "")
		if u, err := db.User(t.Context(), "alice"); err != nil || !strings.HasPrefix(u.Hash, "$argon2id$v=19$m=128,t=2,p=1$") {
			t.Errorf("%q, %v", u.Hash, err)
		}
	}
	before.login(home, "alice", "")
	// All at once: each is right, whoever brings the hash up to date.
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := after.Login(t.Context(), home, account.LoginRequest{User: "alice", Password: password}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestHasherIsBounded(t *testing.T) {
	n := start(t, account.Options{Hash: account.HashOptions{Memory: 64, Passes: 1, Parallel: 1, Queue: 3}})
	n.user("alice")
	release := n.HoldHasher()
	ctx, cancel := context.WithCancel(t.Context())
	codes := make(chan int)
	login := func(i int) {
		_, err := n.Login(ctx, account.Identity{Address: netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})}, account.LoginRequest{User: fmt.Sprint("u", i), Password: password})
		codes <- code(err)
	}
	for i := range 3 {
		go login(i)
	}
	testwait.Equal(t, "the number of those who wait", 3, n.HasherWaiting)
	for i := range 50 {
		go login(3 + i)
		if c := <-codes; c != 503 {
			t.Fatalf("beyond the queue: %d", c)
		}
	}
	_, err := n.Login(ctx, home, account.LoginRequest{User: "alice", Password: password})
	if e := codec.AsError(err); e == nil || e.Code != 503 || e.RetryAfter <= 0 || !e.Temporary {
		t.Errorf("%+v", e)
	}
	cancel()
	for range 3 {
		if c := <-codes; c != 503 {
			t.Errorf("canceled while waiting: %d", c)
		}
	}
	release()
	// None of it counts as a wrong password.
	n.login(home, "alice", "")
}

// TestMaxDevices: the one unused the longest goes, and what is connected by it.
func TestMaxDevices(t *testing.T) {
	n := start(t, account.Options{MaxDevices: 3})
	n.user("alice")
	var logins []account.Login
	for range 3 {
		logins = append(logins, n.login(home, "alice", ""))
		n.clock.add(time.Second)
	}
	second := n.connect(logins[1].Token)
	first, err := n.Refresh(t.Context(), home, account.RefreshRequest{RefreshToken: logins[0].RefreshToken})
	if err != nil {
		t.Fatal(err)
	}
	n.login(home, "alice", "")
	_, err = n.guard.Verify(logins[1].Token)
	wantCode(t, "the second", err, 401, "revoked")
	if left := n.sessions.left(); len(left) != 0 {
		t.Errorf("%s is still connected: %q", second.Grant, left)
	}
	for _, l := range []account.Login{first, logins[2]} {
		n.identity(l.Token)
	}
}

func TestDatabaseDown(t *testing.T) {
	f := &faulty{Store: storetest.Open(t, storetest.SQLite)}
	n := join(t, f, newClock(), account.Options{})
	n.user("alice")
	l := n.login(home, "alice", "")
	f.set(true)
	for range 20 {
		_, err := n.Login(t.Context(), home, account.LoginRequest{User: "alice", Password: password})
		wantCode(t, "login", err, 503, "database")
	}
	_, err := n.Logout(t.Context(), n.identity(l.Token), account.LogoutRequest{})
	wantCode(t, "logout", err, 503, "database")
	n.identity(l.Token) // verifying needs no database
	f.set(false)
	n.login(home, "alice", "")
}
