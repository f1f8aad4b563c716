package storetest

import (
	"encoding/base64"
	"fmt"
	"slices"
	"sync"
	"testing"

	"pushd/internal/chat"
)

// friends tests requests, answers, blocks and lists.
func friends(t *testing.T, s chat.Store) {
	ctx := t.Context()
	none := chat.FriendBounds{}
	relation := func(user, other string, want chat.Friend) {
		t.Helper()
		if got := must(s.Relation(ctx, user, other))(t); got != want {
			t.Errorf("%s has %s as %+v, want %+v", user, other, got, want)
		}
	}
	ask := func(user, other, text string, now int64, wantState string, wantFresh bool) {
		t.Helper()
		f, fresh, err := s.AskFriend(ctx, user, other, text, none, now)
		if err != nil || f.User != other || f.State != wantState || fresh != wantFresh {
			t.Errorf("%s asks %s: %+v %t %v", user, other, f, fresh, err)
		}
	}
	relation("alice", "bob", chat.Friend{})
	ask("alice", "bob", "hi", 10, chat.FriendAsked, true)
	ask("alice", "bob", "hello", 20, chat.FriendAsked, false)
	relation("alice", "bob", chat.Friend{User: "bob", State: chat.FriendAsked, Text: "hello", Since: 10})
	relation("bob", "alice", chat.Friend{User: "alice", State: chat.FriendAsking, Text: "hello", Since: 10})
	_, err := s.AcceptFriend(ctx, "alice", "bob", none, 30)
	wantError(t, err, 404, "no request of bob")
	wantError(t, s.RefuseFriend(ctx, "alice", "bob"), 404, "no request")

	f := must(s.AcceptFriend(ctx, "bob", "alice", none, 30))(t)
	if f != (chat.Friend{User: "alice", State: chat.FriendYes, Since: 30}) {
		t.Errorf("accepted %+v", f)
	}
	relation("alice", "bob", chat.Friend{User: "bob", State: chat.FriendYes, Since: 30})
	ask("bob", "alice", "again", 40, chat.FriendYes, false)
	f = must(s.RemarkFriend(ctx, "alice", "bob", "Bobby"))(t)
	if f.Remark != "Bobby" || f.State != chat.FriendYes {
		t.Errorf("remarked %+v", f)
	}
	_, err = s.RemarkFriend(ctx, "alice", "nobody", "x")
	wantError(t, err, 404, "not in your list")

	// A block outlives the friendship, on the side that made it.
	must(s.Block(ctx, "alice", "bob", true, none, 50))(t)
	relation("bob", "alice", chat.Friend{User: "alice", State: chat.FriendYes, Since: 30})
	wantNames(t, must(s.Blocking(ctx, "bob", []string{"alice", "carol", "bob"}))(t), "alice")
	wantNames(t, must(s.Blocking(ctx, "alice", []string{"bob"}))(t))
	wantNames(t, must(s.Blocking(ctx, "alice", nil))(t))
	if was := must(s.RemoveFriend(ctx, "bob", "alice"))(t); was != chat.FriendYes {
		t.Errorf("it was %q", was)
	}
	if was := must(s.RemoveFriend(ctx, "bob", "alice"))(t); was != chat.FriendNone {
		t.Errorf("it was %q", was)
	}
	relation("bob", "alice", chat.Friend{})
	relation("alice", "bob", chat.Friend{User: "bob", State: chat.FriendNone, Blocked: true, Since: 30})
	_, _, err = s.AskFriend(ctx, "bob", "alice", "", none, 60)
	wantError(t, err, 403, "doesn't want")
	_, _, err = s.AskFriend(ctx, "alice", "bob", "", none, 60)
	wantError(t, err, 409, "unblock")
	relation("bob", "alice", chat.Friend{}) // what was refused leaves nothing behind
	must(s.Block(ctx, "alice", "bob", false, none, 70))(t)
	relation("alice", "bob", chat.Friend{})

	// A block takes a request away.
	ask("bob", "alice", "", 80, chat.FriendAsked, true)
	must(s.Block(ctx, "alice", "bob", true, none, 90))(t)
	relation("bob", "alice", chat.Friend{})
	must(s.Block(ctx, "alice", "bob", false, none, 90))(t)

	// Who asks back is a friend.
	ask("bob", "alice", "", 100, chat.FriendAsked, true)
	ask("alice", "bob", "", 110, chat.FriendYes, true)
	relation("bob", "alice", chat.Friend{User: "alice", State: chat.FriendYes, Since: 110})

	ask("carol", "bob", "", 120, chat.FriendAsked, true)
	wantNone(t, s.RefuseFriend(ctx, "bob", "carol"))
	relation("carol", "bob", chat.Friend{})
}

// friendLists tests pages of friends and the bounds on them.
func friendLists(t *testing.T, s chat.Store) {
	ctx := t.Context()
	none := chat.FriendBounds{}
	for i, other := range []string{"anna", "bert", "cleo", "dora", "emil"} {
		switch i {
		case 0, 1:
			must2(s.AskFriend(ctx, other, "me", "", none, 1))(t)
		case 2:
			must2(s.AskFriend(ctx, "me", other, "", none, 1))(t)
		case 3:
			must2(s.AskFriend(ctx, "me", other, "", none, 1))(t)
			must(s.AcceptFriend(ctx, other, "me", none, 1))(t)
		default:
			must(s.Block(ctx, "me", other, true, none, 1))(t)
		}
	}
	for state, want := range map[string][]string{
		"": {"anna", "bert", "cleo", "dora", "emil"}, chat.FriendAsking: {"anna", "bert"}, chat.FriendAsked: {"cleo"},
		chat.FriendYes: {"dora"}, chat.FriendNone: {"emil"}, chat.FriendBlocked: {"emil"},
	} {
		got := []string{}
		for cursor, pages := "", 0; pages == 0 || cursor != ""; pages++ {
			page, next, err := s.FriendsOf(ctx, "me", state, 2, cursor)
			wantNone(t, err)
			for _, f := range page {
				got = append(got, f.User)
			}
			cursor = next
		}
		if !slices.Equal(got, want) {
			t.Errorf("state %q: %q, want %q", state, got, want)
		}
	}
	_, _, err := s.FriendsOf(ctx, "me", "", 2, "bert")
	wantError(t, err, 400, "cursor")
	for _, name := range []string{"\x00", "\xff"} {
		_, _, err = s.FriendsOf(ctx, "me", "", 2, base64.RawURLEncoding.EncodeToString([]byte(">"+name)))
		wantError(t, err, 400, "cursor")
	}
	if page, _, err := s.FriendsOf(ctx, "nobody", "", 2, ""); page == nil || len(page) > 0 || err != nil {
		t.Errorf("nobody's friends: %v %v", page, err)
	}

	// Of my own making are cleo, dora and emil.
	b := chat.FriendBounds{Entries: 3, Requests: 2}
	_, _, err = s.AskFriend(ctx, "me", "fred", "", b, 1)
	wantError(t, err, 429, "the list of me is full with 3")
	_, err = s.AcceptFriend(ctx, "me", "anna", b, 1)
	wantError(t, err, 429, "full")
	_, err = s.Block(ctx, "me", "gina", true, b, 1)
	wantError(t, err, 429, "full")
	must(s.Block(ctx, "me", "cleo", true, b, 1))(t) // in the list already
	_, _, err = s.AskFriend(ctx, "fred", "me", "", b, 1)
	wantError(t, err, 429, "2 requests wait for an answer of me")
	wantNone(t, s.RefuseFriend(ctx, "me", "anna"))
	must2(s.AskFriend(ctx, "fred", "me", "", b, 1))(t)

	// Requests that cross make friends, whoever comes first.
	var wg sync.WaitGroup
	for i := range 20 {
		a, b := fmt.Sprintf("left-%02d", i), fmt.Sprintf("right-%02d", i)
		for _, side := range [][2]string{{a, b}, {b, a}} {
			wg.Go(func() {
				if _, _, err := s.AskFriend(ctx, side[0], side[1], "", none, 1); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	for i := range 20 {
		a, b := fmt.Sprintf("left-%02d", i), fmt.Sprintf("right-%02d", i)
		mine, theirs := must(s.Relation(ctx, a, b))(t), must(s.Relation(ctx, b, a))(t)
		if mine.State != chat.FriendYes || theirs.State != chat.FriendYes {
			t.Errorf("after requests that crossed: %+v and %+v", mine, theirs)
		}
	}
}

// friendsTogether tests that two who change their mind at once don't get in each other's
// way: rows come and go under their hands.
func friendsTogether(t *testing.T, s chat.Store) {
	ctx := t.Context()
	var wg sync.WaitGroup
	for i := range 8 {
		mine, theirs := "left", "right"
		if i%2 == 1 {
			mine, theirs = theirs, mine
		}
		wg.Go(func() {
			for n := range 50 {
				if _, _, err := s.AskFriend(ctx, mine, theirs, "", chat.FriendBounds{}, int64(n)); err != nil {
					t.Error("ask:", err)
				}
				if _, err := s.RemoveFriend(ctx, mine, theirs); err != nil {
					t.Error("remove:", err)
				}
			}
		})
	}
	wg.Wait()
}

func must2[A, B any](a A, _ B, err error) func(*testing.T) A { return must(a, err) }
