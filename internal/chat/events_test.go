package chat_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pushd/internal/chat"
	"pushd/internal/events"
)

// TestMembersChanged: every way in and out of a group is published once, with all users.
func TestMembersChanged(t *testing.T) {
	p := newPeople(t, chat.Options{})
	var got []string
	last := uint64(0) // revision
	events.On(p.bus.Inline("test", events.Limit{}), func(e chat.MembersChanged) {
		line := e.Group
		for sign, users := range map[string][]string{"+": e.Joined, "-": e.Left} {
			if len(users) > 0 {
				line += " " + sign + strings.Join(users, ",")
			}
		}
		if e.By != "" {
			line += " by " + e.By
		}
		if e.Dismissed {
			line += " dismissed"
		}
		got = append(got, line)
		if e.Revision > 0 && e.Revision <= last {
			t.Errorf("%s: revision %d after %d", line, e.Revision, last)
		}
		last = max(last, e.Revision)
	})
	ctx := t.Context()
	want := func(lines ...string) {
		t.Helper()
		if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", lines) {
			t.Errorf("published %q, want %q", got, lines)
		}
		got = nil
	}
	p.team(chat.JoinApproval)
	want("team +adam,mia,mike,olga")

	ok(p.GroupInvite(ctx, as("adam"), chat.GroupUsersRequest{Group: "team", Users: []string{"zoe", "mia"}}))(t)
	want("team +zoe by adam")
	ok(p.GroupLeave(ctx, as("zoe"), chat.GroupRef{Group: "team"}))(t)
	want("team -zoe by zoe")
	ok(p.GroupJoin(ctx, as("zoe"), chat.GroupJoinRequest{Group: "team"}))(t)
	want()
	ok(p.GroupAnswer(ctx, as("adam"), chat.GroupAnswerRequest{Group: "team", User: "zoe", Accept: true}))(t)
	want("team +zoe by adam")
	ok(p.GroupRemove(ctx, as("olga"), chat.GroupRemoveRequest{Group: "team", Users: []string{"mia", "zoe"}}))(t)
	want("team -mia,zoe by olga")
	ok(chat.NewGroupAdmin(p.Service, &everyoneOnline{}).SetGroup(ctx, admin, "team", []string{"mike"}))(t)
	want("team -adam")
	deleted := ok(p.Deleting(ctx, "mike"))(t)
	want()
	deleted()
	want("team -mike")
	change := chat.GroupChange{Name: new("x")}
	ok(p.GroupUpdate(ctx, as("olga"), chat.GroupUpdateRequest{Group: "team", GroupChange: change}))(t)
	want()
	_, err := p.GroupDismiss(ctx, as("mike"), chat.GroupRef{Group: "team"})
	wantCode(t, err, 403, "")
	want()
	ok(p.GroupDismiss(ctx, as("olga"), chat.GroupRef{Group: "team"}))(t)
	if last == 0 {
		t.Error("no event had a revision")
	}
	want("team -mike,olga by olga dismissed") // mike was not deleted after all
}

// TestMessageSentAfterDelivery: a bot answers when it hears of a message, so the user's
// other devices must have that before.
func TestMessageSentAfterDelivery(t *testing.T) {
	w := newWorld(t, chat.Options{})
	heard := 0
	w.onSent = func() {
		heard++
		w.wantGot("alice/ios", "chat.Message 1 alice hi")
	}
	w.say("alice", "user:bot:echo", "hi")
	if heard != 1 {
		t.Errorf("heard %d times, want once", heard)
	}
}

// TestMessageSentOnce: what is sent again with the same client_id is no event, nor is
// what the server writes about a group.
func TestMessageSentOnce(t *testing.T) {
	w := newWorld(t, chat.Options{})
	r := text("user:bob", "hi")
	r.ClientID = "c"
	for range 2 {
		ok(w.Send(t.Context(), as("alice"), r))(t)
	}
	if got := w.taken(&w.hooks); got != "before hi, after hi, before hi" {
		t.Errorf("%q", got)
	}
	for range 2 {
		if _, err := w.SendPush(t.Context(), pusher, "notice:eve", json.RawMessage(`{}`), 0, "once"); err != nil {
			t.Fatal(err)
		}
	}
	ok(w.GroupCreate(t.Context(), admin, chat.GroupCreateRequest{ID: "new", Members: []string{"eve"}}))(t)
	if got := w.taken(&w.hooks); got != "after " {
		t.Errorf("%q", got)
	}
	if got := w.taken(&w.missed); got != "eve " {
		t.Errorf("missed %q", got)
	}
}

func TestMessageSentBot(t *testing.T) {
	for _, c := range []struct{ conv, from, want string }{
		{chat.SingleKey("alice", "bot:echo"), "alice", "echo"},
		{chat.SingleKey("zoe", "bot:echo"), "zoe", "echo"},
		{chat.SingleKey("alice", "bot:echo"), "bot:echo", ""},
		{chat.SingleKey("bot:a", "bot:b"), "bot:a", ""},
		{chat.SingleKey("alice", "bob"), "alice", ""},
		{chat.GroupKey("bot:echo"), "alice", ""},
		{chat.NoticeKey("bot:echo"), "alice", ""},
		{chat.Everyone, "alice", ""},
	} {
		name, ok := chat.MessageSent{Message: chat.Message{Conv: c.conv, From: c.from}}.Bot()
		if name != c.want || ok != (c.want != "") {
			t.Errorf("%s from %s: %q, %v", c.conv, c.from, name, ok)
		}
	}
}
