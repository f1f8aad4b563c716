package chat_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pushd/internal/chat"
	"pushd/internal/codec"
)

func TestSync(t *testing.T) {
	w := newWorld(t, chat.Options{})
	w.group("team", "alice", "bob")
	for i := range 3 {
		w.say("alice", "user:bob", fmt.Sprint("a", i))
		w.say("alice", "group:team", fmt.Sprint("t", i))
	}
	ok(w.SendAs(t.Context(), pusher, chat.SendAsRequest{SendRequest: text("all", "for all")}))(t)
	ok(w.SendAs(t.Context(), pusher, chat.SendAsRequest{SendRequest: text("notice:bob", "for bob")}))(t)

	// A new device gets the last messages of everything.
	rep := ok(w.Sync(t.Context(), as("bob"), chat.SyncRequest{Limit: 2}))(t)
	var got []string
	cursors := map[string]chat.Mark{}
	for _, c := range rep.Conversations {
		line := c.Conv
		for _, m := range c.Messages {
			line += " " + m.Text
		}
		got = append(got, fmt.Sprint(line, " reset ", c.Reset, " earlier ", c.Earlier, " more ", c.More, " ", c.Cursor, " ", c.Unread))
		cursors[c.Conv] = c.Cursor
	}
	want := []string{
		"b:all for all reset true earlier false more false {1 0} 1", "g:team t1 t2 reset true earlier true more false {3 0} 3",
		"n:bob for bob reset true earlier false more false {1 0} 1", "s:alice:bob a1 a2 reset true earlier true more false {3 0} 3",
	}
	if !slices.Equal(got, want) || !rep.Whole || rep.NextCursor != "" || rep.Time != w.clock.UnixMilli() {
		t.Errorf("got %q, whole %v\nwant %q", got, rep.Whole, want)
	}
	// With these cursors there is nothing to tell.
	rep = ok(w.Sync(t.Context(), as("bob"), chat.SyncRequest{Cursors: cursors}))(t)
	if len(rep.Conversations) != 0 || !rep.Whole || rep.Removed == nil || len(rep.Removed) != 0 {
		t.Errorf("%+v", rep)
	}
	// What moves is told, oldest first, and that there is more.
	for i := 3; i < 8; i++ {
		w.say("alice", "user:bob", fmt.Sprint("a", i))
	}
	rep = ok(w.Sync(t.Context(), as("bob"), chat.SyncRequest{Cursors: cursors, Limit: 3}))(t)
	c := rep.Conversations[0]
	if len(rep.Conversations) != 1 || c.Messages[0].Text != "a3" || len(c.Messages) != 3 || !c.More || c.Reset || c.Cursor.Seq != 6 || rep.Whole {
		t.Errorf("%+v", rep)
	}
	cursors[c.Conv] = c.Cursor
	rep = ok(w.Sync(t.Context(), as("bob"), chat.SyncRequest{Cursors: cursors, Limit: 3}))(t)
	if c = rep.Conversations[0]; c.More || c.Cursor.Seq != 8 || !rep.Whole {
		t.Errorf("%+v", rep)
	}
}

func TestSyncTellsChanges(t *testing.T) {
	w := newWorld(t, chat.Options{})
	var sent []chat.SendReply
	for i := range 4 {
		sent = append(sent, w.say("alice", "user:bob", fmt.Sprint("a", i)))
	}
	cursors := map[string]chat.Mark{"s:alice:bob": {Seq: 3}}
	ok(w.Recall(t.Context(), as("alice"), chat.MessageRequest{ID: sent[0].ID}))(t)
	ok(w.Edit(t.Context(), as("alice"), chat.EditRequest{ID: sent[1].ID, Body: chat.Body{Type: "text", Text: "new"}}))(t)
	ok(w.React(t.Context(), as("bob"), chat.ReactRequest{ID: sent[3].ID, Sign: "👍"}))(t)
	rep := ok(w.Sync(t.Context(), as("bob"), chat.SyncRequest{Cursors: cursors}))(t)
	c := rep.Conversations[0]
	// The fourth is new to the client and comes as it is now.
	if len(c.Changed) != 2 || c.Changed[0].Type != chat.TypeRecalled || c.Changed[0].Text != "" || c.Changed[1].Text != "new" ||
		len(c.Messages) != 1 || c.Messages[0].Reactions[0].Sign != "👍" || c.Cursor != (chat.Mark{Seq: 4, Rev: 3}) {
		t.Errorf("%+v", c)
	}
	// Changes alone move a conversation too.
	cursors[c.Conv] = c.Cursor
	ok(w.React(t.Context(), as("bob"), chat.ReactRequest{ID: sent[3].ID, Sign: "👍", On: new(bool)}))(t)
	rep = ok(w.Sync(t.Context(), as("bob"), chat.SyncRequest{Cursors: cursors}))(t)
	if c = rep.Conversations[0]; len(c.Changed) != 1 || len(c.Messages) != 0 || c.Cursor != (chat.Mark{Seq: 4, Rev: 4}) || !rep.Whole {
		t.Errorf("%+v", c)
	}
}

// TestSyncStartsAnew: what is too much to be told as changes is told as a
// conversation that the client should forget what it knew of.
func TestSyncStartsAnew(t *testing.T) {
	w := newWorld(t, chat.Options{})
	w.group("team", "alice", "bob")
	for range 501 {
		rep := w.say("alice", "group:team", "x")
		ok(w.React(t.Context(), as("bob"), chat.ReactRequest{ID: rep.ID, Sign: "👍"}))(t)
	}
	cursors := map[string]chat.Mark{"g:team": {Seq: 501}}
	rep := ok(w.Sync(t.Context(), as("bob"), chat.SyncRequest{Cursors: cursors, Limit: 10}))(t)
	c := rep.Conversations[0]
	if !c.Reset || !c.Earlier || c.More || len(c.Changed) != 0 || len(c.Messages) != 10 || c.Cursor != (chat.Mark{Seq: 501, Rev: 501}) {
		t.Errorf("%+v", c)
	}
	cursors["g:team"] = chat.Mark{Seq: 501, Rev: 1}
	rep = ok(w.Sync(t.Context(), as("bob"), chat.SyncRequest{Cursors: cursors}))(t)
	if c = rep.Conversations[0]; c.Reset || len(c.Changed) != 500 {
		t.Errorf("reset %v, %d changes", c.Reset, len(c.Changed))
	}
}

// A client may know more than the database, when that was restored from a backup: else
// everything up to where the client was would be missing for ever, and nobody told.
func TestSyncStartsAnewWhenTheClientIsAhead(t *testing.T) {
	w := newWorld(t, chat.Options{})
	w.say("alice", "user:bob", "hi")
	for _, mark := range []chat.Mark{{Seq: 2}, {Seq: 1, Rev: 1}} {
		rep := ok(w.Sync(t.Context(), as("bob"), chat.SyncRequest{Cursors: map[string]chat.Mark{"s:alice:bob": mark}}))(t)
		if c := rep.Conversations; len(c) != 1 || !c[0].Reset || len(c[0].Messages) != 1 || c[0].Cursor != (chat.Mark{Seq: 1}) {
			t.Errorf("%v: %+v", mark, c)
		}
	}
}

func TestSyncTellsWhatIsGone(t *testing.T) {
	w := newWorld(t, chat.Options{})
	for i := range 3 {
		w.group(fmt.Sprint("g", i), "alice", "bob")
	}
	w.store.SetGroup("g1", func(_ *chat.GroupInfo, m map[string]*chat.Member, _ uint64) { delete(m, "bob") })
	cursors := map[string]chat.Mark{"g:g0": {}, "g:g1": {}, "g:never": {}, "s:alice:cyd": {}, "n:alice": {}, "s:alice:bob": {}, "b:all": {}, "n:bob": {}}
	rep := ok(w.Sync(t.Context(), as("bob"), chat.SyncRequest{Cursors: cursors}))(t)
	slices.Sort(rep.Removed)
	if want := []string{"g:g1", "g:never", "n:alice", "s:alice:cyd"}; !slices.Equal(rep.Removed, want) {
		t.Errorf("removed %q, want %q", rep.Removed, want)
	}
	// Who comes back sees what was said since, and where that begins.
	w.say("alice", "group:g1", "while bob was out")
	w.store.SetGroup("g1", func(_ *chat.GroupInfo, m map[string]*chat.Member, last uint64) {
		m["bob"] = &chat.Member{User: "bob", Role: chat.RoleMember, JoinSeq: last}
	})
	rep = ok(w.Sync(t.Context(), as("bob"), chat.SyncRequest{Cursors: map[string]chat.Mark{"g:g1": {}}}))(t)
	c := rep.Conversations[slices.IndexFunc(rep.Conversations, func(c chat.Synced) bool { return c.Conv == "g:g1" })]
	if len(c.Messages) != 0 || c.JoinSeq != 1 || c.Cursor.Seq != 1 {
		t.Errorf("%+v", c)
	}
}

// TestSyncInPages: however much there is, and however little fits into a reply, a
// client that asks until it is told that this is all has everything once.
func TestSyncInPages(t *testing.T) {
	w := newWorld(t, chat.Options{})
	want := map[string]int{}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 150 {
		peer := fmt.Sprintf("u%03d", i)
		n := 1 + rng.IntN(12)
		for k := range n {
			w.say(peer, "user:bob", fmt.Sprint(k, strings.Repeat("x", rng.IntN(3000))))
		}
		want[chat.SingleKey(peer, "bob")] = n
	}
	got := map[string][]uint64{}
	cursors := map[string]chat.Mark{}
	for key := range want {
		cursors[key] = chat.Mark{} // known, and nothing of it: all is to come
	}
	replies := 0
	for whole := false; !whole; {
		next := ""
		for again := true; again; again = next != "" {
			rep := ok(w.Sync(t.Context(), as("bob"), chat.SyncRequest{Cursors: cursors, Cursor: next, Limit: 5}))(t)
			f, err := json.Marshal(rep)
			if err != nil || len(f) > 200<<10 {
				t.Fatalf("a reply of %d bytes, %v", len(f), err)
			}
			for _, c := range rep.Conversations {
				for _, m := range c.Messages {
					got[c.Conv] = append(got[c.Conv], m.Seq)
				}
				cursors[c.Conv] = c.Cursor
			}
			whole, next = rep.Whole, rep.NextCursor
			if whole && next != "" {
				t.Fatal("whole, and more to come")
			}
			if replies++; replies > 500 {
				t.Fatal("no end")
			}
		}
	}
	for key, n := range want {
		for i, seq := range got[key] {
			if seq != uint64(i)+1 {
				t.Fatalf("%s: %v", key, got[key])
			}
		}
		if len(got[key]) != n {
			t.Errorf("%s: %d messages, want %d", key, len(got[key]), n)
		}
	}
	if replies < 5 {
		t.Errorf("%d replies: this tests nothing", replies)
	}
}

func TestSyncRefuses(t *testing.T) {
	w := newWorld(t, chat.Options{})
	many := map[string]chat.Mark{}
	for i := range 2001 {
		many[fmt.Sprint("g:", i)] = chat.Mark{}
	}
	for name, tc := range map[string]struct {
		r    chat.SyncRequest
		code int
		says string
	}{
		"cursor":      {chat.SyncRequest{Cursor: "?"}, 400, "cursor"},
		"no key":      {chat.SyncRequest{Cursor: "eA"}, 400, "cursor"},
		"no such key": {chat.SyncRequest{Cursors: map[string]chat.Mark{"x": {}}}, 400, "not a conversation"},
		"too many":    {chat.SyncRequest{Cursors: many}, 413, "2000"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.Sync(t.Context(), as("bob"), tc.r)
			wantCode(t, err, tc.code, tc.says)
		})
	}
	_, err := w.Sync(t.Context(), pusher, chat.SyncRequest{})
	wantCode(t, err, 403, "user")
	for _, op := range []string{"Moved", "Page", "GroupsOf"} {
		w.group(op, "bob")
		w.say("bob", "group:"+op, "x")
		w.store.Fail = func(asked string) error {
			if asked == op {
				return codec.Errorf(codec.CodeUnavailable, "the database can't answer now")
			}
			return nil
		}
		// Half an answer would look like a whole one.
		_, err := w.Sync(t.Context(), as("bob"), chat.SyncRequest{Cursors: map[string]chat.Mark{"g:" + op: {}}})
		wantCode(t, err, 503, "database")
		w.store.Fail = nil
	}
}
