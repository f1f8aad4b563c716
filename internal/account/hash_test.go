package account_test

import (
	"strings"
	"testing"

	"pushd/internal/account"
	"pushd/internal/store/storetest"
)

// TestStoredHashes: a row of the database can be wrong, and must not take the
// server down.
func TestStoredHashes(t *testing.T) {
	db := storetest.Open(t, storetest.SQLite)
	n := join(t, db, newClock(), account.Options{})
	n.user("alice")
	u, err := db.User(t.Context(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	good := u.Hash
	for _, hash := range []string{
		"x", "$", "$argon2i$v=19$m=64,t=1,p=1$AAAA$AAAA", "$2a$10$N9qo8uLOickgx2ZMRZoMye",
		strings.Replace(good, "v=19", "v=18", 1), strings.Replace(good, "m=64", "m=0", 1), strings.Replace(good, "m=64", "m=4294967295", 1),
		strings.Replace(good, "t=1", "t=0", 1), strings.Replace(good, "t=1", "t=4294967295", 1), strings.Replace(good, "p=1", "p=0", 1),
		strings.Replace(good, "p=1", "p=256", 1), strings.Replace(good, "m=64", "m=-1", 1), good[:len(good)-30], good + "!", good + "$",
	} {
		if _, err := db.ChangeUser(t.Context(), "alice", account.UserChange{Hash: &hash}); err != nil {
			t.Fatal(err)
		}
		_, err := n.Login(t.Context(), home, account.LoginRequest{User: "alice", Password: password})
		wantCode(t, hash, err, 500, "internal")
	}
	if _, err := db.ChangeUser(t.Context(), "alice", account.UserChange{Hash: &good}); err != nil {
		t.Fatal(err)
	}
	n.login(home, "alice", "")
}

func TestHashOptions(t *testing.T) {
	guard, err := account.NewGuard(ownKey, nil, nil)
	check(err)
	for _, o := range []account.HashOptions{{Memory: 4}, {Memory: 5 << 20}, {Memory: 64, Passes: 101}, {Memory: 64, Threads: 9}} {
		if _, err := account.New(account.Ports{Guard: guard}, account.Options{Hash: o}); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}

func BenchmarkLogin(b *testing.B) {
	guard, err := account.NewGuard(ownKey, nil, nil)
	check(err)
	db := storetest.Open(b, storetest.SQLite)
	s, err := account.New(account.Ports{Store: db, Guard: guard, Sessions: &sessions{}}, account.Options{MaxDevices: 1 << 20})
	check(err)
	_, err = s.CreateUser(b.Context(), admins, account.CreateUserRequest{ID: "alice", Password: password})
	check(err)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Login(b.Context(), home, account.LoginRequest{User: "alice", Password: password}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRecheck(b *testing.B) {
	guard, err := account.NewGuard(ownKey, nil, nil)
	check(err)
	c := account.Claims{User: "alice", ID: "01ARZ3NDEKTSV4RRFFQ69G5FAV"}
	b.ReportAllocs()
	for b.Loop() {
		if err := guard.Recheck(c); err != nil {
			b.Fatal(err)
		}
	}
}
