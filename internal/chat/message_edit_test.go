package chat_test

import (
	"strings"
	"testing"
	"time"

	"pushd/internal/chat"
	"pushd/internal/codec"
)

func TestRecall(t *testing.T) {
	w := newWorld(t, chat.Options{RecallWindow: time.Minute})
	rep := w.say("alice", "user:bob", "oops")
	w.drop()
	r := ok(w.Recall(t.Context(), as("alice"), chat.MessageRequest{ID: rep.ID}))(t)
	if r.ID != rep.ID || r.Seq != 1 || r.Rev != 1 || r.By != "alice" || r.Time != w.clock.UnixMilli() {
		t.Errorf("%+v", r)
	}
	w.wantGot("alice/web", "")
	w.wantGot("alice/ios", "chat.Recalled 1")
	w.wantGot("bob/web", "chat.Recalled 1")
	_, err := w.Recall(t.Context(), as("alice"), chat.MessageRequest{ID: rep.ID})
	wantCode(t, err, 409, "recalled")

	late := w.say("alice", "user:bob", "too late")
	w.clock = w.clock.Add(time.Minute)
	last := w.say("alice", "user:bob", "just in time")
	w.clock = w.clock.Add(time.Millisecond)
	_, err = w.Recall(t.Context(), as("alice"), chat.MessageRequest{ID: late.ID})
	wantCode(t, err, 403, "within 1m0s")
	ok(w.Recall(t.Context(), as("alice"), chat.MessageRequest{ID: last.ID}))(t)
	if r := ok(w.Recall(t.Context(), admin, chat.MessageRequest{ID: late.ID}))(t); r.By != "" {
		t.Errorf("%+v", r)
	}
	if log := w.log.String(); !strings.Contains(log, "msg=changed operation=chat.recall user=\"\" key=ops target="+late.ID) {
		t.Errorf("the backend left no trace: %s", log)
	}
	_, err = w.Recall(t.Context(), as("alice"), chat.MessageRequest{ID: "none"})
	wantCode(t, err, 404, "no such message")
	_, err = w.Recall(t.Context(), as("alice"), chat.MessageRequest{})
	wantCode(t, err, 400, "id")
}

func TestEditIsNotToldToWhoCameLater(t *testing.T) {
	w := newWorld(t, chat.Options{})
	w.group("team", "alice", "bob")
	rep := w.say("bob", "group:team", "secret")
	w.store.SetGroup("team", func(_ *chat.GroupInfo, members map[string]*chat.Member, maxSeq uint64) {
		members["cyd"] = &chat.Member{User: "cyd", Role: chat.RoleMember, JoinSeq: maxSeq}
	})
	w.drop()
	ok(w.Edit(t.Context(), as("bob"), chat.EditRequest{ID: rep.ID, Body: chat.Body{Type: "text", Text: "secret as well"}}))(t)
	w.wantGot("alice/web", "chat.Edited 1 bob secret as well")
	w.wantGot("cyd/web", "")
}

func TestEdit(t *testing.T) {
	w := newWorld(t, chat.Options{EditWindow: time.Minute})
	w.group("team", "alice", "bob")
	r := text("group:team", "one")
	r.ClientID = "c"
	rep := ok(w.Send(t.Context(), as("bob"), r))(t)
	w.drop()
	edit := func(id, body string) error {
		_, err := w.Edit(t.Context(), as("bob"), chat.EditRequest{ID: id, Body: chat.Body{Type: "text", Text: body}, Mention: []string{"alice"}})
		return err
	}
	w.clock = w.clock.Add(time.Second)
	if err := edit(rep.ID, "two"); err != nil {
		t.Fatal(err)
	}
	p := w.node.Take("alice/web")
	if len(p) != 1 || p[0].Name != "chat.Edited" {
		t.Fatalf("%v", p)
	}
	for _, part := range []string{`"text":"two"`, `"rev":1`, `"seq":1`, `"edited":1793000001000`, `"mention":["alice"]`} {
		if !strings.Contains(string(p[0].Data), part) {
			t.Errorf("%s lacks %s", p[0].Data, part)
		}
	}
	if strings.Contains(string(p[0].Data), "client_id") {
		t.Errorf("%s", p[0].Data)
	}
	v := ok(w.Versions(t.Context(), as("alice"), chat.MessageRequest{ID: rep.ID}))(t)
	if len(v.Versions) != 1 || v.Versions[0].Text != "one" || v.Versions[0].Time != w.clock.UnixMilli() {
		t.Errorf("%+v", v)
	}
	if got := w.taken(&w.hooks); !strings.Contains(got, "before two") {
		t.Errorf("the hook did not see the edit: %s", got)
	}

	// The rules of a body, and of mentioning, are those of sending.
	wantCode(t, edit(rep.ID, ""), 400, "text is empty")
	_, err := w.Edit(t.Context(), as("bob"), chat.EditRequest{ID: rep.ID, Body: chat.Body{Type: "text", Text: "x"}, Mention: []string{"*"}})
	wantCode(t, err, 403, "mention everybody")
	_, err = w.Edit(t.Context(), as("bob"), chat.EditRequest{ID: rep.ID, Body: chat.Body{Type: "custom", Data: []byte(`{}`)}})
	wantCode(t, err, 400, "keeps its type")
	w.before = func(d *chat.Draft) error {
		d.Body = chat.Body{Type: "custom", Data: []byte(`{}`)}
		return nil
	}
	wantCode(t, edit(rep.ID, "x"), 403, "keeps its type")
	w.before = func(*chat.Draft) error { return codec.Errorf(codec.CodeForbidden, "mind your language") }
	wantCode(t, edit(rep.ID, "x"), 403, "mind your language")
	w.before = nil

	picture := chat.SendRequest{To: "group:team", Body: chat.Body{Type: chat.TypeImage, URL: "/files/a.jpg"}}
	img := ok(w.Send(t.Context(), as("bob"), picture))(t)
	_, err = w.Edit(t.Context(), as("bob"), chat.EditRequest{ID: img.ID, Body: picture.Body})
	wantCode(t, err, 403, "text and custom")
	gone := ok(w.Send(t.Context(), as("bob"), r))(t)
	ok(w.Recall(t.Context(), as("bob"), chat.MessageRequest{ID: gone.ID}))(t)
	wantCode(t, edit(gone.ID, "x"), 409, "no longer there")
	if v := ok(w.Versions(t.Context(), as("alice"), chat.MessageRequest{ID: gone.ID}))(t); len(v.Versions) != 0 || v.Versions == nil {
		t.Errorf("a recalled message still has %+v", v)
	}
	late := w.say("bob", "group:team", "late")
	w.clock = w.clock.Add(time.Minute + 1)
	w.clock = w.clock.Add(time.Millisecond)
	wantCode(t, edit(late.ID, "x"), 403, "within 1m0s")
}

func TestReact(t *testing.T) {
	w := newWorld(t, chat.Options{})
	rep := w.say("alice", "user:bob", "hi")
	w.drop()
	react := func(user, sign string, on *bool) chat.Reacted {
		return ok(w.React(t.Context(), as(user), chat.ReactRequest{ID: rep.ID, Sign: sign, On: on}))(t)
	}
	react("bob", "👍", nil)
	react("bob", "👍", nil) // again: nothing changes, nobody is told
	r := react("alice", "👍", nil)
	if len(r.Reactions) != 1 || r.Reactions[0].Count != 2 || r.Rev != 2 || !r.On {
		t.Errorf("%+v", r)
	}
	r = react("bob", "👍", new(bool))
	if len(r.Reactions) != 1 || r.Reactions[0].Count != 1 || r.On {
		t.Errorf("%+v", r)
	}
	w.wantGot("alice/web", "chat.Reaction 1 bob, chat.Reaction 1 bob")
	w.wantGot("bob/web", "chat.Reaction 1 alice")
	if r = react("alice", "👍", new(bool)); r.Reactions == nil || len(r.Reactions) != 0 {
		t.Errorf("%+v", r)
	}
	for _, sign := range []string{"", strings.Repeat("x", 33), "\xff", "a\x00"} {
		_, err := w.React(t.Context(), as("bob"), chat.ReactRequest{ID: rep.ID, Sign: sign})
		wantCode(t, err, 400, "sign")
	}
	ok(w.Recall(t.Context(), as("alice"), chat.MessageRequest{ID: rep.ID}))(t)
	_, err := w.React(t.Context(), as("bob"), chat.ReactRequest{ID: rep.ID, Sign: "👍"})
	wantCode(t, err, 409, "no longer there")
}

func TestDeleteAndHide(t *testing.T) {
	w := newWorld(t, chat.Options{})
	w.say("alice", "user:bob", "a")
	w.say("alice", "user:bob", "b")
	w.drop()
	phone := as("alice")
	phone.Session = "alice/ios"
	ok(w.Delete(t.Context(), phone, chat.DeleteRequest{To: "user:bob", Seqs: []uint64{1}}))(t)
	w.wantGot("alice/web", "chat.Deleted")
	w.wantGot("alice/ios", "")
	w.wantGot("bob/web", "")
	for user, want := range map[string]string{"alice": chat.TypeGone, "bob": chat.TypeText} {
		h := ok(w.History(t.Context(), as(user), chat.HistoryRequest{Conv: "s:alice:bob"}))(t)
		if len(h.Messages) != 2 || h.Messages[1].Type != want {
			t.Errorf("%s sees %+v", user, h.Messages)
		}
	}
	_, err := w.Delete(t.Context(), phone, chat.DeleteRequest{To: "user:bob"})
	wantCode(t, err, 400, "seqs is empty")
	_, err = w.Delete(t.Context(), phone, chat.DeleteRequest{To: "user:bob", Seqs: make([]uint64, 201)})
	wantCode(t, err, 413, "at most 200")

	ok(w.Hide(t.Context(), phone, chat.ConvRequest{To: "user:bob"}))(t)
	w.wantGot("alice/web", "chat.Hidden")
	list := func() int {
		return len(ok(w.Conversations(t.Context(), as("alice"), chat.ConversationsRequest{}))(t).Conversations)
	}
	if list() != 0 {
		t.Error("it is still on the list")
	}
	w.say("bob", "user:alice", "c")
	if list() != 1 {
		t.Error("it is not back on the list")
	}
}
