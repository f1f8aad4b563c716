package storetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"pushd/internal/chat"
	"pushd/internal/codec"
)

// start is when the tests' first message is sent, in Unix milliseconds.
const start = 1_790_000_000_000

// ids gives messages ids that ascend in a test, as ULIDs do.
var ids struct {
	sync.Mutex
	last int
}

func newID() string {
	ids.Lock()
	defer ids.Unlock()
	ids.last++
	return fmt.Sprintf("01TEST%020d", ids.last)
}

func text(s string) chat.Body { return chat.Body{Type: chat.TypeText, Text: s} }

// draft is a text message, sent seq milliseconds after start.
func draft(from, conv, s string, time int64) chat.Draft {
	return chat.Draft{ID: newID(), Conv: conv, From: from, Body: text(s), Time: start + time}
}

func send(t *testing.T, s chat.Store, d chat.Draft) chat.Message {
	t.Helper()
	m, duplicate, err := s.Append(t.Context(), d)
	if err != nil || duplicate {
		t.Fatalf("append: duplicate %v, %v", duplicate, err)
	}
	return m
}

// code is what an error tells a client, 0 for none.
func code(err error) int {
	var e *codec.Error
	switch {
	case err == nil:
		return 0
	case errors.As(err, &e):
		return e.Code
	}
	return -1 // an error that would be answered with its internal text
}

func wantCode(t *testing.T, what string, err error, want int) {
	t.Helper()
	if code(err) != want {
		t.Errorf("%s: got %v, want code %d", what, err, want)
	}
}

// said are a page's seqs and texts, such as "2 b, 1 a"; a tombstone's is its type.
func said(page []chat.Message) string {
	parts := make([]string, len(page))
	for i, m := range page {
		word := m.Text
		if m.Type != chat.TypeText {
			word = "(" + m.Type + ")"
		}
		parts[i] = fmt.Sprintf("%d %s", m.Seq, word)
	}
	return strings.Join(parts, ", ")
}

// appends is what chat.Messages promises of Append.
func appends(t *testing.T, s chat.Store) {
	ctx := t.Context()
	d := draft("alice", "s:alice:bob", "hi", 0)
	d.ClientID, d.Mention, d.OneDevice, d.Expires = "c-1", []string{"bob"}, true, start+1000
	first := send(t, s, d)
	if first.Seq != 1 || first.ID != d.ID || first.ClientID != "c-1" || first.Text != "hi" || first.Time != start ||
		first.Conv != d.Conv {
		t.Errorf("first message: %+v", first)
	}

	// The sender tries again, as a client does that heard no answer.
	again := d
	again.ID, again.Body = newID(), text("hi again")
	m, duplicate, err := s.Append(ctx, again)
	if err != nil || !duplicate || m.ID != first.ID || m.Seq != 1 || m.Text != "hi" || m.ClientID != "c-1" {
		t.Errorf("the same client_id: %+v, duplicate %v, %v", m, duplicate, err)
	}
	// Another user's client_id is their own affair.
	other := draft("bob", "s:alice:bob", "hello", 1)
	other.ClientID = "c-1"
	if m := send(t, s, other); m.Seq != 2 {
		t.Errorf("after a duplicate the seq is %d, want 2: no hole", m.Seq)
	}

	full := chat.Body{
		Type: chat.TypeCustom, Text: "τ <&> \u2028 \x00", URL: "https://x/y",
		Name: "n", Size: 1 << 40, Width: 1, Height: 2, Duration: 3, Thumb: "t",
		Data: []byte(`{"a":[1,2.5,null,"<\u0000>"]}`),
	}
	d = chat.Draft{ID: newID(), Conv: "s:alice:bob", From: "alice", Body: full, Time: start + 2}
	sent := send(t, s, d)
	page, _, err := s.Page(ctx, "alice", "s:alice:bob", chat.PageQuery{Limit: 1, Now: start + 2})
	if err != nil || len(page) != 1 {
		t.Fatalf("page: %v, %v", page, err)
	}
	if got := page[0]; fmt.Sprint(got) != fmt.Sprint(sent) {
		t.Errorf("stored %+v\nread   %+v", sent, got)
	}

	bad := []struct {
		name   string
		change func(*chat.Draft)
		code   int
	}{
		{"a group that isn't there", func(d *chat.Draft) { d.Conv = "g:nobody" }, codec.CodeNotFound},
		{"no kind of conversation", func(d *chat.Draft) { d.Conv = "x:1" }, codec.CodeNotFound},
		{"no conversation", func(d *chat.Draft) { d.Conv = "" }, codec.CodeNotFound},
		{"NUL in an id", func(d *chat.Draft) { d.ClientID = "a\x00b" }, codec.CodeMalformed},
		{"not UTF-8", func(d *chat.Draft) { d.From = "a\xff" }, codec.CodeMalformed},
		{"a client_id without end", func(d *chat.Draft) { d.ClientID = strings.Repeat("c", 5000) }, codec.CodeMalformed},
		{"data that is no JSON", func(d *chat.Draft) { d.Body.Data = []byte("{") }, codec.CodeMalformed},
		{"an id that is taken", func(d *chat.Draft) { d.ID = first.ID }, codec.CodeInternal},
	}
	for _, test := range bad {
		d := draft("alice", "s:alice:bob", "no", 3)
		test.change(&d)
		_, _, err := s.Append(ctx, d)
		wantCode(t, test.name, err, test.code)
	}
	if m := send(t, s, draft("alice", "s:alice:bob", "on", 4)); m.Seq != 4 {
		t.Errorf("after refusals the seq is %d, want 4", m.Seq)
	}

	gone, cancel := context.WithCancel(ctx)
	cancel()
	_, _, err = s.Append(gone, draft("alice", "s:alice:bob", "late", 5))
	wantCode(t, "a caller who is gone", err, codec.CodeUnavailable)
}

// appendsTogether sends from many at once: every message has a seq of its own, the seqs
// of each conversation have no hole, and duplicates take none.
func appendsTogether(t *testing.T, s chat.Store) {
	const senders, each, convs = 40, 25, 5
	type key struct {
		conv string
		seq  uint64
	}
	var mu sync.Mutex
	held := map[key]string{}
	var wg sync.WaitGroup
	for n := range senders {
		wg.Go(func() {
			from := fmt.Sprintf("u%02d", n)
			for i := range each {
				d := draft(from, fmt.Sprintf("n:box%d", (n+i)%convs), fmt.Sprintf("%s %d", from, i), int64(i))
				d.ClientID = fmt.Sprint(i)
				twice := d
				twice.ID = newID()
				results := make(chan chat.Message, 2)
				for _, d := range []chat.Draft{d, twice} {
					wg.Go(func() {
						m, _, err := s.Append(t.Context(), d)
						if err != nil {
							t.Error(err)
						}
						results <- m
					})
				}
				a, b := <-results, <-results
				if a.ID != b.ID || a.Seq != b.Seq {
					t.Errorf("one client_id, two messages: %v, %v", a, b)
				}
				mu.Lock()
				if id, taken := held[key{a.Conv, a.Seq}]; taken {
					t.Errorf("%s %d is both %s and %s", a.Conv, a.Seq, id, a.ID)
				}
				held[key{a.Conv, a.Seq}] = a.ID
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	total := 0
	for n := range convs {
		conv := fmt.Sprintf("n:box%d", n)
		page, more, err := s.Page(t.Context(), "", conv, chat.PageQuery{Forward: true, Limit: senders * each})
		if err != nil || more {
			t.Fatal(err)
		}
		for i, m := range page {
			if m.Seq != uint64(i+1) || held[key{conv, m.Seq}] != m.ID {
				t.Fatalf("%s: at %d is seq %d, %s; its sender was told %s", conv, i+1, m.Seq, m.ID, held[key{conv, m.Seq}])
			}
		}
		total += len(page)
	}
	if total != senders*each {
		t.Errorf("%d messages, want %d", total, senders*each)
	}
}

// pages is what chat.Messages promises of Page and Message.
func pages(t *testing.T, s chat.Store) {
	ctx := t.Context()
	const conv = "s:alice:bob"
	var sent []chat.Message
	for i := range 6 {
		d := draft("alice", conv, string(rune('a'+i)), int64(i))
		if i == 3 {
			d.Expires = start + 100
		}
		if i == 0 {
			d.ClientID = "mine"
		}
		sent = append(sent, send(t, s, d))
	}
	if _, _, err := s.Recall(ctx, sent[4].ID, start+50); err != nil {
		t.Fatal(err)
	}
	if err := s.Hide(ctx, conv, "bob", []uint64{2, 99}); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, reader string
		q            chat.PageQuery
		want         string
		more         bool
	}{
		{"newest", "alice", chat.PageQuery{Limit: 2}, "6 f, 5 (recalled)", true},
		{"all", "alice", chat.PageQuery{Limit: 6}, "6 f, 5 (recalled), 4 d, 3 c, 2 b, 1 a", false},
		{"expired", "alice", chat.PageQuery{Limit: 3, Now: start + 100}, "6 f, 5 (recalled), 4 (gone)", true},
		{"hidden", "bob", chat.PageQuery{Before: 4, Limit: 9}, "3 c, 2 (gone), 1 a", false},
		{"before", "alice", chat.PageQuery{Before: 3, Limit: 1}, "2 b", true},
		{"before the first", "alice", chat.PageQuery{Before: 1, Limit: 9}, "", false},
		{"before everything there can be", "alice", chat.PageQuery{Before: math.MaxUint64, Limit: 1}, "6 f", true},
		{"after", "alice", chat.PageQuery{After: 2, Limit: 2}, "3 c, 4 d", true},
		{"after the last", "alice", chat.PageQuery{After: 6, Limit: 2}, "", false},
		{"after everything there can be", "alice", chat.PageQuery{After: math.MaxUint64, Limit: 2}, "", false},
		{"from the start", "alice", chat.PageQuery{Forward: true, Limit: 2}, "1 a, 2 b", true},
		{"not beyond the time of joining", "alice", chat.PageQuery{From: 4, Limit: 9}, "6 f, 5 (recalled)", false},
		{"nor forward", "alice", chat.PageQuery{From: 4, Forward: true, Limit: 9}, "5 (recalled), 6 f", false},
		{"nor before it", "alice", chat.PageQuery{From: 4, Before: 3, Limit: 9}, "", false},
	}
	for _, test := range tests {
		page, more, err := s.Page(ctx, test.reader, conv, test.q)
		if err != nil || said(page) != test.want || more != test.more {
			t.Errorf("%s: %q, more %v, %v; want %q, more %v", test.name, said(page), more, err, test.want, test.more)
		}
		for _, m := range page {
			if (m.Type == chat.TypeGone || m.Type == chat.TypeRecalled) &&
				(m.Text != "" || m.ID == "" || m.From != "alice" || m.Conv != conv) {
				t.Errorf("%s: tombstone %+v", test.name, m)
			}
			if (m.ClientID != "") != (test.reader == "alice" && m.Seq == 1) {
				t.Errorf("%s: %s sees client_id %q of seq %d", test.name, test.reader, m.ClientID, m.Seq)
			}
		}
	}
	_, _, err := s.Page(ctx, "alice", "s:alice:carol", chat.PageQuery{Limit: 1})
	wantCode(t, "page of no conversation", err, codec.CodeNotFound)
	if page, more, err := s.Page(ctx, "alice", chat.Everyone, chat.PageQuery{Limit: 1}); err != nil || more ||
		page == nil || len(page) > 0 {
		t.Errorf("broadcasts before there are any: %v, %v, %v", page, more, err)
	}

	if m, err := s.Message(ctx, "bob", sent[0].ID); err != nil || m.Text != "a" || m.ClientID != "" || m.Conv != conv {
		t.Errorf("message: %+v, %v", m, err)
	}
	if m, err := s.Message(ctx, "bob", sent[1].ID); err != nil || m.Type != chat.TypeGone {
		t.Errorf("message that bob deleted: %+v, %v", m, err)
	}
	_, err = s.Message(ctx, "bob", "nosuch")
	wantCode(t, "message that isn't there", err, codec.CodeNotFound)
}

// changes is what chat.Messages promises of Recall, Edit, Versions, React and Changed.
func changes(t *testing.T, s chat.Store) {
	ctx := t.Context()
	const conv = "s:alice:bob"
	var sent []chat.Message
	for i := range 4 {
		d := draft("alice", conv, fmt.Sprintf("word%d", i+1), int64(i))
		d.ClientID = fmt.Sprint(i)
		d.Mention = []string{"bob"}
		sent = append(sent, send(t, s, d))
	}
	m, rev, err := s.Edit(ctx, sent[0].ID, text("better"), []string{"*"}, start+10)
	if err != nil || rev != 1 || m.Text != "better" || m.Edited != start+10 || m.Rev != 1 || m.ClientID != "" ||
		!slices.Equal(m.Mention, []string{"*"}) {
		t.Errorf("edit: %+v, rev %d, %v", m, rev, err)
	}
	if _, rev, err = s.Edit(ctx, sent[0].ID, text("best"), nil, start+20); err != nil || rev != 2 {
		t.Errorf("edit again: rev %d, %v", rev, err)
	}
	versions, err := s.Versions(ctx, sent[0].ID)
	if err != nil || len(versions) != 2 || versions[0].Text != "word1" || versions[0].Time != start+10 ||
		versions[1].Text != "better" || versions[1].Time != start+20 {
		t.Errorf("versions: %+v, %v", versions, err)
	}
	if versions, err := s.Versions(ctx, sent[1].ID); err != nil || versions == nil || len(versions) != 0 {
		t.Errorf("versions of what was never edited: %v, %v", versions, err)
	}
	_, err = s.Versions(ctx, "nosuch")
	wantCode(t, "versions of nothing", err, codec.CodeNotFound)

	if m, rev, err = s.Recall(ctx, sent[1].ID, start+30); err != nil || rev != 3 || m.Type != chat.TypeRecalled ||
		m.Text != "" || m.Mention != nil {
		t.Errorf("recall: %+v, rev %d, %v", m, rev, err)
	}
	_, _, err = s.Recall(ctx, sent[1].ID, start+31)
	wantCode(t, "recall twice", err, codec.CodeConflict)
	_, _, err = s.Edit(ctx, sent[1].ID, text("x"), nil, start+31)
	wantCode(t, "edit what was recalled", err, codec.CodeConflict)
	_, _, _, err = s.React(ctx, sent[1].ID, "bob", "+1", true, start+31)
	wantCode(t, "react to what was recalled", err, codec.CodeConflict)
	_, _, err = s.Recall(ctx, "nosuch", start)
	wantCode(t, "recall nothing", err, codec.CodeNotFound)

	react := func(user, sign string, on, want bool, wantRev uint64) chat.Message {
		t.Helper()
		m, rev, changed, err := s.React(ctx, sent[2].ID, user, sign, on, start+40+int64(wantRev))
		if err != nil || changed != want || rev != wantRev {
			t.Errorf("%s %s %v: changed %v, rev %d, %v", user, sign, on, changed, rev, err)
		}
		return m
	}
	react("bob", "❤", true, true, 4)
	react("bob", "❤", true, false, 4)
	react("alice", "👍", true, true, 5)
	react("carol", "👍", true, true, 6)
	react("alice", "❤", true, true, 7)
	react("alice", "❤", false, true, 8)
	m = react("alice", "❤", false, false, 8)
	if got, want := fmt.Sprint(m.Reactions), "[{❤ 1 [bob]} {👍 2 [alice carol]}]"; got != want {
		t.Errorf("reactions %s, want %s", got, want)
	}
	page, _, err := s.Page(ctx, "bob", conv, chat.PageQuery{Limit: 4})
	if err != nil || fmt.Sprint(page[1].Reactions) != fmt.Sprint(m.Reactions) || page[0].Reactions != nil {
		t.Errorf("reactions in a page: %v, %v", page, err)
	}
	for i := range chat.MaxSigns {
		if _, _, _, err = s.React(ctx, sent[3].ID, "bob", fmt.Sprint(i), true, start+60); err != nil {
			t.Fatal(err)
		}
	}
	_, _, _, err = s.React(ctx, sent[3].ID, "bob", "one more", true, start+60)
	wantCode(t, "too many signs", err, codec.CodeTooMany)

	changed := func(rev, upTo uint64, limit int) string {
		t.Helper()
		page, more, err := s.Changed(ctx, "bob", conv, rev, upTo, limit, start+70)
		if err != nil {
			t.Error(err)
		}
		return fmt.Sprintf("%s; %v", said(page), more)
	}
	for _, test := range []struct {
		got, want string
	}{
		{changed(0, 3, 9), "1 best, 2 (recalled), 3 word3; false"},
		{changed(2, 3, 1), "2 (recalled); true"},
		{changed(3, 2, 9), "; false"},
		{changed(8, 9, 9), "4 word4; false"},
	} {
		if test.got != test.want {
			t.Errorf("changed: %q, want %q", test.got, test.want)
		}
	}

	for i := range 98 {
		if _, _, err := s.Edit(ctx, sent[0].ID, text(fmt.Sprint(i)), nil, start+80); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err = s.Edit(ctx, sent[0].ID, text("x"), nil, start+90)
	wantCode(t, "too many edits", err, codec.CodeTooMany)
}

// expiry is what chat.Messages promises of Expire.
func expiry(t *testing.T, s chat.Store) {
	ctx := t.Context()
	const conv = "s:alice:bob"
	var ephemeral chat.Message
	for i := range 250 {
		d := draft("alice", conv, "ephemeral", int64(i))
		if i%5 > 0 {
			d.Expires = start + 1000 + int64(i)
		}
		if m := send(t, s, d); i == 249 {
			ephemeral = m
		}
	}
	if n, err := s.Expire(ctx, start+999, 1000); n != 0 || err != nil {
		t.Errorf("nothing has run out: %d, %v", n, err)
	}
	if _, _, err := s.Edit(ctx, ephemeral.ID, text("edited"), nil, start+1000); err != nil {
		t.Fatal(err)
	}
	_, _, err := s.Edit(ctx, ephemeral.ID, text("edited"), nil, start+3000)
	wantCode(t, "edit what has run out", err, codec.CodeNotFound)
	if n, err := s.Expire(ctx, start+3000, 150); n != 150 || err != nil {
		t.Errorf("with a limit: %d, %v", n, err)
	}
	if n, err := s.Expire(ctx, start+3000, 1000); n != 50 || err != nil {
		t.Errorf("the rest: %d, %v", n, err)
	}
	if versions, err := s.Versions(ctx, ephemeral.ID); err != nil || len(versions) > 0 {
		t.Errorf("versions of what has run out: %v, %v", versions, err)
	}
	// Also for a reader whose clock is behind: it is really gone.
	page, _, err := s.Page(ctx, "alice", conv, chat.PageQuery{Limit: 5, Now: 1})
	if want := "250 (gone), 249 (gone), 248 (gone), 247 (gone), 246 ephemeral"; err != nil || said(page) != want {
		t.Errorf("page %q, %v; want %q", said(page), err, want)
	}
	found, _, err := s.Search(ctx, "alice", "ephemeral", "", 200, "", 1)
	if err != nil || len(found) != 50 {
		t.Errorf("search finds %d, want the 50 that don't expire; %v", len(found), err)
	}
}
