package push_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pushd/internal/account"
	"pushd/internal/delivery"
	"pushd/internal/push"
)

func TestOnlineHasNoNulls(t *testing.T) {
	n := newNode()
	n.Logout(n.Sessions()...)
	s := service(t, n, push.Options{})
	b := ok(json.Marshal(ok(s.Online(t.Context(), reader, push.OnlineRequest{}))(t)))(t)
	if string(b) != `{"connections":0,"sessions":0,"users":0,"platforms":{},"nodes":[]}` {
		t.Errorf("reply %s", b)
	}
}

func TestOnlineUsersClampsTheLimit(t *testing.T) {
	n := newNode()
	for i := range 1100 {
		n.Login(fmt.Sprintf("u%04d/ios", i))
	}
	s := service(t, n, push.Options{})
	page := func(limit int, cursor string) push.OnlineUsersReply {
		t.Helper()
		return ok(s.OnlineUsers(t.Context(), reader, push.OnlineUsersRequest{Limit: limit, Platform: "3", Cursor: cursor}))(t)
	}
	for _, c := range []struct{ limit, want int }{{0, 100}, {-5, 1}, {1, 1}, {1000, 1000}, {1 << 40, 1000}} {
		rep := page(c.limit, "")
		if got := len(rep.Users); got != c.want || rep.NextCursor == "" {
			t.Errorf("limit %d: %d users and cursor %q, want %d and more to come", c.limit, got, rep.NextCursor, c.want)
		}
	}
	last := page(1000, page(1000, "").NextCursor)
	if len(last.Users) != 100 || last.Users[0].User != "u1000" || last.NextCursor != "" {
		t.Errorf("the last page has %d users and cursor %q", len(last.Users), last.NextCursor)
	}
	_, err := s.OnlineUsers(t.Context(), reader, push.OnlineUsersRequest{Cursor: "bad"})
	wantCode(t, err, 400, "cursor")
	_, err = s.OnlineUsers(t.Context(), reader, push.OnlineUsersRequest{Platform: "toaster"})
	wantCode(t, err, 400, "platform")
}

func TestUserSessions(t *testing.T) {
	n := newNode()
	n.set("alice", "web", "ios")
	s := service(t, n, push.Options{})
	rep := ok(s.UserSessions(t.Context(), reader, push.UserSessionsRequest{User: "alice"}))(t)
	if rep.User != "alice" || len(rep.Sessions) != 2 {
		t.Errorf("reply %+v", rep)
	}
	_, err := s.UserSessions(t.Context(), reader, push.UserSessionsRequest{User: "bob"})
	wantCode(t, err, 404, "bob")
	_, err = s.UserSessions(t.Context(), reader, push.UserSessionsRequest{})
	wantCode(t, err, 400, "")
}

func TestCheckUsers(t *testing.T) {
	n := newNode()
	n.set("alice", "web")
	s := service(t, n, push.Options{})
	rep := ok(s.CheckUsers(t.Context(), reader, push.CheckUsersRequest{Users: []string{"alice", "bob"}}))(t)
	if len(rep.Online) != 1 || rep.Online[0].User != "alice" {
		t.Errorf("reply %+v", rep)
	}
	_, err := s.CheckUsers(t.Context(), reader, push.CheckUsersRequest{Users: make([]string, push.MaxCheck+1)})
	wantCode(t, err, 413, "at most 10000")
}

func TestKick(t *testing.T) {
	n := newNode()
	var log bytes.Buffer
	s := service(t, n, push.Options{Log: logged(&log)})
	n.set("bob", "web", "ios")
	rep := ok(s.Kick(t.Context(), admin, push.KickRequest{User: "bob", Platform: "1", Reason: "rude"}))(t)
	if rep.Closed != 1 {
		t.Errorf("reply %+v", rep)
	}
	for _, part := range []string{"msg=kick", "key=ops", "user=bob", "reason=rude", "closed=1"} {
		if !strings.Contains(log.String(), part) {
			t.Errorf("the audit line lacks %s: %s", part, &log)
		}
	}
	ok(s.Kick(t.Context(), admin, push.KickRequest{Session: "carol/web"}))(t)
	if kicked := n.kicks(); !slices.Equal(kicked, []string{"bob|web||rude", "||carol/web|"}) {
		t.Errorf("kicked %v", kicked)
	}
	for name, c := range map[string]struct {
		r    push.KickRequest
		says string
	}{
		"nobody":       {push.KickRequest{Reason: "x"}, "give user or session"},
		"both":         {push.KickRequest{User: "bob", Session: "s"}, "not both"},
		"session's":    {push.KickRequest{Session: "s", Platform: "web"}, "platform goes with user"},
		"long reason":  {push.KickRequest{User: "bob", Reason: strings.Repeat("x", 124)}, "at most 123"},
		"bad reason":   {push.KickRequest{User: "bob", Reason: "\xff"}, "UTF-8"},
		"bad platform": {push.KickRequest{User: "bob", Platform: "toaster"}, "platform"},
		"bad user":     {push.KickRequest{User: strings.Repeat("x", 129)}, ""},
		"bad session":  {push.KickRequest{Session: strings.Repeat("x", 129)}, "session"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.Kick(t.Context(), admin, c.r)
			wantCode(t, err, 400, c.says)
		})
	}
}

func BenchmarkPushToOneUser(b *testing.B) {
	n := newNode()
	n.Instead = func(context.Context, delivery.Target) (delivery.Receipt, error) {
		return delivery.Receipt{Sessions: 1, Users: 1}, nil
	}
	s := service(b, n, push.Options{})
	r := push.PushRequest{Users: []string{"alice"}, Message: message(`{"text":"hi"}`)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Push(b.Context(), pusher, r); err != nil {
			b.Fatal(err)
		}
		n.sent()
	}
}

func BenchmarkPresence(b *testing.B) {
	s := service(b, newNode(), push.Options{PresenceAll: true})
	if _, err := s.PresenceSubscribe(b.Context(), alice, push.WatchRequest{}); err != nil {
		b.Fatal(err)
	}
	users := make([]string, 1000)
	for i := range users {
		users[i] = fmt.Sprint("u", i)
	}
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		s.Presence(users[i%len(users)], account.Platform(1), i%2 == 0)
		i++
	}
}
