package storetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"

	"pushd/internal/account"
	"pushd/internal/codec"
)

// users is accounts: made, changed, listed, deleted.
func users(t *testing.T, s account.Store) {
	ctx := t.Context()
	alice := account.User{
		ID: "alice", Name: "Alice 🦊", Avatar: "https://x/a.png", Extra: json.RawMessage(`{"a":1}`), Hash: "$argon2id$…",
		Bot: true, Created: 1_793_000_000_000, LastSeen: 5,
	}
	wantNone(t, s.CreateUser(ctx, alice))
	if err := s.CreateUser(ctx, account.User{ID: "alice"}); code(err) != codec.CodeConflict {
		t.Errorf("twice: %v", err)
	}
	got, err := s.User(ctx, "alice")
	if err != nil || fmt.Sprint(got) != fmt.Sprint(alice) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := s.User(ctx, "Alice"); code(err) != codec.CodeNotFound {
		t.Errorf("ids differ by case: %v", err)
	}

	name, extra, disabled := "A", json.RawMessage(`{}`), true
	got, err = s.ChangeUser(ctx, "alice", account.UserChange{Name: &name, Extra: &extra, Disabled: &disabled})
	if err != nil || got.Name != "A" || string(got.Extra) != "{}" || !got.Disabled || got.Avatar != alice.Avatar ||
		got.Hash != alice.Hash {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err = s.ChangeUser(ctx, "alice", account.UserChange{}); err != nil || got.Name != "A" {
		t.Errorf("nothing to change: %+v, %v", got, err)
	}
	if _, err := s.ChangeUser(ctx, "nobody", account.UserChange{Name: &name}); code(err) != codec.CodeNotFound {
		t.Errorf("change nobody: %v", err)
	}
	// A change of the password that rests on another one.
	hash, other := "new", "other"
	if _, err := s.ChangeUser(ctx, "alice", account.UserChange{
		Hash:    &hash,
		OldHash: &other,
	}); code(err) != codec.CodeConflict {
		t.Errorf("another hash: %v", err)
	}
	if got, err = s.ChangeUser(ctx, "alice", account.UserChange{Hash: &hash, OldHash: &alice.Hash}); err != nil ||
		got.Hash != hash {
		t.Errorf("%+v, %v", got, err)
	}
}

// externalUsers are made where they are missing.
func externalUsers(t *testing.T, s account.Store) {
	ctx := t.Context()
	wantNone(t, s.CreateUser(ctx, account.User{ID: "alice", Created: 1}))
	wantNone(t, s.EnsureUsers(ctx, []string{"bob", "alice", "carol", "bob"}, 7))
	wantNone(t, s.EnsureUsers(ctx, nil, 8))
	wantNone(t, s.EnsureUsers(ctx, []string{"bob"}, 9))
	users, err := s.Users(ctx, []string{"bob", "nobody", "alice"})
	if err != nil || len(users) != 2 {
		t.Fatal(users, err)
	}
	for _, u := range users {
		if u.ID == "bob" && (!u.External || u.Created != 7) || u.ID == "alice" && u.External {
			t.Errorf("%+v", u)
		}
	}
	wantNone(t, s.SeenUsers(ctx, map[string]int64{"alice": 100, "bob": 50, "nobody": 1}))
	wantNone(t, s.SeenUsers(ctx, map[string]int64{"alice": 90}))
	wantNone(t, s.SeenUsers(ctx, nil))
	if got, err := s.User(ctx, "alice"); err != nil || got.LastSeen != 100 {
		t.Errorf("%+v, %v", got, err)
	}
}

// userPages lists by the bytes of ids, whatever the database's collation.
func userPages(t *testing.T, s account.Store) {
	ctx := t.Context()
	ids := []string{"B", "a", "a%", "a_b", "aa", "a\U0001F98A", "b", "bot:echo", "É", "日本"}
	wantNone(t, s.EnsureUsers(ctx, ids, 1))
	slices.Sort(ids)
	for _, c := range []struct {
		prefix string
		want   []string
	}{
		{"", ids},
		{"a", []string{"a", "a%", "a_b", "aa", "a\U0001F98A"}},
		{"a%", []string{"a%"}},
		{"日", []string{"日本"}},
		{"x", nil},
	} {
		var got []string
		for cursor, pages := "", 0; ; pages++ {
			page, next, err := s.ListUsers(ctx, c.prefix, 3, cursor)
			if err != nil || page == nil || len(page) > 3 || pages > 9 {
				t.Fatal(page, next, err)
			}
			for _, u := range page {
				got = append(got, u.ID)
			}
			if cursor = next; next == "" {
				break
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("prefix %q: %q, want %q", c.prefix, got, c.want)
		}
	}
	for _, cursor := range []string{"x", "!", "===="} {
		if _, _, err := s.ListUsers(ctx, "", 3, cursor); code(err) != codec.CodeMalformed {
			t.Errorf("cursor %q: %v", cursor, err)
		}
	}
}

// deletedUsers leave nothing behind but what they sent.
func deletedUsers(t *testing.T, s account.Store) {
	ctx := t.Context()
	wantNone(t, s.EnsureUsers(ctx, []string{"alice", "bob"}, 1))
	wantNone(t, s.CreateGrant(ctx, account.Grant{ID: "g1", User: "alice", Hash: []byte{1}, Expires: 100}))
	wantNone(t, s.CreateGrant(ctx, account.Grant{ID: "g2", User: "bob", Hash: []byte{1}, Expires: 100}))
	wantNone(t, s.DeleteUser(ctx, "alice"))
	if err := s.DeleteUser(ctx, "alice"); code(err) != codec.CodeNotFound {
		t.Errorf("twice: %v", err)
	}
	if _, err := s.User(ctx, "alice"); code(err) != codec.CodeNotFound {
		t.Errorf("still there: %v", err)
	}
	if _, err := s.Grant(ctx, "g1"); code(err) != codec.CodeNotFound {
		t.Errorf("their grant: %v", err)
	}
	if _, err := s.Grant(ctx, "g2"); err != nil {
		t.Errorf("another's: %v", err)
	}
}

// grants is what users logged in with.
func grants(t *testing.T, s account.Store) {
	ctx := t.Context()
	first := account.Grant{
		ID: "01A", User: "alice", Device: "phone", Platform: "ios", Address: "192.0.2.1",
		Hash: []byte{0, 1, 255}, Created: 10, Used: 10, Expires: 1000,
	}
	wantNone(t, s.CreateGrant(ctx, first))
	second := first
	second.ID, second.Created, second.Expires = "01B", 20, 50
	wantNone(t, s.CreateGrant(ctx, second))
	got, err := s.Grant(ctx, "01A")
	if err != nil || fmt.Sprint(got) != fmt.Sprint(first) {
		t.Errorf("%+v, %v", got, err)
	}
	all, err := s.Grants(ctx, "alice")
	if err != nil || len(all) != 2 || all[0].ID != "01B" {
		t.Errorf("newest first: %+v, %v", all, err)
	}
	if none, err := s.Grants(ctx, "nobody"); err != nil || none == nil || len(none) != 0 {
		t.Errorf("%v, %v", none, err)
	}

	wantNone(t, s.DeleteGrants(ctx, "bob", "01A"))
	if n, err := s.ExpireGrants(ctx, 50, 10); err != nil || n != 1 {
		t.Errorf("expired %d, %v", n, err)
	}
	if all, err = s.Grants(ctx, "alice"); err != nil || len(all) != 1 || all[0].ID != "01A" {
		t.Errorf("another user deletes nothing, and time does: %+v, %v", all, err)
	}
	wantNone(t, s.CreateGrant(ctx, second))
	wantNone(t, s.DeleteGrants(ctx, "alice", "01B", "none"))
	if all, err = s.Grants(ctx, "alice"); err != nil || len(all) != 1 {
		t.Errorf("%+v, %v", all, err)
	}
	wantNone(t, s.DeleteGrants(ctx, "alice"))
	if all, err = s.Grants(ctx, "alice"); err != nil || len(all) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
}

// rotation is many that rotate a grant at once, of which one does.
func rotation(t *testing.T, s account.Store) {
	ctx := t.Context()
	one := account.Grant{ID: "01A", User: "alice", Hash: []byte{0, 1, 255}, Expires: 1000}
	wantNone(t, s.CreateGrant(ctx, one))
	var wg sync.WaitGroup
	codes := make(chan int, 8)
	for i := range 8 {
		wg.Go(func() { codes <- code(s.RotateGrant(ctx, "01A", one.Hash, []byte{byte(i)}, 30, 2000)) })
	}
	wg.Wait()
	close(codes)
	won := 0
	for c := range codes {
		switch c {
		case 0:
			won++
		case codec.CodeConflict:
		default:
			t.Errorf("rotation: %d", c)
		}
	}
	got, err := s.Grant(ctx, "01A")
	if won != 1 || err != nil || !bytes.Equal(got.Previous, one.Hash) || len(got.Hash) != 1 || got.Used != 30 ||
		got.Expires != 2000 {
		t.Errorf("%d won; %+v, %v", won, got, err)
	}
	if err := s.RotateGrant(ctx, "none", one.Hash, []byte{1}, 1, 1); code(err) != codec.CodeConflict {
		t.Errorf("no such grant: %v", err)
	}
}

// revocations come in the order of their ids, as long as they hold.
func revocations(t *testing.T, s account.Store) {
	ctx := t.Context()
	wantNone(t, s.Revoke(ctx))
	wantNone(t, s.Revoke(ctx, account.Revocation{Grant: "g1", User: "alice", Before: 5, Expires: 100},
		account.Revocation{User: "bob", Before: 6, Expires: 200}))
	got, err := s.Revocations(ctx, 0, 50)
	if err != nil || len(got) != 2 || got[0].ID >= got[1].ID || got[0].Grant != "g1" || got[0].User != "alice" ||
		got[0].Before != 5 || got[0].Expires != 100 || got[1].Grant != "" {
		t.Fatalf("%+v, %v", got, err)
	}
	if after, err := s.Revocations(ctx, got[0].ID, 50); err != nil || len(after) != 1 || after[0].User != "bob" {
		t.Errorf("%+v, %v", after, err)
	}
	if live, err := s.Revocations(ctx, 0, 100); err != nil || len(live) != 1 {
		t.Errorf("%+v, %v", live, err)
	}
	if n, err := s.ExpireGrants(ctx, 100, 10); err != nil || n != 1 {
		t.Errorf("expired %d, %v", n, err)
	}
}

// revocationOrder is that who goes on from the last one misses none, while many
// make them.
func revocationOrder(t *testing.T, s account.Store) {
	ctx := t.Context()
	const makers, each = 8, 20
	done := make(chan struct{})
	go func() {
		defer close(done)
		var wg sync.WaitGroup
		for m := range makers {
			wg.Go(func() {
				for i := range each {
					if err := s.Revoke(ctx, account.Revocation{User: fmt.Sprint(m, "-", i), Expires: 1000}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
	}()
	seen, last := 0, int64(0)
	poll := func() {
		more, err := s.Revocations(ctx, last, 50)
		if err != nil {
			t.Error(err)
		}
		for _, r := range more {
			if r.ID <= last {
				t.Errorf("%d after %d", r.ID, last)
			}
			last = r.ID
			seen++
		}
	}
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		poll()
	}
	if seen != makers*each {
		t.Errorf("%d of %d were seen", seen, makers*each)
	}
}
