package storetest

import (
	"fmt"
	"slices"
	"testing"

	"pushd/internal/offline"
)

// pushTokens is one phone after the other, of several users.
func pushTokens(t *testing.T, s offline.Tokens) {
	const limit = 3
	token := func(user, device, provider, token string, time int64) offline.Token {
		return offline.Token{User: user, Device: device, Provider: provider, Platform: "ios", Token: token, Time: time}
	}
	put := func(k offline.Token) {
		t.Helper()
		if err := s.PutPushToken(t.Context(), k, limit); err != nil {
			t.Fatal(err)
		}
	}
	want := func(users []string, want ...offline.Token) {
		t.Helper()
		got, err := s.PushTokens(t.Context(), users)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%v have\n%v, %v, want\n%v", users, got, err, want)
		}
		if got == nil {
			t.Error("nil instead of an empty list")
		}
	}
	a1, a2, b1 := token("alice", "d1", "apns", "t1", 10), token("alice", "d2", "fcm", "t2", 20), token("bob", "d1",
		"apns", "t3", 5)
	want([]string{"alice"})
	want(nil)
	put(a2)
	put(a1)
	put(b1)
	want([]string{"bob", "alice", "carol"}, a1, a2, b1)

	t.Run("a device's new token takes the old one's place", func(t *testing.T) {
		a1.Token, a1.Time = "t1b", 30
		put(a1)
		put(a1) // again
		want([]string{"alice"}, a1, a2)
	})
	t.Run("a phone belongs to who used it last", func(t *testing.T) {
		b2 := token("bob", "d9", "fcm", "t2", 40)
		put(b2)
		want([]string{"alice"}, a1)
		want([]string{"bob"}, b1, b2)
		put(token("carol", "d1", "apns", "t2", 41)) // another provider's, though it reads the same
		want([]string{"bob"}, b1, b2)
	})
	t.Run("under another name of the device", func(t *testing.T) {
		a1.Device = "d1-renamed"
		put(a1)
		want([]string{"alice"}, a1)
	})
	t.Run("over the limit the oldest go", func(t *testing.T) {
		for i := range 5 {
			// The one that comes last is kept even when its clock is behind.
			put(token("dave", fmt.Sprint("d", i), "fcm", fmt.Sprint("dave", i), int64(100-i)))
		}
		want([]string{"dave"},
			token("dave", "d0", "fcm", "dave0", 100), token("dave", "d1", "fcm", "dave1", 99), token("dave", "d4", "fcm",
				"dave4", 96))
	})
	t.Run("delete", func(t *testing.T) {
		for _, there := range []bool{true, false} {
			if got, err := s.DeletePushToken(t.Context(), "dave", "d0"); err != nil || got != there {
				t.Errorf("got %v, %v, want %v", got, err, there)
			}
		}
	})
	t.Run("forget only what still stands", func(t *testing.T) {
		stale := token("dave", "d1", "fcm", "another", 0)
		gone := token("dave", "d4", "fcm", "dave4", 0)
		if err := s.ForgetPushTokens(t.Context(), []offline.Token{stale, gone}); err != nil {
			t.Fatal(err)
		}
		want([]string{"dave"}, token("dave", "d1", "fcm", "dave1", 99))
	})
	t.Run("many users", func(t *testing.T) {
		var users []string
		for i := range 1201 {
			users = append(users, fmt.Sprintf("u%04d", i))
		}
		var all []offline.Token
		for _, i := range []int{0, 999, 1000, 1200} {
			all = append(all, token(users[i], "d", "fcm", users[i], 1))
			put(all[len(all)-1])
		}
		want(users, all...)
	})
}
