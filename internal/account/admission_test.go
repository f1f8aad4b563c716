package account_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pushd/internal/account"
	"pushd/internal/events"
	"pushd/internal/store/storetest"
	"pushd/internal/testwait"
)

func TestEntered(t *testing.T) {
	ctx := t.Context()
	f := &faulty{Store: storetest.Open(t, storetest.SQLite)}
	n := join(t, f, newClock(), account.Options{})
	outside := account.Identity{User: "alice"}
	if err := n.Entered(ctx, outside); err != nil {
		t.Fatal(err)
	}
	if u, err := n.store.User(ctx, "alice"); err != nil || !u.External || u.Created != n.clock.now().UnixMilli() {
		t.Errorf("%+v, %v", u, err)
	}
	f.set(true)
	wantCode(t, "known, and no database", n.Entered(ctx, outside), 0, "")
	wantCode(t, "unknown, and no database", n.Entered(ctx, account.Identity{User: "bob"}), 503, "database")
	f.set(false)
	wantCode(t, "an API key", n.Entered(ctx, admins), 0, "")
	wantCode(t, "a bot", n.Entered(ctx, account.Identity{User: "bot:echo"}), 403, "a bot can't log in")
	wantCode(t, "ours and gone", n.Entered(ctx, account.Identity{User: "carol", Grant: "g"}), 401, "the account is deleted")
	if _, err := n.store.User(ctx, "carol"); code(err) != 404 {
		t.Errorf("made again: %v", err)
	}

	for _, disabled := range []bool{true, false} {
		if _, err := n.ChangeUser(ctx, admins, account.ChangeUserRequest{User: "alice", Disabled: &disabled}); err != nil {
			t.Fatal(err)
		}
		want := map[bool]int{true: 403, false: 0}[disabled]
		wantCode(t, fmt.Sprint("disabled: ", disabled), n.Entered(ctx, outside), want, "")
	}
}

// slow is a store whose queries wait, and are counted.
type slow struct {
	account.Store
	gate    chan struct{}
	queries atomic.Int64
	writes  atomic.Int64
}

func (s *slow) Users(ctx context.Context, ids []string) ([]account.User, error) {
	s.queries.Add(1)
	<-s.gate
	return s.Store.Users(ctx, ids)
}

func (s *slow) EnsureUsers(ctx context.Context, ids []string, now int64) error {
	s.writes.Add(1)
	return s.Store.EnsureUsers(ctx, ids, now)
}

// TestStormOfFirstLogins: users who come together cost one query and one commit,
// and each gets an answer of their own.
func TestStormOfFirstLogins(t *testing.T) {
	s := &slow{Store: storetest.Open(t, storetest.SQLite), gate: make(chan struct{})}
	n := join(t, s, newClock(), account.Options{})
	var wg sync.WaitGroup
	var refused atomic.Int64
	for i := range 1000 {
		wg.Go(func() {
			id := account.Identity{User: fmt.Sprint("u", i/2)} // each twice
			if i >= 990 {
				id = account.Identity{User: fmt.Sprint("gone", i), Grant: "g"}
			}
			if code(n.Entered(t.Context(), id)) == 401 {
				refused.Add(1)
			}
		})
	}
	testwait.Until(t, "998 to wait", n.AdmissionWaiting, func(waiting int) bool { return waiting >= 998 })
	close(s.gate)
	wg.Wait()
	if q, w := s.queries.Load(), s.writes.Load(); q > 4 || w > 4 {
		t.Errorf("%d queries and %d commits", q, w)
	}
	if r := refused.Load(); r != 10 {
		t.Errorf("%d refused, want 10", r)
	}
	if u, err := n.store.User(t.Context(), "u17"); err != nil || !u.External {
		t.Errorf("%+v, %v", u, err)
	}
}

// TestForgottenWhileAsked: an answer that is older than a revocation isn't kept.
func TestForgottenWhileAsked(t *testing.T) {
	s := &slow{Store: storetest.Open(t, storetest.SQLite), gate: make(chan struct{}, 1)}
	n := join(t, s, newClock(), account.Options{})
	if err := s.Store.EnsureUsers(t.Context(), []string{"alice"}, 1); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- n.Entered(context.Background(), account.Identity{User: "alice"}) }()
	testwait.Equal(t, "the number of queries", 1, s.queries.Load)
	if _, err := n.RevokeUser(t.Context(), admins, account.RevokeUserRequest{User: "alice"}); err != nil {
		t.Fatal(err)
	}
	s.gate <- struct{}{}
	if err := <-done; err != nil || n.Known("alice") {
		t.Errorf("%v; known: %t", err, n.Known("alice"))
	}
	s.gate <- struct{}{}
	if err := n.Entered(t.Context(), account.Identity{User: "alice"}); err != nil || !n.Known("alice") {
		t.Errorf("%v; known: %t", err, n.Known("alice"))
	}
}

// TestLastSeen is written down now and then, and at the end.
func TestLastSeen(t *testing.T) {
	db, c := storetest.Open(t, storetest.SQLite), newClock()
	n := join(t, db, c, account.Options{})
	n.user("alice")
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		n.Run(ctx)
	}()
	c.add(time.Minute)
	ended := events.PublisherOf[account.SessionEnded](n.bus)
	ended.Publish(account.SessionEnded{Identity: account.Identity{User: "alice"}})
	ended.Publish(account.SessionEnded{Identity: account.Identity{User: "nobody"}})
	cancel()
	<-done
	if u, err := db.User(t.Context(), "alice"); err != nil || u.LastSeen != c.now().UnixMilli() {
		t.Errorf("%+v, %v", u, err)
	}
}
