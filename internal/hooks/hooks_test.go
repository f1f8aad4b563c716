package hooks_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pushd/internal/account"
	"pushd/internal/chat"
	"pushd/internal/events"
	"pushd/internal/hooks"
	"pushd/internal/testwait"
)

var everyEvent = hooks.Types()

func TestTold(t *testing.T) {
	b := newBackend(t, nil)
	h, _ := newHooks(t, hooks.Options{URL: b.url, Events: everyEvent, Batch: 1, Workers: 1})
	m := chat.Message{ID: "m1", Conv: "s:alice:bob", Seq: 7, From: "alice", Body: chat.Body{Type: "text", Text: "hi"}, Time: 5, ClientID: "c"}
	steps := []func(){
		func() { publish(h, events.ServerStarted{}) },
		func() { publish(h, chat.MessageSent{Message: m}) },
		func() { publish(h, chat.MessageMissed{Message: m, Users: []string{"bob"}}) },
		func() { publish(h, account.SessionBegan{Identity: alice}) },
		func() {
			gone := alice
			gone.Session = "s9"
			publish(h, account.SessionEnded{Identity: gone, Reason: "no_heartbeat"})
		},
	}
	for _, step := range steps {
		step()
	}
	const message = `{"id":"m1","conv":"s:alice:bob","seq":7,"from":"alice","type":"text","text":"hi","time":5}`
	want := map[string]string{
		"server.started":  `{}`,
		"message.sent":    message,
		"message.offline": `{"message":` + message + `,"users":["bob"]}`,
		"user.login":      `{"user":"alice","platform":"android","app":"shop","device":"d1","address":"192.0.2.1"}`,
		"user.logout":     `{"user":"alice","platform":"android","session":"s9","app":"shop","device":"d1","address":"192.0.2.1","reason":"no_heartbeat"}`,
		"server.stopped":  `{}`,
	}
	if err := h.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	types, data := b.told()
	got := map[string]string{}
	for i := range types {
		got[types[i]] = data[i]
	}
	for what, text := range want {
		if got[what] != text {
			t.Errorf("%s:\ngot  %s\nwant %s", what, got[what], text)
		}
	}
	if len(types) != len(want) {
		t.Errorf("told %v", types)
	}
	ids := map[string]bool{}
	for _, c := range b.calls {
		for _, e := range c.Events {
			ids[e.ID] = true
			if e.Time == 0 || c.Boot == "" || c.Node != "n1" || c.Type != "events" {
				t.Errorf("%+v", c)
			}
		}
	}
	if len(ids) != len(want) {
		t.Errorf("%d ids for %d events", len(ids), len(want))
	}
}

func TestOrderAndRepetition(t *testing.T) {
	var n atomic.Int32
	b := newBackend(t, func(call) (int, string) {
		if n.Add(1)%3 == 1 {
			return 503, ""
		}
		return 200, ""
	})
	h, _ := newHooks(t, hooks.Options{URL: b.url, Events: everyEvent, Batch: 16})
	for seq := range 100 {
		for _, conv := range []string{"a", "b"} {
			publish(h, chat.MessageSent{Message: chat.Message{Conv: conv, Seq: uint64(seq)}})
		}
	}
	publish(h, account.SessionBegan{Identity: alice})
	publish(h, account.SessionEnded{Identity: alice, Reason: "kicked"})
	testwait.Until(t, "201 events, each at least once", func() int {
		seen := map[string]bool{}
		for _, c := range snapshot(b) {
			for _, e := range c.Events {
				seen[e.ID] = true
			}
		}
		return len(seen)
	}, func(told int) bool { return told >= 201 })
	first := map[string][]uint64{} // the order of what is told for the first time
	seen := map[string]bool{}
	for _, c := range snapshot(b) {
		for _, e := range c.Events {
			var m chat.Message
			if err := json.Unmarshal(e.Data, &m); err != nil || seen[e.ID] || e.Type != hooks.Sent {
				continue
			}
			seen[e.ID] = true
			first[m.Conv] = append(first[m.Conv], m.Seq)
		}
	}
	for conv, seqs := range first {
		if !slices.IsSorted(seqs) || len(seqs) != 100 {
			t.Errorf("%s: %v", conv, seqs)
		}
	}
}

func snapshot(b *backend) []call {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.calls)
}

func TestNobodyWaitsForWhatIsTold(t *testing.T) {
	hold := make(chan struct{})
	b := newBackend(t, func(call) (int, string) { <-hold; return 200, "" })
	h, m := newHooks(t, hooks.Options{URL: b.url, Events: []string{hooks.Logout}, Queue: 50})
	for i := range 60 {
		publish(h, account.SessionEnded{Identity: account.Identity{User: fmt.Sprint(i), Platform: 1, Session: "s"}, Reason: "peer_gone"})
	}
	var text strings.Builder
	if _, err := m.WriteText(&text, ""); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text.String(), `pushd_webhook_dropped_total{endpoint="hooks",reason="queue_full"}`) {
		t.Error("nothing was dropped at the bound")
	}
	close(hold)
	testwait.Until(t, "the backend to learn that it knows too little", func() []string {
		types, _ := b.told()
		return types
	}, func(types []string) bool { return slices.Contains(types, hooks.Lost) })
}

func TestManyMissed(t *testing.T) {
	b := newBackend(t, nil)
	h, _ := newHooks(t, hooks.Options{URL: b.url, Events: everyEvent})
	users := make([]string, 2500)
	for i := range users {
		users[i] = fmt.Sprintf("u%04d", i)
	}
	publish(h, chat.MessageMissed{Message: chat.Message{Conv: "g:1"}, Users: users})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := h.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	types, data := b.told()
	var all []string
	for i := range types {
		var d struct{ Users []string }
		if types[i] == hooks.Offline {
			if err := json.Unmarshal([]byte(data[i]), &d); err != nil || len(d.Users) > 1000 {
				t.Errorf("%d users, %v", len(d.Users), err)
			}
			all = append(all, d.Users...)
		}
	}
	if !slices.Equal(all, users) {
		t.Errorf("%d of %d users", len(all), len(users))
	}
}
