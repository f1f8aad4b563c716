package chat_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pushd/internal/chat"
	"pushd/internal/codec"
	"pushd/internal/events"
	"pushd/internal/metrics"
)

func seqs(list []chat.Message) string {
	var out []string
	for _, m := range list {
		out = append(out, fmt.Sprint(m.Seq))
	}
	return strings.Join(out, " ")
}

func TestHistory(t *testing.T) {
	w := newWorld(t, chat.Options{})
	for i := range 10 {
		w.say("alice", "user:bob", fmt.Sprint(i))
	}
	zero, five := uint64(0), uint64(5)
	for _, tc := range []struct {
		r    chat.HistoryRequest
		want string
		more bool
	}{
		{chat.HistoryRequest{}, "10 9 8 7 6 5 4 3 2 1", false},
		{chat.HistoryRequest{Limit: 3}, "10 9 8", true},
		{chat.HistoryRequest{Limit: 3, Before: 4}, "3 2 1", false},
		{chat.HistoryRequest{Limit: 3, Before: 5}, "4 3 2", true},
		{chat.HistoryRequest{Limit: 3, After: &zero}, "3 2 1", true},
		{chat.HistoryRequest{Limit: 5, After: &five}, "10 9 8 7 6", false},
		{chat.HistoryRequest{Limit: -7}, "10", true},
		{chat.HistoryRequest{Limit: 1000}, "10 9 8 7 6 5 4 3 2 1", false},
		{chat.HistoryRequest{Before: 1}, "", false},
	} {
		tc.r.To = "user:alice"
		rep := ok(w.History(t.Context(), as("bob"), tc.r))(t)
		if got := seqs(rep.Messages); got != tc.want || rep.More != tc.more || rep.Messages == nil {
			t.Errorf("%+v: %s, more %v", tc.r, got, rep.More)
		}
	}
	// With somebody one never spoke to there is an empty page, not an error.
	if rep := ok(w.History(t.Context(), as("bob"), chat.HistoryRequest{To: "user:new"}))(t); rep.Messages == nil || rep.More {
		t.Errorf("%+v", rep)
	}
	_, err := w.History(t.Context(), as("bob"), chat.HistoryRequest{To: "user:alice", Before: 1, After: &zero})
	wantCode(t, err, 400, "before and after can't go together")
	_, err = w.HistoryOf(t.Context(), admin, chat.HistoryRequest{Conv: "x"})
	wantCode(t, err, 400, "not a conversation")
	if rep := ok(w.HistoryOf(t.Context(), admin, chat.HistoryRequest{Conv: "s:alice:bob", Limit: 1}))(t); seqs(rep.Messages) != "10" {
		t.Errorf("%+v", rep)
	}
}

// TestPagesFitIntoAReply: a page is shorter when its messages are long, and says so.
func TestPagesFitIntoAReply(t *testing.T) {
	w := newWorld(t, chat.Options{})
	long := strings.Repeat("long ", 3000)
	for i := range 40 {
		w.say("alice", "user:bob", long)
		w.say("bob", fmt.Sprint("user:u", i), long)
	}
	const most = 150 << 10
	size := func(v any) int {
		return len(ok(json.Marshal(v))(t))
	}
	zero := uint64(0)
	h := ok(w.History(t.Context(), as("bob"), chat.HistoryRequest{To: "user:alice"}))(t)
	if n := len(h.Messages); size(h) > most || n < 5 || !h.More || h.Messages[0].Seq != 40 || h.Messages[n-1].Seq != uint64(41-n) {
		t.Errorf("%d messages in %d bytes, more %v", n, size(h), h.More)
	}
	h = ok(w.History(t.Context(), as("bob"), chat.HistoryRequest{To: "user:alice", After: &zero}))(t)
	if n := len(h.Messages); size(h) > most || !h.More || h.Messages[n-1].Seq != 1 || h.Messages[0].Seq != uint64(n) {
		t.Errorf("%d messages in %d bytes, more %v", n, size(h), h.More)
	}
	seen := 0
	for cursor := ""; ; {
		c := ok(w.Conversations(t.Context(), as("bob"), chat.ConversationsRequest{Cursor: cursor}))(t)
		if size(c) > most || len(c.Conversations) == 0 {
			t.Fatalf("%d conversations in %d bytes", len(c.Conversations), size(c))
		}
		seen += len(c.Conversations)
		if cursor = c.NextCursor; cursor == "" {
			break
		}
	}
	if seen != 41 {
		t.Errorf("%d conversations on all pages", seen)
	}
	s := ok(w.Search(t.Context(), as("bob"), chat.SearchRequest{Q: "long"}))(t)
	if size(s) > most || s.NextCursor == "" {
		t.Errorf("%d messages found in %d bytes", len(s.Messages), size(s))
	}
}

func TestSearch(t *testing.T) {
	w := newWorld(t, chat.Options{})
	w.group("team", "alice", "bob")
	w.say("alice", "user:bob", "the red fox")
	w.say("alice", "group:team", "a red car")
	w.say("alice", "user:cyd", "red, in private")
	find := func(r chat.SearchRequest) string {
		rep := ok(w.Search(t.Context(), as("bob"), r))(t)
		if rep.Messages == nil {
			t.Error("null")
		}
		var found []string
		for _, m := range rep.Messages {
			found = append(found, m.Text)
		}
		return strings.Join(found, ", ")
	}
	if got := find(chat.SearchRequest{Q: " red "}); got != "a red car, the red fox" {
		t.Error(got)
	}
	if got := find(chat.SearchRequest{Q: "red", Conv: "g:team"}); got != "a red car" {
		t.Error(got)
	}
	if got := find(chat.SearchRequest{Q: "green"}); got != "" {
		t.Error(got)
	}
	for q, says := range map[string]string{"": "1 to 256", "  ": "1 to 256", strings.Repeat("x", 257): "1 to 256", "a\x00": "printable"} {
		_, err := w.Search(t.Context(), as("bob"), chat.SearchRequest{Q: q})
		wantCode(t, err, 400, says)
	}
	_, err := w.Search(t.Context(), as("bob"), chat.SearchRequest{Q: "red", Cursor: "x"})
	wantCode(t, err, 400, "cursor")
}

func TestConversations(t *testing.T) {
	w := newWorld(t, chat.Options{})
	w.group("team", "alice", "bob")
	w.say("alice", "user:bob", "one")
	w.clock = w.clock.Add(time.Second)
	r := text("group:team", "look here")
	r.Mention = []string{"bob"}
	ok(w.Send(t.Context(), as("alice"), r))(t)
	rep := ok(w.Conversations(t.Context(), as("bob"), chat.ConversationsRequest{}))(t)
	c := rep.Conversations
	if len(c) != 2 || c[0].Conv != "g:team" || !c[0].Mentioned || c[0].Last.Text != "look here" || c[1].Unread != 1 || rep.NextCursor != "" {
		t.Errorf("%+v", rep)
	}
	if rep = ok(w.Conversations(t.Context(), as("dan"), chat.ConversationsRequest{}))(t); rep.Conversations == nil {
		t.Error("null")
	}
	if rep = ok(w.ConversationsOf(t.Context(), admin, chat.UserConversationsRequest{User: "bob"}))(t); len(rep.Conversations) != 2 {
		t.Errorf("%+v", rep)
	}
	_, err := w.ConversationsOf(t.Context(), admin, chat.UserConversationsRequest{})
	wantCode(t, err, 400, "user id")
	_, err = w.Conversations(t.Context(), as("bob"), chat.ConversationsRequest{Cursor: "x"})
	wantCode(t, err, 400, "cursor")
}

func TestExpire(t *testing.T) {
	w := newWorld(t, chat.Options{})
	r := text("user:bob", "burn after reading")
	r.TTL = 60
	rep := ok(w.Send(t.Context(), as("alice"), r))(t)
	last := func() chat.Message {
		return ok(w.History(t.Context(), as("bob"), chat.HistoryRequest{Conv: rep.Conv}))(t).Messages[0]
	}
	if m := last(); m.Expires != w.clock.UnixMilli()+60_000 || m.Text == "" {
		t.Errorf("%+v", m)
	}
	w.clock = w.clock.Add(time.Minute)
	if m := last(); m.Type != chat.TypeGone || m.Text != "" {
		t.Errorf("it ran out and is still told: %+v", m)
	}
	w.Expire(t.Context())
	w.clock = w.clock.Add(-time.Minute)
	if m := last(); m.Type != chat.TypeGone {
		t.Errorf("it ran out and is still stored: %+v", m)
	}
	w.store.Fail = func(string) error { return codec.Errorf(codec.CodeUnavailable, "lost") }
	w.Expire(t.Context())
	if !strings.Contains(w.log.String(), "still stored") {
		t.Error("nothing in the log")
	}
}

// TestRunExpiry: what ran out goes by itself, also when there is much of it.
func TestRunExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, chat.Options{})
		r := text("user:bob", "x")
		r.TTL = 1
		for range 1200 {
			ok(w.Send(t.Context(), as("alice"), r))(t)
		}
		calls := 0
		w.store.Fail = func(op string) error {
			if op == "Expire" {
				calls++
			}
			return nil
		}
		w.clock = w.clock.Add(2 * time.Second)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			w.RunExpiry(ctx)
		}()
		time.Sleep(11 * time.Second)
		cancel()
		<-done
		if calls != 3 {
			t.Errorf("%d turns, want 3", calls)
		}
	})
}

// TestMissed: who of a group is offline is found out off the way of a message.
func TestMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, chat.Options{})
		w.group("team", "alice", "bob", "eve", "fay", "bot:echo")
		w.group("gone", "alice")
		asked := 0
		w.store.Fail = func(op string) error {
			if op == "MemberIDs" {
				asked++
			}
			return nil
		}
		w.say("alice", "group:team", "one")
		w.say("eve", "group:team", "two")
		ok(w.SendAs(t.Context(), pusher, chat.SendAsRequest{From: "alice", SendRequest: text("group:gone", "x")}))(t)
		if got := w.taken(&w.missed); got != "" {
			t.Errorf("missed %q before anybody looked", got)
		}
		asked = 0
		w.bus.Start()
		synctest.Wait()
		got := strings.Split(w.taken(&w.missed), ", ")
		want := map[string]bool{"eve one": true, "fay one": true, "fay two": true}
		for _, g := range got {
			if !want[g] {
				t.Errorf("missed %q", g)
			}
		}
		if len(got) != len(want) || asked != 2 {
			t.Errorf("missed %q, members read %d times", got, asked)
		}
		if err := w.bus.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}

		// Nobody waits when too many wait already; it is counted.
		w = newWorld(t, chat.Options{})
		w.group("team", "alice", "bob")
		for range chat.MissedQueue + 7 {
			w.say("alice", "group:team", "x")
		}
		w.bus.Start()
		synctest.Wait()
		if err := w.bus.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if !strings.Contains(w.log.String(), "subscriber=chat-missed dropped=7") {
			t.Errorf("log: %.500s", w.log.String())
		}
	})
}

// TestNobodyIsLookedForInVain: without a subscriber to MessageMissed nobody reads the
// members of a group.
func TestNobodyIsLookedForInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, bus := newWorld(t, chat.Options{}), events.New(metrics.New(1), nil)
		ports := chat.Ports{Store: w.store, Deliverer: w.node, Members: w.groups, Presence: w.node, Events: bus}
		s := chat.New(ports, chat.Options{})
		w.group("team", "alice", "bob", "eve")
		ok(s.Send(t.Context(), as("alice"), text("group:team", "one")))(t)
		asked := 0
		w.store.Fail = func(op string) error {
			if op == "MemberIDs" {
				asked++
			}
			return nil
		}
		bus.Start()
		ok(s.Send(t.Context(), as("alice"), text("group:team", "two")))(t)
		synctest.Wait()
		if err := bus.Shutdown(t.Context()); err != nil || asked != 0 {
			t.Errorf("members read %d times; %v", asked, err)
		}
	})
}
