package account_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pushd/internal/account"
	"pushd/internal/codec"
	"pushd/internal/store/storetest"
	"pushd/internal/testwait"
)

func (n *node) refresh(l account.Login) (account.Login, error) {
	return n.Refresh(n.t.Context(), home, account.RefreshRequest{RefreshToken: l.RefreshToken})
}

// wantOut checks that whoever holds this login is logged out for good, and that
// nobody is connected any more.
func (n *node) wantOut(l account.Login) {
	n.t.Helper()
	_, err := n.refresh(l)
	wantCode(n.t, "the refresh token", err, 401, "log in again")
	_, err = n.guard.Verify(l.Token)
	wantCode(n.t, "the access token", err, 401, "revoked")
	if left := n.sessions.left(); len(left) != 0 {
		n.t.Errorf("still connected: %q", left)
	}
}

func TestRefresh(t *testing.T) {
	n := start(t, account.Options{RefreshTTL: time.Hour})
	n.user("alice")
	one := n.login(home, "alice", "")
	id := n.connect(one.Token)
	n.clock.add(40 * time.Minute)
	two, err := n.refresh(one)
	if err != nil || two.User != "alice" || two.RefreshToken == one.RefreshToken || two.RefreshExpires != n.clock.now().Add(time.Hour).UnixMilli() {
		t.Fatalf("%+v, %v", two, err)
	}
	if got := n.identity(two.Token); got.Grant != id.Grant {
		t.Errorf("another grant: %q", got.Grant)
	}
	// The reply was lost: the same again, and the same answer.
	n.clock.add(30 * time.Second)
	again, err := n.refresh(one)
	if err != nil || again.RefreshToken != two.RefreshToken {
		t.Errorf("%+v, %v", again, err)
	}
	n.clock.add(40 * time.Minute)
	three, err := n.refresh(two)
	if err != nil {
		t.Fatal(err)
	}
	n.clock.add(31 * time.Second)
	// The one before, when it is no accident any more: both holders are out.
	if left := n.sessions.left(); len(left) != 1 {
		t.Fatalf("%q", left)
	}
	_, err = n.refresh(two)
	wantCode(t, "reuse", err, 401, "log in again")
	n.wantOut(three)
	four := n.login(home, "alice", "")
	n.clock.add(time.Hour)
	_, err = n.refresh(four)
	wantCode(t, "run out", err, 401, "log in again")

	good := n.login(home, "alice", "").RefreshToken
	grant, part, _ := strings.Cut(good, ".")
	for _, token := range []string{
		"", ".", grant, grant + ".", part, good + "A", good[:len(good)-1], "." + part, strings.Repeat("x", 1<<16),
		"01ARZ3NDEKTSV4RRFFQ69G5FAV." + part, grant + "." + strings.Repeat("A", 43), grant + "!" + part,
	} {
		_, err := n.Refresh(t.Context(), home, account.RefreshRequest{RefreshToken: token})
		wantCode(t, fmt.Sprintf("%.40q", token), err, 401, "log in again")
	}
	if _, err := n.Refresh(t.Context(), home, account.RefreshRequest{RefreshToken: good}); err != nil {
		t.Errorf("guesses ended the log-in: %v", err)
	}
}

// TestRefreshManyStepsOld: a thief who refreshes several times before the owner
// does is found out all the same.
func TestRefreshManyStepsOld(t *testing.T) {
	n := start(t, account.Options{})
	n.user("alice")
	first := n.login(home, "alice", "")
	n.connect(first.Token)
	last := first
	for range 5 {
		next, err := n.refresh(last)
		if err != nil {
			t.Fatal(err)
		}
		last = next
	}
	_, err := n.refresh(first)
	wantCode(t, "the owner's", err, 401, "log in again")
	n.wantOut(last)
}

// TestRefreshAtOnce: two windows of one browser wake up together.
func TestRefreshAtOnce(t *testing.T) {
	n := start(t, account.Options{})
	n.user("alice")
	l := n.login(home, "alice", "")
	var wg sync.WaitGroup
	tokens := make(chan string, 8)
	for range 8 {
		wg.Go(func() {
			next, err := n.refresh(l)
			if err != nil {
				t.Error(err)
			}
			tokens <- next.RefreshToken
		})
	}
	wg.Wait()
	first := <-tokens
	for range 7 {
		if token := <-tokens; token != first {
			t.Error("two refresh tokens for one")
		}
	}
	if _, err := n.refresh(account.Login{RefreshToken: first}); err != nil {
		t.Error(err)
	}
}

func TestLogout(t *testing.T) {
	ctx := t.Context()
	n := start(t, account.Options{})
	n.user("alice")
	n.user("bob")
	one, two, bob := n.login(home, "alice", "a"), n.login(home, "alice", "b"), n.login(home, "bob", "")
	first, second := n.connect(one.Token), n.connect(two.Token)
	bobs := n.connect(bob.Token)
	if _, err := n.Logout(ctx, first, account.LogoutRequest{}); err != nil {
		t.Fatal(err)
	}
	_, err := n.guard.Verify(one.Token)
	wantCode(t, "logged out", err, 401, "revoked")
	if !errors.Is(err, account.ErrRevoked) {
		t.Error(err)
	}
	_, err = n.refresh(one)
	wantCode(t, "its refresh token", err, 401, "")
	if left := n.sessions.left(); !slices.Equal(left, []string{second.Grant, bobs.Grant}) {
		t.Errorf("connected: %q", left)
	}

	_, err = n.RevokeDevice(ctx, bobs, account.RevokeDeviceRequest{Grant: second.Grant})
	wantCode(t, "another's device", err, 404, "device")
	_, err = n.RevokeDevice(ctx, second, account.RevokeDeviceRequest{Grant: "none"})
	wantCode(t, "no device", err, 404, "device")

	three := n.login(home, "alice", "c")
	third := n.connect(three.Token)
	if _, err := n.RevokeDevice(ctx, third, account.RevokeDeviceRequest{Grant: second.Grant}); err != nil {
		t.Fatal(err)
	}
	_, err = n.guard.Verify(two.Token)
	wantCode(t, "revoked", err, 401, "revoked")
	if _, err := n.Logout(ctx, third, account.LogoutRequest{All: true}); err != nil {
		t.Fatal(err)
	}
	_, err = n.guard.Verify(three.Token)
	wantCode(t, "all devices", err, 401, "revoked")
	if left := n.sessions.left(); !slices.Equal(left, []string{bobs.Grant}) {
		t.Errorf("connected: %q", left)
	}
	// In the same instant there is a new beginning.
	n.identity(n.login(home, "alice", "").Token)

	// A token from outside names no grant.
	outside := account.Identity{User: "alice"}
	_, err = n.Logout(ctx, outside, account.LogoutRequest{})
	wantCode(t, "one token from outside", err, 409, "all: true")
	_, err = n.Logout(ctx, admins, account.LogoutRequest{})
	wantCode(t, "a backend", err, 403, "only a user")
}

func (n *node) outside(user string) string {
	n.t.Helper()
	s, err := account.NewSigner(account.SignerOptions{Key: secret})
	check(err)
	token, err := s.Sign(user, 100*time.Hour, n.clock.now())
	check(err)
	return token
}

// TestOutsideTokens are as good as ours, and end with a revocation of all.
func TestOutsideTokens(t *testing.T) {
	n := start(t, account.Options{})
	n.user("alice")
	token := n.outside("alice")
	c, err := n.guard.Verify(token)
	if err != nil || c.User != "alice" || c.ID != "" {
		t.Fatalf("%+v, %v", c, err)
	}
	n.sessions.add(open{"alice", "", n.clock.now()})
	ours := n.login(home, "alice", "")
	n.connect(ours.Token)
	if _, err := n.RevokeUser(t.Context(), admins, account.RevokeUserRequest{User: "alice"}); err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{"outside": token, "ours": ours.Token} {
		_, err := n.guard.Verify(token)
		wantCode(t, name, err, 401, "revoked")
	}
	if left := n.sessions.left(); len(left) != 0 {
		t.Errorf("connected: %q", left)
	}
	n.clock.add(time.Second)
	if _, err := n.guard.Verify(n.outside("alice")); err != nil {
		t.Errorf("a newer one: %v", err)
	}
	n.identity(n.login(home, "alice", "").Token)
}

// TestRevocationReachesOtherNodes, within a poll, also one that starts later; and
// is forgotten when no token is left that it concerns.
func TestRevocationReachesOtherNodes(t *testing.T) {
	ctx := t.Context()
	for _, engine := range []storetest.Engine{storetest.SQLite, storetest.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			db, c := storetest.Open(t, engine), newClock()
			o := account.Options{Poll: 5 * time.Millisecond, TokenTTL: time.Hour}
			a, b := join(t, db, c, o), join(t, db, c, o)
			a.run()
			b.run()
			a.user("alice")
			a.user("bob")
			a.user("carol")
			one, two, bob, carol := a.login(home, "alice", ""), a.login(home, "alice", ""), a.login(home, "bob", ""), a.login(home, "carol", "")
			b.connect(one.Token)
			kept := b.connect(two.Token)
			for _, l := range []account.Login{bob, carol} {
				b.connect(l.Token)
				if err := b.Entered(ctx, b.identity(l.Token)); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := a.Logout(ctx, a.identity(one.Token), account.LogoutRequest{}); err != nil {
				t.Fatal(err)
			}
			yes := true
			if _, err := a.ChangeUser(ctx, admins, account.ChangeUserRequest{User: "bob", Disabled: &yes}); err != nil {
				t.Fatal(err)
			}
			if _, err := a.DeleteUser(ctx, admins, account.UserRequest{User: "carol"}); err != nil {
				t.Fatal(err)
			}
			testwait.Until(t, "the other node to keep one session", b.sessions.left, func(left []string) bool { return slices.Equal(left, []string{kept.Grant}) })
			b.sessions.mu.Lock()
			if g := b.sessions.gone; len(g) != 2 || g[0].user != "bob" || g[1].user != "carol" {
				t.Errorf("closed accounts: %+v", g)
			}
			b.sessions.mu.Unlock()
			late := join(t, db, c, o)
			late.run()
			for name, n := range map[string]*node{"this": a, "other": b, "late": late} {
				for _, l := range []account.Login{one, bob, carol} {
					_, err := n.guard.Verify(l.Token)
					wantCode(t, name+" node, "+l.User, err, 401, "revoked")
				}
				n.identity(two.Token)
				wantCode(t, name, n.Entered(ctx, account.Identity{User: "bob"}), 403, "disabled")
				wantCode(t, name, n.Entered(ctx, account.Identity{User: "carol", Grant: "x"}), 401, "the account is deleted")
			}
			// A connection that came after the revocation stays.
			d := b.login(home, "alice", "")
			b.connect(d.Token)
			testwait.Equal(t, "what the guard remembers", 3, b.guard.Revoked)
			if left := b.sessions.left(); len(left) != 2 {
				t.Errorf("%q", left)
			}
			c.add(25 * time.Hour)
			for _, n := range []*node{a, b, late} {
				n.Sweep(ctx)
				if n.guard.Revoked() != 0 {
					t.Errorf("%d revocations are remembered", n.guard.Revoked())
				}
			}
			if rows, err := db.Revocations(ctx, 0, 0); err != nil || len(rows) != 0 {
				t.Errorf("%+v, %v", rows, err)
			}
		})
	}
}

// TestRevocationsWhileDown: what couldn't be read is read when it can.
func TestRevocationsWhileDown(t *testing.T) {
	db, c := storetest.Open(t, storetest.SQLite), newClock()
	f := &faulty{Store: db}
	a, b := join(t, db, c, account.Options{}), join(t, f, c, account.Options{Poll: 2 * time.Millisecond})
	b.run()
	a.user("alice")
	l := a.login(home, "alice", "")
	b.connect(l.Token)
	f.set(true)
	if _, err := a.Logout(t.Context(), a.identity(l.Token), account.LogoutRequest{All: true}); err != nil {
		t.Fatal(err)
	}
	b.identity(l.Token)
	f.set(false)
	testwait.Until(t, "no session to be left", b.sessions.left, func(left []string) bool { return len(left) == 0 })
}

func TestChangePassword(t *testing.T) {
	ctx := t.Context()
	n := start(t, account.Options{})
	n.user("alice")
	here, there := n.login(home, "alice", ""), n.login(away, "alice", "")
	me, other := n.connect(here.Token), n.connect(there.Token)
	change := func(from, to string) error {
		_, err := n.ChangePassword(ctx, me, account.ChangePasswordRequest{Old: from, New: to})
		return err
	}
	wantCode(t, "wrong", change("wrong horse", "another one"), 401, "wrong")
	wantCode(t, "short", change(password, "short"), 400, "8 to 128")
	wantCode(t, "long old one", change(strings.Repeat("x", 200), "another one"), 401, "wrong")
	wantCode(t, "right", change(password, "another one"), 0, "")
	_, err := n.guard.Verify(there.Token)
	wantCode(t, "the other device", err, 401, "revoked")
	n.identity(here.Token)
	if left := n.sessions.left(); !slices.Equal(left, []string{me.Grant}) || slices.Contains(left, other.Grant) {
		t.Errorf("connected: %q", left)
	}
	_, err = n.Login(ctx, home, account.LoginRequest{User: "alice", Password: password})
	wantCode(t, "the old one", err, 401, "")
	_, err = n.Login(ctx, home, account.LoginRequest{User: "alice", Password: "another one"})
	wantCode(t, "the new one", err, 0, "")
	// Guessing it with a stolen token is slowed too.
	codes := map[int]int{}
	for range 100 {
		codes[code(change("wrong horse", "another one"))]++
	}
	if codes[401] > 10 || codes[429] < 90 {
		t.Errorf("%v", codes)
	}
	if err := n.store.EnsureUsers(ctx, []string{"external"}, 1); err != nil {
		t.Fatal(err)
	}
	_, err = n.ChangePassword(ctx, account.Identity{User: "external"}, account.ChangePasswordRequest{Old: password, New: password})
	wantCode(t, "no password", err, 409, "no password")
}

func TestGuard(t *testing.T) {
	if _, err := account.NewGuard(ownKey[1:], nil, nil); err == nil {
		t.Error("a short key was taken")
	}
	n := start(t, account.Options{})
	n.user("alice")
	token := n.login(home, "alice", "").Token
	alone, err := account.NewGuard(ownKey, nil, n.clock.now)
	check(err)
	if c, err := alone.Verify(token); err != nil || c.User != "alice" {
		t.Errorf("the same key on another node: %+v, %v", c, err)
	}
	_, err = alone.Verify(n.outside("alice"))
	wantCode(t, "nobody outside counts", err, 401, "refused")
	another, err := account.NewGuard(strings.Repeat("x", 32), nil, n.clock.now)
	check(err)
	_, err = another.Verify(token)
	wantCode(t, "another key", err, 401, "refused")
	// The secret itself signs nothing that counts as ours.
	forged, err := account.NewSigner(account.SignerOptions{Key: ownKey, KeyID: "pushd", Issuer: "pushd"})
	check(err)
	f, err := forged.SignGrant("alice", "01ARZ3NDEKTSV4RRFFQ69G5FAV", time.Hour, n.clock.now())
	check(err)
	_, err = alone.Verify(f)
	wantCode(t, "signed with the secret", err, 401, "refused")

	for _, c := range []struct {
		token string
		user  string
		code  int
	}{
		{"bob", "bob", 0}, {token, "alice", 0}, {"", "", 401}, {"a b", "", 401}, {"$x", "", 401}, {f, "", 401}, {"a.b.c", "a.b.c", 0},
	} {
		claims, err := account.OpenUsers{Guard: alone}.Verify(c.token)
		if code(err) != c.code || claims.User != c.user {
			t.Errorf("open, %.20q: %+v, %v", c.token, claims, err)
		}
	}
	if c, err := (account.OpenUsers{}).Verify("bob"); err != nil || c.User != "bob" || c.Issued.IsZero() {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := n.Logout(t.Context(), n.identity(token), account.LogoutRequest{}); err != nil {
		t.Fatal(err)
	}
	if _, err := (account.OpenUsers{Guard: n.guard}).Verify(token); !errors.Is(err, account.ErrRevoked) || codec.AsError(err).Code != 401 {
		t.Errorf("revoked: %v", err)
	}
}
