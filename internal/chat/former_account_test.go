package chat_test

import (
	"testing"

	"pushd/internal/account"
	"pushd/internal/chat"
)

// TestFormerAccount: who registers a name that was deleted sees nothing of what was
// said to and by the one before.
func TestFormerAccount(t *testing.T) {
	p := newPeople(t, chat.Options{})
	ctx := t.Context()
	send := func(from, to, text string) chat.Message {
		t.Helper()
		r := chat.SendRequest{To: "user:" + to, Body: chat.Body{Type: "text", Text: text}}
		reply := ok(p.Send(ctx, as(from), r))(t)
		return ok(p.store.Message(ctx, from, reply.ID))(t)
	}
	history := func(user, other string) []string {
		t.Helper()
		var texts []string
		for _, m := range ok(p.History(ctx, as(user), chat.HistoryRequest{To: "user:" + other}))(t).Messages {
			texts = append(texts, m.Text)
		}
		return texts
	}
	if err := p.store.CreateUser(ctx, account.User{ID: "alice"}); err != nil {
		t.Fatal(err)
	}
	old := send("alice", "bob", "my secret")
	if err := p.store.DeleteUser(ctx, "alice"); err != nil {
		t.Fatal(err)
	}
	wantNothing := func(code int) { // 404 once the store knows where the new alice begins
		t.Helper()
		_, err := p.Edit(ctx, as("alice"), chat.EditRequest{ID: old.ID, Body: chat.Body{Type: "text", Text: "x"}})
		wantCode(t, err, code, "")
		_, err = p.Recall(ctx, as("alice"), chat.MessageRequest{ID: old.ID})
		wantCode(t, err, code, "")
		_, err = p.Readers(ctx, as("alice"), chat.ReadersRequest{To: "user:bob", Seq: old.Seq})
		wantCode(t, err, 403, "before you joined")
	}
	if got := history("alice", "bob"); len(got) > 0 {
		t.Errorf("another alice reads %q", got)
	}
	wantNothing(403)
	send("bob", "alice", "who are you")
	if got := history("alice", "bob"); len(got) != 1 || got[0] != "who are you" {
		t.Errorf("another alice reads %q", got)
	}
	wantNothing(404)
	if got := history("bob", "alice"); len(got) != 2 {
		t.Errorf("bob reads %q, want both", got)
	}
}
