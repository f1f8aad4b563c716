package chat_test

import (
	"slices"
	"testing"

	"pushd/internal/account"
	"pushd/internal/chat"
	"pushd/internal/codec"
)

func mark(to string, seq uint64) chat.MarkRequest { return chat.MarkRequest{To: to, Seq: seq} }

func TestDelivered(t *testing.T) {
	w := newWorld(t, chat.Options{})
	w.say("alice", "user:bob", "a")
	w.say("alice", "user:bob", "b")
	w.drop()
	if rep := ok(w.Delivered(t.Context(), as("bob"), mark("user:alice", 1)))(t); rep != (chat.MarkReply{Conv: "s:alice:bob", Seq: 1}) {
		t.Errorf("%+v", rep)
	}
	if rep := ok(w.Delivered(t.Context(), as("bob"), mark("user:alice", 99)))(t); rep.Seq != 2 {
		t.Errorf("%+v", rep)
	}
	ok(w.Delivered(t.Context(), as("bob"), mark("user:alice", 1)))(t) // nothing moves, so nobody is told
	w.wantGot("alice/web", "chat.Receipt 1 bob, chat.Receipt 2 bob")
	w.wantGot("bob/web", "")
	// A device without a name is known by its platform.
	phone := account.Identity{User: "bob", Platform: 3}
	if rep := ok(w.Delivered(t.Context(), phone, mark("user:alice", 1)))(t); rep.Seq != 1 {
		t.Errorf("another device has received %+v", rep)
	}
	h := ok(w.Conversations(t.Context(), as("alice"), chat.ConversationsRequest{}))(t)
	if h.Conversations[0].PeerGot != 2 {
		t.Errorf("%+v", h)
	}
	_, err := w.Delivered(t.Context(), as("bob"), mark("user:alice", 0))
	wantCode(t, err, 400, "seq is missing")
}

func TestReadSingle(t *testing.T) {
	w := newWorld(t, chat.Options{})
	w.say("bob", "user:alice", "a")
	w.say("bob", "user:alice", "b")
	w.drop()
	if n := ok(w.Unread(t.Context(), "alice"))(t); n != 2 {
		t.Errorf("%d unread", n)
	}
	ok(w.Read(t.Context(), as("alice"), mark("user:bob", 2)))(t)
	ok(w.Read(t.Context(), as("alice"), mark("user:bob", 1)))(t)
	w.wantGot("alice/web", "")
	w.wantGot("alice/ios", "chat.Read 2")
	w.wantGot("bob/web", "chat.Receipt 2 alice")
	if n := ok(w.Unread(t.Context(), "alice"))(t); n != 0 {
		t.Errorf("%d unread", n)
	}
	// From HTTP, where there is no session, all devices are told.
	w.say("bob", "user:alice", "c")
	w.drop()
	ok(w.Read(t.Context(), account.Identity{User: "alice"}, mark("user:bob", 3)))(t)
	w.wantGot("alice/web", "chat.Read 3")
}

func TestReadGroup(t *testing.T) {
	w := newWorld(t, chat.Options{})
	w.group("team", "alice", "bob", "cyd", "dan")
	w.say("bob", "group:team", "1")
	w.say("alice", "group:team", "2")
	w.say("cyd", "group:team", "3")
	w.drop()
	ok(w.Read(t.Context(), as("alice"), mark("group:team", 1)))(t)
	w.wantGot("bob/web", "chat.Receipt 1 alice")
	ok(w.Read(t.Context(), as("alice"), mark("group:team", 3)))(t)
	w.wantGot("bob/web", "") // wrote nothing that is newly read
	w.wantGot("cyd/web", "chat.Receipt 3 alice")
	w.wantGot("dan/web", "")
	w.wantGot("alice/ios", "chat.Read 1, chat.Read 3")

	ask := func(seq uint64, read *bool, limit int, cursor string) chat.ReadersReply {
		return ok(w.Readers(t.Context(), as("dan"), chat.ReadersRequest{To: "group:team", Seq: seq, Read: read, Limit: limit, Cursor: cursor}))(t)
	}
	if rep := ask(3, nil, 0, ""); !slices.Equal(rep.Users, []string{"alice"}) || rep.Total != 1 {
		t.Errorf("%+v", rep)
	}
	first := ask(3, new(bool), 1, "")
	second := ask(3, new(bool), 1, first.NextCursor)
	if !slices.Equal(append(first.Users, second.Users...), []string{"bob", "dan"}) || first.Total != 2 || second.NextCursor != "" {
		t.Errorf("%+v, %+v", first, second)
	}
	// In a large group nobody is told: it would cost a push for each two members.
	w.store.SetGroup("team", func(g *chat.GroupInfo, _ map[string]*chat.Member, _ uint64) { g.Members = 201 })
	ok(w.Read(t.Context(), as("dan"), mark("group:team", 3)))(t)
	ok(w.Typing(t.Context(), as("dan"), chat.ConvRequest{To: "group:team"}))(t)
	w.wantGot("cyd/web", "")
	if rep := ask(3, nil, 0, ""); rep.Total != 2 {
		t.Errorf("%+v", rep)
	}
	_, err := w.Readers(t.Context(), as("dan"), chat.ReadersRequest{Conv: "n:dan", Seq: 1})
	wantCode(t, err, 403, "who has read")
}

// TestReadIsDoneWhenTellingIsNot: the mark is moved, whoever can't be told.
func TestReadIsDoneWhenTellingIsNot(t *testing.T) {
	w := newWorld(t, chat.Options{})
	w.group("team", "alice", "bob")
	for seq, op := range []string{"Group", "Page"} {
		w.say("bob", "group:team", "x")
		w.store.Fail = func(asked string) error {
			if asked == op {
				return codec.Errorf(codec.CodeUnavailable, "the database can't answer now")
			}
			return nil
		}
		if rep := ok(w.Read(t.Context(), as("alice"), mark("group:team", 9)))(t); rep.Seq != uint64(seq)+1 {
			t.Errorf("%+v", rep)
		}
		w.store.Fail = nil
	}
}

func TestTyping(t *testing.T) {
	w := newWorld(t, chat.Options{})
	w.group("team", "alice", "bob", "cyd")
	for range 5 {
		ok(w.Typing(t.Context(), as("alice"), chat.ConvRequest{To: "user:bob"}))(t)
		ok(w.Typing(t.Context(), as("alice"), chat.ConvRequest{Conv: "g:team"}))(t)
		ok(w.Typing(t.Context(), as("alice"), chat.ConvRequest{To: "bot:echo"}))(t)
	}
	w.wantGot("bob/web", "chat.Typing alice, chat.Typing alice")
	w.wantGot("cyd/web", "chat.Typing alice")
	w.wantGot("alice/ios", "") // the users themselves know
	w.wantGot("alice/web", "")
	w.clock = w.clock.Add(chat.TypingEvery)
	ok(w.Typing(t.Context(), as("alice"), chat.ConvRequest{To: "user:bob"}))(t)
	w.wantGot("bob/web", "chat.Typing alice")
	_, err := w.Typing(t.Context(), as("alice"), chat.ConvRequest{})
	wantCode(t, err, 400, "to is missing")
}

// TestOneDeviceIsBounded: of the messages for one device the latest are remembered;
// package recent tests how many users they are remembered of.
func TestOneDeviceIsBounded(t *testing.T) {
	if seqs := chat.OneDevice(100, 40); len(seqs) != 32 || seqs[0] != 69 {
		t.Errorf("remembered for one device: %v", seqs)
	}
}
