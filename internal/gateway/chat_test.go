package gateway_test

import (
	"fmt"
	"slices"
	"testing"

	"pushd/internal/chat"
	"pushd/internal/chat/chattest"
	"pushd/internal/codec"
	"pushd/internal/delivery"
	"pushd/internal/push"
)

// TestChat is the way of messages through the real door.
func TestChat(t *testing.T) {
	n := start(t, setup{chat: chattest.NewStore()})
	alice, phone, bob := n.login("alice", "web"), n.login("alice", "ios"), n.login("bob", "web")
	r := alice.ok("chat", "Send", `{"to":"user:bob","type":"text","text":"hi","client_id":"c-1"}`)
	if r["conv"] != "s:alice:bob" || r["seq"] != 1.0 || r["id"] == "" {
		t.Error(r)
	}
	again := alice.ok("chat", "Send", `{"to":"user:bob","type":"text","text":"hi","client_id":"c-1"}`)
	if again["id"] != r["id"] || again["duplicate"] != true {
		t.Error(again)
	}
	for _, c := range []*client{phone, bob} {
		if m := c.pushed("chat", "Message"); m["text"] != "hi" || m["from"] != "alice" || m["seq"] != 1.0 || m["client_id"] != nil {
			t.Error(m)
		}
	}
	bob.ok("chat", "Delivered", `{"conv":"s:alice:bob","seq":1}`)
	bob.ok("chat", "Read", `{"to":"user:alice","seq":1}`)
	for _, c := range []*client{alice, phone} {
		if m := c.pushed("chat", "Receipt"); m["delivered"] != 1.0 || m["user"] != "bob" {
			t.Error(m)
		}
		if m := c.pushed("chat", "Receipt"); m["read"] != 1.0 {
			t.Error(m)
		}
	}
	bob.ok("chat", "Typing", `{"to":"user:alice"}`)
	alice.pushed("chat", "Typing")
	alice.ok("chat", "Edit", `{"id":"`+fmt.Sprint(r["id"])+`","type":"text","text":"hello"}`)
	if m := bob.pushed("chat", "Edited"); m["text"] != "hello" || m["rev"] != 1.0 {
		t.Error(m)
	}
	bob.ok("chat", "React", `{"id":"`+fmt.Sprint(r["id"])+`","sign":"👍"}`)
	alice.pushed("chat", "Reaction")
	alice.ok("chat", "Recall", `{"id":"`+fmt.Sprint(r["id"])+`"}`)
	bob.pushed("chat", "Recalled")
	h := bob.ok("chat", "History", `{"conv":"s:alice:bob"}`)
	if m := h["messages"].([]any)[0].(map[string]any); m["type"] != "recalled" || m["text"] != nil || h["more"] != false {
		t.Error(h)
	}
	if s := bob.ok("chat", "Sync", `{"cursors":{"s:alice:bob":{"seq":1,"rev":2}}}`); s["whole"] != true || len(s["conversations"].([]any)) != 1 {
		t.Error(s)
	}
	for action, data := range map[string]string{
		"Conversations": `{}`, "Readers": `{"conv":"s:alice:bob","seq":1}`, "Versions": `{"id":"` + fmt.Sprint(r["id"]) + `"}`,
		"Search": `{"q":"hi"}`, "Delete": `{"conv":"s:alice:bob","seqs":[1]}`, "Hide": `{"conv":"s:alice:bob"}`,
	} {
		bob.ok("chat", action, data)
	}
	n.login("eve", "web").refused(403, "chat", "History", `{"conv":"s:alice:bob"}`)
	n.dial().refused(401, "chat", "Send", `{"to":"user:bob","type":"text","text":"hi"}`)
}

// TestChatGroups: the members of a stored group are loaded when first needed, for
// messages as for pushes.
func TestChatGroups(t *testing.T) {
	store := chattest.NewStore()
	n := start(t, setup{chat: store})
	alice, bob := n.login("alice", "web"), n.login("bob", "web")
	for _, id := range []string{"team", "other"} {
		if _, err := store.CreateGroup(t.Context(), chat.GroupInfo{ID: id, Limit: 10}, []string{"alice", "bob", "away"}, 0, 0); err != nil {
			t.Fatal(err)
		}
	}
	alice.ok("chat", "Send", `{"to":"group:team","type":"text","text":"hi"}`)
	if m := bob.pushed("chat", "Message"); m["conv"] != "g:team" {
		t.Error(m)
	}
	r, err := n.push.Push(t.Context(), backend, push.PushRequest{Groups: []string{"team", "other", "none"}, Message: push.Message(`{}`)})
	if err != nil || r.Sessions != 2 {
		t.Errorf("%+v %v", r, err)
	}
	for _, c := range []*client{alice, bob} {
		c.pushed("push", "Message")
	}
	store.Fail = func(string) error { return codec.Errorf(codec.CodeUnavailable, "the database can't answer now") }
	n.groups.MembersChanged(delivery.MemberChange{Group: "team"})
	if _, err := n.push.Push(t.Context(), backend, push.PushRequest{Groups: []string{"team"}, Message: push.Message(`{}`)}); codec.AsError(err) == nil || codec.AsError(err).Code != 503 {
		t.Errorf("a push to a group that can't be read: %v", err)
	}
}

func TestDurablePush(t *testing.T) {
	store := chattest.NewStore()
	n := start(t, setup{chat: store})
	alice, phone, bob := n.login("alice", "web"), n.login("alice", "ios"), n.login("bob", "web")
	if _, err := store.CreateGroup(t.Context(), chat.GroupInfo{ID: "team", Limit: 10}, []string{"alice", "bob"}, 0, 0); err != nil {
		t.Fatal(err)
	}
	item := push.PushRequest{
		Users: []string{"alice", "away", "alice"}, Groups: []string{"team"}, Message: push.Message(`{"order":42}`), Durable: true, IdempotencyKey: "k",
	}
	r, err := n.push.Push(t.Context(), backend, item)
	if err != nil || r.Sessions != 5 || r.Users != 3 || !slices.Equal(r.Offline, []string{"away"}) || r.ID == "" {
		t.Fatalf("%+v %v", r, err)
	}
	for c, want := range map[*client]int{alice: 2, phone: 2, bob: 1} {
		for range want {
			if m := c.pushed("chat", "Message"); m["from"] != "$server" || m["data"].(map[string]any)["order"] != 42.0 {
				t.Error(m)
			}
		}
	}
	b, err := n.push.Broadcast(t.Context(), backend, push.BroadcastRequest{Message: push.Message(`{"all":true}`), Durable: true})
	if err != nil || b.Sessions != 3 {
		t.Fatalf("%+v %v", b, err)
	}
	for _, c := range []*client{alice, phone, bob} {
		if m := c.pushed("chat", "Message"); m["conv"] != "b:all" {
			t.Error(m)
		}
	}
	// Who was away has it all when they come.
	away := n.login("away", "web")
	convs := away.ok("chat", "Sync", `{}`)["conversations"].([]any)
	if len(convs) != 2 {
		t.Errorf("%v", convs)
	}
}
