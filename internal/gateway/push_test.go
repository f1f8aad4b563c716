package gateway_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pushd/internal/delivery"
	"pushd/internal/hub"
	engine "pushd/internal/node"
	"pushd/internal/poller/pollertest"
	"pushd/internal/push"
	"pushd/internal/testwait"
)

func TestPushAndKick(t *testing.T) {
	n := start(t, setup{})
	web, ios, bob := n.login("alice", "web"), n.login("alice", "ios"), n.login("bob", "web")
	ctx := context.Background()
	r, err := n.push.Push(ctx, backend, push.PushRequest{Users: []string{"alice", "carol"}, Message: push.Message(`{"n":9007199254740993}`)})
	if err != nil || r.Sessions != 2 || r.Users != 1 || !slices.Equal(r.Offline, []string{"carol"}) || r.ID == "" {
		t.Fatalf("%+v %v", r, err)
	}
	for _, c := range []*client{web, ios} {
		if _, b := c.read(); string(b) != `{"Module":"push","Action":"Message","Data":{"n":9007199254740993}}` {
			t.Errorf("%s", b)
		}
	}
	if r, err := n.push.Broadcast(ctx, backend, push.BroadcastRequest{Message: push.Message(`{"all":true}`)}); err != nil || r.Sessions != 3 {
		t.Fatalf("%+v %v", r, err)
	}
	for _, c := range []*client{web, ios, bob} {
		if c.pushed("push", "Message")["all"] != true {
			t.Error("no broadcast")
		}
	}
	if closed, err := n.kick(delivery.Sessions{User: "alice", Platforms: []string{"ios"}}, "that's enough"); err != nil || closed != 1 {
		t.Fatal(closed, err)
	}
	if reason := ios.closed(4004); reason != "that's enough" {
		t.Error(reason)
	}
	web.ok("robot", "Ping", "")
	sessions, _ := n.engine.UserSessions(ctx, "bob")
	if closed, err := n.kick(delivery.Sessions{Session: sessions[0].Session}, ""); err != nil || closed != 1 {
		t.Fatal(closed, err)
	}
	bob.closed(4004)
	if closed, err := n.kick(delivery.Sessions{User: "nobody"}, ""); err != nil || closed != 0 {
		t.Fatal(closed, err)
	}
}

func TestTopics(t *testing.T) {
	n := start(t, setup{push: push.Options{ClientPublish: func(topic string) bool { return strings.HasPrefix(topic, "open.") }}})
	a, b := n.login("alice", "web"), n.login("bob", "web")
	for _, c := range []*client{a, b} {
		c.ok("topic", "Subscribe", `{"topic":"open.news"}`)
		c.ok("topic", "Subscribe", `{"topic":"closed"}`)
	}
	a.ok("topic", "Publish", `{"topic":"open.news","data":{"x":1}}`)
	got := b.pushed("topic", "Message")
	if got["topic"] != "open.news" || got["from"] != "alice" || got["data"].(map[string]any)["x"] != 1.0 {
		t.Error(got)
	}
	b.refused(403, "topic", "Publish", `{"topic":"closed","data":{}}`)
	b.refused(400, "topic", "Subscribe", `{"topic":"$presence"}`)
	b.ok("topic", "Unsubscribe", `{"topic":"closed"}`)
	r, err := n.push.Push(context.Background(), backend, push.PushRequest{Topics: []string{"closed"}, Message: push.Message(`{"to":"closed"}`)})
	if err != nil || r.Sessions != 1 {
		t.Fatalf("%+v %v", r, err)
	}
	for a.next().Module != "push" { // its own publish may come first
	}
}

func TestPresence(t *testing.T) {
	clock := pollertest.NewClock()
	n := start(t, setup{clock: clock})
	a := n.login("alice", "web")
	b := n.login("bob", "ios")
	online := a.ok("presence", "Online", `{"users":["alice","bob","carol"]}`)["online"].([]any)
	if len(online) != 2 {
		t.Error(online)
	}
	a.ok("presence", "Subscribe", `{"users":["bob"]}`)
	b.Close()
	testwait.Equal(t, "the number of users", 1, func() int { return n.counts().Users })
	clock.Pass(t, time.Second)
	if d := a.pushed("presence", "Offline"); d["users"].([]any)[0].(map[string]any)["user"] != "bob" {
		t.Error(d)
	}
	n.login("bob", "ios")
	clock.Pass(t, time.Second)
	if d := a.pushed("presence", "Online"); d["users"].([]any)[0].(map[string]any)["user"] != "bob" {
		t.Error(d)
	}
	a.refused(403, "presence", "Subscribe", `{}`)
}

// TestMergeWindow publishes 400 messages in small bursts to a topic with a
// window: every subscriber gets each once and in order, in a fraction of the
// writes.
func TestMergeWindow(t *testing.T) {
	n := start(t, setup{node: engine.Options{Hub: hub.Options{MergeWindow: func(string) time.Duration { return 10 * time.Millisecond }}}})
	const clients, messages = 40, 400
	var wg sync.WaitGroup
	for i := range clients {
		c := n.login(fmt.Sprint("u", i), "web")
		c.ok("topic", "Subscribe", `{"topic":"t"}`)
		wg.Go(func() {
			for want := range messages {
				if got := c.pushed("push", "Message")["n"]; got != float64(want) {
					t.Errorf("message %v, want %d", got, want)
					return
				}
			}
		})
	}
	writes := func() (w uint64) { return n.metrics.Loop(0).Writes.Load() + n.metrics.Loop(1).Writes.Load() }
	before := writes()
	for i := range messages {
		if _, err := n.push.Push(context.Background(), backend, push.PushRequest{Topics: []string{"t"}, Message: push.Message(fmt.Sprintf(`{"n":%d}`, i))}); err != nil {
			t.Fatal(err)
		}
		if i%20 == 19 {
			time.Sleep(time.Millisecond)
		}
	}
	wg.Wait()
	if w := writes() - before; w > clients*messages/4 {
		t.Errorf("%d writes for %d deliveries", w, clients*messages)
	}
}
