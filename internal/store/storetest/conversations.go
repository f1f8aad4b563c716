package storetest

import (
	"fmt"
	"slices"
	"testing"

	"pushd/internal/chat"
	"pushd/internal/codec"
)

// heads is what chat.Conversations promises of Head, Heads, Moved and Unread.
func heads(t *testing.T, s chat.Store) {
	ctx := t.Context()
	send(t, s, draft("bob", "s:alice:bob", "one", 1))
	send(t, s, draft("bob", "s:alice:bob", "two", 2))
	send(t, s, draft("carol", "s:alice:carol", "from carol", 3))
	notice := draft("system", "n:alice", "a notice", 4)
	send(t, s, notice)
	mention := draft("dave", "s:alice:dave", "you!", 5)
	mention.Mention = []string{"alice"}
	send(t, s, mention)

	list := func(user string, limit int) (all []string) {
		t.Helper()
		for cursor, pages := "", 0; ; pages++ {
			page, next, err := s.Heads(ctx, user, limit, cursor, start)
			if err != nil || pages > 20 || page == nil {
				t.Fatalf("heads: %v, %v", page, err)
			}
			for _, h := range page {
				last := ""
				if h.Last != nil {
					last = h.Last.Text
				}
				all = append(all, fmt.Sprintf("%s %d/%d %s", h.Conv, h.Unread, h.MaxSeq, last))
			}
			if next == "" {
				return all
			}
			cursor = next
		}
	}
	want := []string{
		"s:alice:dave 1/1 you!", "n:alice 1/1 a notice", "s:alice:carol 1/1 from carol",
		"s:alice:bob 2/2 two",
	}
	for _, limit := range []int{1, 2, 3, 50} {
		if got := list("alice", limit); !slices.Equal(got, want) {
			t.Errorf("heads by %d: %q, want %q", limit, got, want)
		}
	}
	if got := list("nobody", 5); len(got) != 0 {
		t.Errorf("heads of nobody: %q", got)
	}
	_, _, err := s.Heads(ctx, "alice", 5, "!", start)
	wantCode(t, "a cursor that is none", err, codec.CodeMalformed)

	unread := func(user string, want int) {
		t.Helper()
		if n, err := s.Unread(ctx, user); err != nil || n != want {
			t.Errorf("unread of %s: %d, %v; want %d", user, n, err, want)
		}
	}
	unread("alice", 5)
	unread("bob", 0)
	unread("nobody", 0)

	h, err := s.Head(ctx, "alice", "s:alice:dave", start)
	if err != nil || !h.Mentioned || h.Kind != chat.KindSingle || h.Unread != 1 || h.Last == nil || h.LastTime != start+5 {
		t.Errorf("head with a mention: %+v, %v", h, err)
	}
	if _, moved, err := s.SetRead(ctx, "s:alice:dave", "alice", 1); err != nil || !moved {
		t.Fatal(moved, err)
	}
	if h, err = s.Head(ctx, "alice", "s:alice:dave", start); err != nil || h.Mentioned || h.Unread != 0 || h.ReadSeq != 1 {
		t.Errorf("head after reading: %+v, %v", h, err)
	}
	// An answer counts as having read.
	send(t, s, draft("alice", "s:alice:bob", "three", 6))
	if h, err = s.Head(ctx, "bob", "s:alice:bob", start); err != nil || h.Unread != 1 || h.PeerRead != 3 {
		t.Errorf("head of the other one: %+v, %v", h, err)
	}
	unread("alice", 2)

	for _, conv := range []string{"s:bob:carol", "g:nosuch", "n:bob", "x"} {
		_, err := s.Head(ctx, "alice", conv, start)
		wantCode(t, "head of "+conv, err, codec.CodeNotFound)
	}
	_, err = s.Head(ctx, "eve", "s:alice:bob", start)
	wantCode(t, "head of a conversation of others", err, codec.CodeNotFound)
	for _, conv := range []string{"n:bob", chat.Everyone} {
		if h, err := s.Head(ctx, "bob", conv, start); err != nil || h.MaxSeq != 0 || h.Unread != 0 || h.Conv != conv ||
			h.Last != nil {
			t.Errorf("head of %s before there is anything: %+v, %v", conv, h, err)
		}
	}

	if err := s.HideConversation(ctx, "s:alice:carol", "alice"); err != nil {
		t.Fatal(err)
	}
	want = []string{"s:alice:bob 0/3 three", "s:alice:dave 0/1 you!", "n:alice 1/1 a notice"}
	if got := list("alice", 50); !slices.Equal(got, want) {
		t.Errorf("heads without the hidden one: %q, want %q", got, want)
	}
	send(t, s, draft("carol", "s:alice:carol", "again", 7))
	if got := list("alice", 1)[0]; got != "s:alice:carol 2/2 again" {
		t.Errorf("its next message brings it back: %q", got)
	}
}

// moved is what chat.Conversations promises of Moved.
func moved(t *testing.T, s chat.Store) {
	ctx := t.Context()
	var first chat.Message
	for i, peer := range []string{"bob", "carol", "dave", "Zoe", "émile"} {
		m := send(t, s, draft(peer, "s:Alice:"+peer, "hi", int64(i)))
		if i == 0 {
			first = m
		}
	}
	moved := func(known map[string]chat.Mark, limit int) (all []string) {
		t.Helper()
		for after, pages := "", 0; ; pages++ {
			page, next, err := s.Moved(ctx, "Alice", known, after, limit)
			if err != nil || pages > 20 || page == nil || len(page) > limit {
				t.Fatalf("moved: %v, %v", page, err)
			}
			for _, h := range page {
				all = append(all, h.Conv[len("s:Alice:"):])
				if h.MaxSeq != 1 || h.Unread != 1 || h.Last != nil {
					t.Errorf("moved: %+v", h)
				}
			}
			if next == "" {
				return all
			}
			after = next
		}
	}
	if got, want := moved(nil, 2), []string{"Zoe", "bob", "carol", "dave", "émile"}; !slices.Equal(got, want) {
		t.Errorf("all: %q, want %q", got, want)
	}
	known := map[string]chat.Mark{
		"s:Alice:bob": {Seq: 1}, "s:Alice:carol": {Seq: 0}, "s:Alice:dave": {Seq: 7},
		"s:Alice:Zoe": {Seq: 1}, "s:Alice:émile": {Seq: 1},
	}
	if got, want := moved(known, 2), []string{"carol", "dave"}; !slices.Equal(got, want) {
		t.Errorf("elsewhere than known: %q, want %q", got, want)
	}
	if _, _, err := s.Edit(ctx, first.ID, text("hello"), nil, start+9); err != nil {
		t.Fatal(err)
	}
	if got, want := moved(known, 50), []string{"bob", "carol", "dave"}; !slices.Equal(got, want) {
		t.Errorf("after an edit: %q, want %q", got, want)
	}
}

// marks is what chat.Conversations promises of Member, SetRead, SetDelivered and Readers.
func marks(t *testing.T, s chat.Store) {
	ctx := t.Context()
	const conv = "s:alice:bob"
	for i := range 5 {
		send(t, s, draft("alice", conv, "x", int64(i)))
	}
	for _, test := range []struct {
		seq, now uint64
		moved    bool
	}{{2, 2, true}, {2, 2, false}, {1, 2, false}, {99, 5, true}, {100, 5, false}} {
		if now, moved, err := s.SetRead(ctx, conv, "bob", test.seq); err != nil || now != test.now || moved != test.moved {
			t.Errorf("read %d: %d, %v, %v", test.seq, now, moved, err)
		}
	}
	for _, test := range []struct {
		device   string
		seq, now uint64
		moved    bool
	}{{"phone", 2, 2, true}, {"phone", 1, 2, false}, {"web", 1, 1, true}, {"web", 1<<64 - 1, 5, true}, {
		"phone", 3, 3,
		true,
	}} {
		if now, moved, err := s.SetDelivered(ctx, conv, "bob", test.device, test.seq); err != nil || now != test.now ||
			moved != test.moved {
			t.Errorf("delivered to %s %d: %d, %v, %v", test.device, test.seq, now, moved, err)
		}
	}
	h, err := s.Head(ctx, "alice", conv, start)
	if err != nil || h.PeerRead != 5 || h.PeerGot != 5 {
		t.Errorf("the other's marks: %+v, %v", h, err)
	}
	for i := range 40 { // more devices than are remembered: still right for the newest
		name := fmt.Sprintf("device%d", i)
		if now, moved, err := s.SetDelivered(ctx, conv, "alice", name, 3); err != nil || now != 3 || !moved {
			t.Fatalf("%s: %d, %v, %v", name, now, moved, err)
		}
	}
	if m, err := s.Member(ctx, conv, "bob"); err != nil || m.User != "bob" || m.ReadSeq != 5 || m.JoinSeq != 0 ||
		m.Role != chat.RoleMember {
		t.Errorf("member: %+v, %v", m, err)
	}
	_, err = s.Member(ctx, conv, "eve")
	wantCode(t, "member", err, codec.CodeNotFound)
	_, _, err = s.SetRead(ctx, conv, "eve", 1)
	wantCode(t, "read mark of a stranger", err, codec.CodeNotFound)
	_, _, err = s.SetDelivered(ctx, conv, "eve", "web", 1)
	wantCode(t, "delivery mark of a stranger", err, codec.CodeNotFound)
	if now, moved, err := s.SetRead(ctx, chat.Everyone, "bob", 7); err != nil || now != 0 || moved {
		t.Errorf("read mark before there is a broadcast: %d, %v, %v", now, moved, err)
	}

	for _, test := range []struct {
		seq  uint64
		read bool
		want string
	}{{5, true, "[bob] 1"}, {5, false, "[] 0"}, {6, true, "[] 0"}} {
		users, _, total, err := s.Readers(ctx, conv, test.seq, test.read, 10, "")
		if got := fmt.Sprint(users, " ", total); err != nil || users == nil || got != test.want {
			t.Errorf("readers of %d, %v: %s, %v; want %s", test.seq, test.read, got, err, test.want)
		}
	}
	_, _, _, err = s.Readers(ctx, conv, 1, true, 10, "?")
	wantCode(t, "a cursor that is none", err, codec.CodeMalformed)
}

// search is what chat.Messages promises of it.
func search(t *testing.T, s chat.Store) {
	ctx := t.Context()
	say := func(from, conv, words string, time int64) chat.Message {
		return send(t, s, draft(from, conv, words, time))
	}
	say("alice", "s:alice:bob", "The quick brown Fox", 1)
	say("bob", "s:alice:bob", "the lazy dog's FOX!", 2)
	say("carol", "s:alice:carol", "fox? 你好世界", 3)
	say("carol", "s:bob:carol", "a fox alice must not find", 4)
	say("bob", "s:alice:bob", "Ünïcode ÉCLAIR 42", 5)
	recalled := say("bob", "s:alice:bob", "fox regretted", 6)
	edited := say("bob", "s:alice:bob", "fox before", 7)
	say("bob", "s:alice:bob", "fox hidden", 8)
	ephemeral := draft("bob", "s:alice:bob", "fox ephemeral", 9)
	ephemeral.Expires = start + 100
	send(t, s, ephemeral)
	file := draft("bob", "s:alice:bob", "", 10)
	file.Body = chat.Body{Type: chat.TypeFile, URL: "/files/x", Name: "annual-report.pdf"}
	send(t, s, file)
	if _, _, err := s.Recall(ctx, recalled.ID, start+20); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Edit(ctx, edited.ID, text("wolf after"), nil, start+20); err != nil {
		t.Fatal(err)
	}
	if err := s.Hide(ctx, "s:alice:bob", "alice", []uint64{6}); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ words, conv, want string }{
		{"fox", "", "7 fox ephemeral, 1 fox? 你好世界, 2 the lazy dog's FOX!, 1 The quick brown Fox"},
		{"FOX the", "", "2 the lazy dog's FOX!, 1 The quick brown Fox"},
		{"fox", "s:alice:carol", "1 fox? 你好世界"},
		{"fo", "", ""},
		{"你好", "", "1 fox? 你好世界"},
		{"界", "", "1 fox? 你好世界"},
		{"你世", "", ""},
		{"éclair 42", "", "3 Ünïcode ÉCLAIR 42"},
		{"wolf", "", "5 wolf after"},
		{"before", "", ""},
		{"report", "", "8 (file)"},
		{"fox AND dog", "", ""},
		{`"fox" * ( ' \ : & | ! -`, "s:alice:carol", "1 fox? 你好世界"},
		{"c 1", "", ""},
		{"?!", "", ""},
		{"", "", ""},
	} {
		found, next, err := s.Search(ctx, "alice", test.words, test.conv, 50, "", start+30)
		if err != nil || found == nil || next != "" {
			t.Errorf("%q: %v, next %q, %v", test.words, found, next, err)
		}
		if got := said(found); got != test.want {
			t.Errorf("%q: %s, want %s", test.words, got, test.want)
		}
	}
	var all []chat.Message
	for cursor, pages := "", 0; pages == 0 || cursor != ""; pages++ {
		found, next, err := s.Search(ctx, "alice", "fox", "", 1, cursor, start+200)
		if err != nil || pages > 9 || len(found) > 1 {
			t.Fatal(found, err)
		}
		all, cursor = append(all, found...), next
	}
	if got, want := said(all), "1 fox? 你好世界, 2 the lazy dog's FOX!, 1 The quick brown Fox"; got != want {
		t.Errorf("by pages: %s, want %s", got, want)
	}
	_, _, err := s.Search(ctx, "alice", "fox", "s:bob:carol", 5, "", start)
	wantCode(t, "in a conversation of others", err, codec.CodeNotFound)
	_, _, err = s.Search(ctx, "alice", "fox", "", 5, "?", start)
	wantCode(t, "a cursor that is none", err, codec.CodeMalformed)
}
