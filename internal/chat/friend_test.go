package chat_test

import (
	"slices"
	"strings"
	"testing"

	"pushd/internal/chat"
)

func TestFriendsAreTold(t *testing.T) {
	p := newPeople(t, chat.Options{}, "alice/web", "alice/ios", "bob/web")
	ctx := t.Context()
	alice, bob := as("alice"), as("bob")
	toBob, toAlice := chat.FriendRef{User: "bob"}, chat.FriendRef{User: "alice"}
	const at = `"time":1793000000000}`
	f := ok(p.FriendRequest(ctx, alice, chat.FriendAskRequest{User: "bob", Text: "it's me"}))(t)
	if f.User != "bob" || f.State != chat.FriendAsked {
		t.Errorf("alice has %+v", f)
	}
	ok(p.FriendRequest(ctx, alice, chat.FriendAskRequest{User: "bob", Text: "me again"}))(t) // not told twice
	p.wantPushes("bob/web", `friend.Requested {"user":"alice","by":"alice","text":"it's me",`+at)
	p.wantPushes("alice/ios", `friend.Requested {"user":"bob","by":"alice","text":"it's me",`+at)
	p.wantPushes("alice/web")
	if f := ok(p.FriendAccept(ctx, bob, toAlice))(t); f.State != chat.FriendYes {
		t.Errorf("bob has %+v", f)
	}
	p.wantPushes("alice/web", `friend.Accepted {"user":"bob","by":"bob",`+at)
	p.wantPushes("bob/web")
	p.node.Take("alice/ios")

	ok(p.FriendRemark(ctx, alice, chat.FriendRemarkRequest{User: "bob", Remark: "Bobby"}))(t)
	ok(p.FriendBlock(ctx, alice, chat.FriendBlockRequest{User: "bob"}))(t)
	p.wantPushes("alice/ios",
		`friend.Changed {"user":"bob","by":"alice","friend":{"user":"bob","state":"friend","remark":"Bobby","since":1793000000000},`+at,
		`friend.Changed {"user":"bob","by":"alice","friend":{"user":"bob","state":"friend","remark":"Bobby","blocked":true,"since":1793000000000},`+at)
	p.wantPushes("bob/web") // it is not their business
	_, err := p.Send(ctx, bob, text("user:alice", "hello?"))
	wantCode(t, err, 403, "doesn't take your messages")
	off := false
	ok(p.FriendBlock(ctx, alice, chat.FriendBlockRequest{User: "bob", On: &off}))(t)
	ok(p.Send(ctx, bob, text("user:alice", "hello?")))(t)
	p.node.Take("alice/web")
	p.node.Take("alice/ios")

	ok(p.FriendRemove(ctx, bob, toAlice))(t)
	p.wantPushes("alice/web", `friend.Removed {"user":"bob","by":"bob",`+at)
	_, err = p.FriendRemove(ctx, bob, toAlice)
	wantCode(t, err, 404, "alice is not a friend")
	_, err = p.FriendAccept(ctx, alice, toBob)
	wantCode(t, err, 404, "no request of bob")

	ok(p.FriendRequest(ctx, bob, chat.FriendAskRequest{User: "alice"}))(t)
	p.node.Take("bob/web")
	ok(p.FriendRefuse(ctx, alice, toBob))(t)
	p.wantPushes("bob/web", `friend.Refused {"user":"alice","by":"alice",`+at)

	// Asking each other is being friends.
	ok(p.FriendRequest(ctx, bob, chat.FriendAskRequest{User: "alice"}))(t)
	if f := ok(p.FriendRequest(ctx, alice, chat.FriendAskRequest{User: "bob"}))(t); f.State != chat.FriendYes {
		t.Errorf("alice has %+v", f)
	}
	p.wantPushes("bob/web", `friend.Accepted {"user":"alice","by":"alice",`+at)
}

func TestFriendBounds(t *testing.T) {
	p := newPeople(t, chat.Options{MaxFriends: 2})
	ctx := t.Context()
	alice := as("alice")
	for name, c := range map[string]struct {
		r    chat.FriendAskRequest
		code int
		says string
	}{
		"oneself":  {chat.FriendAskRequest{User: "alice"}, 400, "your own id"},
		"nobody":   {chat.FriendAskRequest{}, 400, "user id"},
		"bad user": {chat.FriendAskRequest{User: "a b"}, 400, "user id"},
		"text":     {chat.FriendAskRequest{User: "bob", Text: strings.Repeat("x", 201)}, 400, "text has at most 200"},
	} {
		_, err := p.FriendRequest(ctx, alice, c.r)
		t.Run(name, func(t *testing.T) { wantCode(t, err, c.code, c.says) })
	}
	for _, u := range []string{"bob", "cyd"} {
		ok(p.FriendRequest(ctx, alice, chat.FriendAskRequest{User: u}))(t)
	}
	_, err := p.FriendRequest(ctx, alice, chat.FriendAskRequest{User: "dan"})
	wantCode(t, err, 429, "the list of alice is full")
	_, err = p.FriendList(ctx, alice, chat.FriendListRequest{State: "enemy"})
	wantCode(t, err, 400, "state is")
	_, err = p.FriendRemark(ctx, alice, chat.FriendRemarkRequest{User: "bob", Remark: "a\x00"})
	wantCode(t, err, 400, "remark")
	page := ok(p.FriendList(ctx, alice, chat.FriendListRequest{State: chat.FriendAsked, Limit: 1}))(t)
	rest := ok(p.FriendList(ctx, alice, chat.FriendListRequest{State: chat.FriendAsked, Limit: 1, Cursor: page.NextCursor}))(t)
	if len(page.Friends) != 1 || len(rest.Friends) != 1 || page.Friends[0].User != "bob" || rest.Friends[0].User != "cyd" || rest.NextCursor != "" {
		t.Errorf("pages %+v and %+v", page, rest)
	}
	// A backend says for which user.
	rep := ok(p.FriendList(ctx, admin, chat.FriendListRequest{As: "bob"}))(t)
	if !slices.Equal(rep.Friends, []chat.Friend{{User: "alice", State: chat.FriendAsking, Since: 1793000000000}}) {
		t.Errorf("bob's list %+v", rep.Friends)
	}
}
