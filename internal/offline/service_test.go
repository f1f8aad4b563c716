package offline_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"pushd/internal/chat"
	"pushd/internal/codec"
	"pushd/internal/events"
	"pushd/internal/offline"
	"pushd/internal/testwait"
	"pushd/internal/webhook"
)

func tokensOf(users ...string) []offline.Token {
	var tokens []offline.Token
	for _, u := range users {
		tokens = append(tokens, offline.Token{User: u, Device: "d", Provider: "fcm", Platform: "android", Token: "t-" + u})
	}
	return tokens
}

func TestNotification(t *testing.T) {
	w := &wall{}
	s := newService(t, &shelf{tokens: tokensOf("bob")}, w, offline.Options{})
	s.missed(chat.Message{ID: "m1", Conv: "s:alice:bob", Seq: 7, From: "alice", Body: chat.Body{Type: "text", Text: "hi"}}, []string{"bob"})
	if err := s.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(w.sent)
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"id":"m1","user":"bob","device":"d","provider":"fcm","platform":"android","token":"t-bob",` +
		`"title":"Alice B.","text":"hi","collapse":"s:alice:bob","data":{"conv":"s:alice:bob","from":"alice","seq":"7","type":"text"}}]`
	if string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
}

func TestText(t *testing.T) {
	long := strings.Repeat("ä", 400)
	for _, c := range []struct {
		name string
		o    offline.Options
		from string
		body chat.Body
		want string
	}{
		{"text", offline.Options{}, "alice", chat.Body{Type: "text", Text: "hi"}, "Alice B.: hi"},
		{"a long text", offline.Options{}, "alice", chat.Body{Type: "text", Text: long}, "Alice B.: " + long[:512] + "…"},
		{"hidden", offline.Options{HideText: true}, "alice", chat.Body{Type: "text", Text: "hi"}, "Alice B.: New message"},
		{"hidden, in other words", offline.Options{HideText: true, Text: "Neue Nachricht"}, "alice", chat.Body{Type: "img"}, "Alice B.: Neue Nachricht"},
		{"a picture", offline.Options{}, "alice", chat.Body{Type: "img"}, "Alice B.: [image]"},
		{"a file", offline.Options{}, "alice", chat.Body{Type: "file", Name: "a.pdf"}, "Alice B.: [file] a.pdf"},
		{"custom", offline.Options{}, "alice", chat.Body{Type: "custom"}, "Alice B.: New message"},
		{"the server speaks", offline.Options{}, "$server", chat.Body{Type: "notice"}, ": New message"},
		{"no name to be had", offline.Options{}, "nobody", chat.Body{Type: "text", Text: "hi"}, "nobody: hi"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &wall{}
			s := newService(t, &shelf{tokens: tokensOf("bob")}, w, c.o)
			s.missed(chat.Message{Conv: "n:bob", From: c.from, Body: c.body}, []string{"bob"})
			if err := s.Shutdown(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := w.sent[0].Title + ": " + w.sent[0].Text; got != c.want || !utf8.ValidString(got) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestWhoIsWoken(t *testing.T) {
	everybody := []string{"alice", "bob", "carol"}
	for _, c := range []struct {
		name   string
		groups string
		m      chat.Message
		want   string
	}{
		{"not the sender", "", chat.Message{Conv: "g:1", Body: chat.Body{Type: "text"}}, "bob carol"},
		{"in groups, all", offline.GroupsAll, chat.Message{Conv: "g:1", Body: chat.Body{Type: "img"}}, "bob carol"},
		{"in groups, who is mentioned", offline.GroupsMention, chat.Message{Conv: "g:1", Body: chat.Body{Type: "text"}, Mention: []string{"carol", "dave"}}, "carol"},
		{"in groups, all are mentioned", offline.GroupsMention, chat.Message{Conv: "g:1", Body: chat.Body{Type: "text"}, Mention: []string{"*"}}, "bob carol"},
		{"in groups, nobody", offline.GroupsNone, chat.Message{Conv: "g:1", Body: chat.Body{Type: "text"}, Mention: []string{"*"}}, ""},
		{"groups don't speak for others", offline.GroupsNone, chat.Message{Conv: "s:alice:bob", Body: chat.Body{Type: "text"}}, "bob carol"},
		{"who joined a group", "", chat.Message{Conv: "g:1", Body: chat.Body{Type: chat.TypeNotice}}, ""},
		{"notices to oneself", "", chat.Message{Conv: "n:bob", Body: chat.Body{Type: chat.TypeNotice}}, "bob carol"},
		{"what is recalled", "", chat.Message{Conv: "s:alice:bob", Body: chat.Body{Type: chat.TypeRecalled}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &wall{}
			s := newService(t, &shelf{tokens: tokensOf(everybody...)}, w, offline.Options{Groups: c.groups})
			c.m.From = "alice"
			s.missed(c.m, everybody)
			if err := s.Shutdown(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := w.users(); got != c.want {
				t.Errorf("woke %q, want %q", got, c.want)
			}
		})
	}
}

func TestManyUsersComeInBatches(t *testing.T) {
	var users []string
	for i := range 1000 {
		users = append(users, fmt.Sprintf("u%04d", i))
	}
	w := &wall{}
	s := newService(t, &shelf{tokens: tokensOf(users...)}, w, offline.Options{Batch: 70})
	s.missed(chat.Message{Conv: "g:1", From: "alice", Body: chat.Body{Type: "text"}}, users)
	if err := s.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, n := range w.sent {
		seen[n.User]++
	}
	if len(seen) != 1000 || len(w.sent) != 1000 || w.calls != 5*3 {
		t.Errorf("%d users, %d notifications, %d calls", len(seen), len(w.sent), w.calls)
	}
}

func TestWhatTheGatewaySays(t *testing.T) {
	w := &wall{answer: func(call int, n offline.Notification) (offline.Result, error) {
		switch {
		case n.User == "gone":
			return offline.Result{Gone: true, Error: "UNREGISTERED"}, nil
		case n.User == "later" && call == 1:
			return offline.Result{Retry: true}, nil
		case n.User == "refused":
			return offline.Result{Error: "too big"}, nil
		}
		return offline.Result{}, nil
	}}
	k := &shelf{tokens: tokensOf("gone", "later", "refused", "well")}
	s := newService(t, k, w, offline.Options{})
	s.missed(chat.Message{Conv: "g:1", Body: chat.Body{Type: "text"}}, []string{"gone", "later", "refused", "well"})
	testwait.Equal(t, "who was notified", "well later", w.users)
	testwait.Equal(t, "the tokens kept", "later/d refused/d well/d", func() string { return strings.Join(k.all(), " ") })
}

func TestNobodyIsToldTwiceWhenAGatewayFails(t *testing.T) {
	k := &shelf{tokens: tokensOf("a", "b", "b-gone", "c"), fail: codec.Errorf(codec.CodeUnavailable, "the database can't answer now")}
	w := &wall{answer: func(call int, n offline.Notification) (offline.Result, error) {
		switch {
		case n.User == "b-gone":
			return offline.Result{Gone: true}, nil
		case n.User == "a" && call == 1:
			return offline.Result{Retry: true}, nil
		case n.User == "c" && call == 4:
			return offline.Result{}, &webhook.CallError{Outcome: webhook.OutcomeNetwork, Retry: true}
		}
		return offline.Result{}, nil
	}}
	s := newService(t, k, w, offline.Options{Batch: 1})
	s.missed(chat.Message{Conv: "g:1", Body: chat.Body{Type: "text"}}, []string{"a", "b", "b-gone", "c"})
	testwait.Equal(t, "who was notified", "b a c", w.users)
	testwait.Equal(t, "the tokens kept", "a/d b/d c/d", func() string { return strings.Join(k.all(), " ") })
}

func TestNoGateway(t *testing.T) {
	s := newService(t, &shelf{tokens: tokensOf("bob")}, nil, offline.Options{})
	s.missed(chat.Message{Conv: "s:a:b", Body: chat.Body{Type: "text"}}, []string{"bob"})
	if events.PublisherOf[chat.MessageMissed](s.bus).Wanted() {
		t.Error("who is away is found out for nobody")
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}
