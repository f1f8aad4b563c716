package chat_test

import (
	"testing"
	"time"

	"pushd/internal/account"
	"pushd/internal/chat"
)

// TestRights is who may do what, cell by cell: each operation by each kind of
// user, in a world of its own. ok is 0, and the rest is the code of the refusal.
func TestRights(t *testing.T) {
	const ok, no, none, miss = 0, 403, 401, 404
	operations := []struct {
		name string
		do   func(*world, account.Identity, scene) error
	}{
		{"send", func(w *world, id account.Identity, c scene) error {
			_, err := w.Send(w.t.Context(), id, chat.SendRequest{Conv: c.conv, Body: chat.Body{Type: "text", Text: "x"}})
			return err
		}},
		{"send to all", func(w *world, id account.Identity, c scene) error {
			_, err := w.Send(w.t.Context(), id, chat.SendRequest{Conv: c.conv, Body: chat.Body{Type: "text", Text: "x"}, Mention: []string{"*"}})
			return err
		}},
		{"history", func(w *world, id account.Identity, c scene) error {
			_, err := w.History(w.t.Context(), id, chat.HistoryRequest{Conv: c.conv})
			return err
		}},
		{"delivered", func(w *world, id account.Identity, c scene) error {
			_, err := w.Delivered(w.t.Context(), id, chat.MarkRequest{Conv: c.conv, Seq: c.theirs.Seq})
			return err
		}},
		{"read", func(w *world, id account.Identity, c scene) error {
			_, err := w.Read(w.t.Context(), id, chat.MarkRequest{Conv: c.conv, Seq: c.theirs.Seq})
			return err
		}},
		{"readers", func(w *world, id account.Identity, c scene) error {
			_, err := w.Readers(w.t.Context(), id, chat.ReadersRequest{Conv: c.conv, Seq: c.theirs.Seq})
			return err
		}},
		{"typing", func(w *world, id account.Identity, c scene) error {
			_, err := w.Typing(w.t.Context(), id, chat.ConvRequest{Conv: c.conv})
			return err
		}},
		{"react", func(w *world, id account.Identity, c scene) error {
			_, err := w.React(w.t.Context(), id, chat.ReactRequest{ID: c.theirs.ID, Sign: "👍"})
			return err
		}},
		{"versions", func(w *world, id account.Identity, c scene) error {
			_, err := w.Versions(w.t.Context(), id, chat.MessageRequest{ID: c.theirs.ID})
			return err
		}},
		{"edit own", func(w *world, id account.Identity, c scene) error {
			_, err := w.Edit(w.t.Context(), id, chat.EditRequest{ID: c.own.ID, Body: chat.Body{Type: "text", Text: "y"}})
			return err
		}},
		{"edit theirs", func(w *world, id account.Identity, c scene) error {
			_, err := w.Edit(w.t.Context(), id, chat.EditRequest{ID: c.theirs.ID, Body: chat.Body{Type: "text", Text: "y"}})
			return err
		}},
		{"recall own", func(w *world, id account.Identity, c scene) error {
			_, err := w.Recall(w.t.Context(), id, chat.MessageRequest{ID: c.own.ID})
			return err
		}},
		{"recall theirs", func(w *world, id account.Identity, c scene) error {
			_, err := w.Recall(w.t.Context(), id, chat.MessageRequest{ID: c.theirs.ID})
			return err
		}},
		{"delete", func(w *world, id account.Identity, c scene) error {
			_, err := w.Delete(w.t.Context(), id, chat.DeleteRequest{Conv: c.conv, Seqs: []uint64{c.theirs.Seq}})
			return err
		}},
		{"hide", func(w *world, id account.Identity, c scene) error {
			_, err := w.Hide(w.t.Context(), id, chat.ConvRequest{Conv: c.conv})
			return err
		}},
		{"search", func(w *world, id account.Identity, c scene) error {
			_, err := w.Search(w.t.Context(), id, chat.SearchRequest{Q: "x", Conv: c.conv})
			return err
		}},
		{"send as", func(w *world, id account.Identity, c scene) error {
			_, err := w.SendAs(w.t.Context(), id, chat.SendAsRequest{From: "bob", SendRequest: chat.SendRequest{Conv: c.conv, Body: chat.Body{Type: "text", Text: "x"}}})
			return err
		}},
		{"history of others", func(w *world, id account.Identity, c scene) error {
			_, err := w.HistoryOf(w.t.Context(), id, chat.HistoryRequest{Conv: c.conv})
			return err
		}},
		{"conversations of others", func(w *world, id account.Identity, _ scene) error {
			_, err := w.ConversationsOf(w.t.Context(), id, chat.UserConversationsRequest{User: "bob"})
			return err
		}},
	}
	//            send  all   hist  deliv read  readr typin react vers  edit  editT rec   recT  del   hide  search as    histO convO
	for _, row := range []struct {
		who  string
		want [19]int
	}{
		{"single", [19]int{ok, ok, ok, ok, ok, ok, ok, ok, ok, ok, no, ok, no, ok, ok, ok, no, no, no}},
		{"single, third", [19]int{no, no, no, no, no, no, no, no, no, no, no, no, no, no, no, no, no, no, no}},
		{"single, blocked", [19]int{no, no, ok, ok, ok, ok, no, no, ok, no, no, ok, no, ok, ok, ok, no, no, no}},
		{"single, blocking", [19]int{no, no, ok, ok, ok, ok, no, no, ok, no, no, ok, no, ok, ok, ok, no, no, no}},
		{"single, strangers", [19]int{no, no, ok, ok, ok, ok, no, no, ok, no, no, ok, no, ok, ok, ok, no, no, no}},
		{"single, friends", [19]int{ok, ok, ok, ok, ok, ok, ok, ok, ok, ok, no, ok, no, ok, ok, ok, no, no, no}},
		{"group, member", [19]int{ok, no, ok, ok, ok, ok, ok, ok, ok, ok, no, ok, no, ok, ok, ok, no, no, no}},
		{"group, late member", [19]int{ok, no, ok, ok, ok, no, ok, miss, miss, miss, miss, miss, miss, ok, ok, ok, no, no, no}},
		{"group, admin", [19]int{ok, ok, ok, ok, ok, ok, ok, ok, ok, ok, no, ok, ok, ok, ok, ok, no, no, no}},
		{"group, owner", [19]int{ok, ok, ok, ok, ok, ok, ok, ok, ok, ok, no, ok, ok, ok, ok, ok, no, no, no}},
		{"group, muted", [19]int{no, no, ok, ok, ok, ok, no, no, ok, no, no, ok, no, ok, ok, ok, no, no, no}},
		{"group, was muted", [19]int{ok, no, ok, ok, ok, ok, ok, ok, ok, ok, no, ok, no, ok, ok, ok, no, no, no}},
		{"muted group, member", [19]int{no, no, ok, ok, ok, ok, no, no, ok, no, no, ok, no, ok, ok, ok, no, no, no}},
		{"muted group, admin", [19]int{ok, ok, ok, ok, ok, ok, ok, ok, ok, ok, no, ok, ok, ok, ok, ok, no, no, no}},
		{"group, left", [19]int{no, no, no, no, no, no, no, no, no, no, no, no, no, no, no, no, no, no, no}},
		{"nobody", [19]int{none, none, none, none, none, none, none, none, none, none, none, none, none, none, none, none, no, no, no}},
		{"key push", [19]int{no, no, no, no, no, no, no, no, no, no, no, no, no, no, no, no, ok, no, no}},
		{"key read", [19]int{no, no, no, no, no, no, no, no, no, no, no, no, no, no, no, no, no, no, no}},
		{"key admin", [19]int{no, no, no, no, no, no, no, no, no, no, no, ok, ok, no, no, no, ok, ok, ok}},
	} {
		for i, op := range operations {
			t.Run(row.who+": "+op.name, func(t *testing.T) {
				w := newWorld(t, chat.Options{FriendsOnly: row.who == "single, strangers" || row.who == "single, friends"})
				id, c := w.cast(row.who)
				wantCode(t, op.do(w, id, c), row.want[i], "")
			})
		}
	}
}

// scene is a conversation with a message of the user's and one of somebody else's.
type scene struct {
	conv        string
	own, theirs chat.SendReply
}

// cast makes the conversation, and the user what they are to be.
func (w *world) cast(who string) (account.Identity, scene) {
	w.t.Helper()
	c := scene{conv: "s:alice:bob"}
	me := as("alice")
	if len(who) >= 5 && who[:5] == "group" || who[:5] == "muted" {
		c.conv = "g:team"
		w.group("team", "dan", "alice", "bob")
	}
	send := func(from string) chat.SendReply {
		return ok(w.SendAs(w.t.Context(), pusher, chat.SendAsRequest{From: from, SendRequest: chat.SendRequest{Conv: c.conv, Body: chat.Body{Type: "text", Text: "x"}}}))(w.t)
	}
	c.own, c.theirs = send("alice"), send("bob")
	w.clock = w.clock.Add(time.Minute)
	block := func(user, other string) {
		if _, err := w.store.Block(w.t.Context(), user, other, true, chat.FriendBounds{}, 0); err != nil {
			w.t.Fatal(err)
		}
	}
	change := func(f func(*chat.GroupInfo, *chat.Member)) {
		w.store.SetGroup("team", func(g *chat.GroupInfo, members map[string]*chat.Member, _ uint64) { f(g, members["alice"]) })
	}
	switch who {
	case "single, third":
		me = as("cyd")
	case "single, blocked":
		block("bob", "alice")
	case "single, blocking":
		block("alice", "bob")
	case "single, friends":
		w.store.Befriend("alice", "bob")
	case "group, late member":
		change(func(_ *chat.GroupInfo, m *chat.Member) { m.JoinSeq = 2 })
	case "group, admin":
		change(func(_ *chat.GroupInfo, m *chat.Member) { m.Role = chat.RoleAdmin })
	case "group, owner":
		change(func(_ *chat.GroupInfo, m *chat.Member) { m.Role = chat.RoleOwner })
	case "group, muted":
		change(func(_ *chat.GroupInfo, m *chat.Member) { m.MutedUntil = w.clock.UnixMilli() + 1 })
	case "group, was muted":
		change(func(_ *chat.GroupInfo, m *chat.Member) { m.MutedUntil = w.clock.UnixMilli() })
	case "muted group, member":
		change(func(g *chat.GroupInfo, _ *chat.Member) { g.Muted = true })
	case "muted group, admin":
		change(func(g *chat.GroupInfo, m *chat.Member) { g.Muted, m.Role = true, chat.RoleAdmin })
	case "group, left":
		w.store.SetGroup("team", func(_ *chat.GroupInfo, members map[string]*chat.Member, _ uint64) { delete(members, "alice") })
	case "nobody":
		me = account.Identity{}
	case "key push":
		me = pusher
	case "key read":
		me = reader
	case "key admin":
		me = admin
	}
	return me, c
}
