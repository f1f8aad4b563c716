package push_test

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/jonboulle/clockwork"

	"pushd/internal/account"
	"pushd/internal/push"
)

// borrowed is a string in a buffer that spoil overwrites, as an event loop
// does with the next frame.
func borrowed(s string) (name string, spoil func()) {
	b := []byte(s)
	return unsafe.String(&b[0], len(b)), func() { copy(b, strings.Repeat("#", len(b))) }
}

func TestTopicSubscribe(t *testing.T) {
	n := newNode()
	s := service(t, n, push.Options{})
	topic, spoil := borrowed("news")
	ok(s.Subscribe(t.Context(), alice, push.SubscribeRequest{Topic: topic}))(t)
	spoil()
	if got := n.topicsOf(alice.Session); !slices.Equal(got, []string{"news"}) {
		t.Errorf("topics %v", got)
	}
	ok(s.Unsubscribe(t.Context(), alice, push.TopicRequest{Topic: "news"}))(t)
	if got := n.topicsOf(alice.Session); len(got) != 0 {
		t.Errorf("topics %v", got)
	}
}

func TestTopicRefuses(t *testing.T) {
	n := newNode()
	s := service(t, n, push.Options{ClientPublish: func(topic string) bool { return strings.HasPrefix(topic, "room.") }, MaxMessage: 10})
	subscribe := func(id account.Identity, topic string) error {
		_, err := s.Subscribe(t.Context(), id, push.SubscribeRequest{Topic: topic})
		return err
	}
	unsubscribe := func(id account.Identity, topic string) error {
		_, err := s.Unsubscribe(t.Context(), id, push.TopicRequest{Topic: topic})
		return err
	}
	publish := func(id account.Identity, topic, data string) error {
		_, err := s.Publish(t.Context(), id, push.PublishRequest{Topic: topic, Data: message(data)})
		return err
	}
	wantCode(t, subscribe(alice, ""), 400, "1 to 128")
	wantCode(t, subscribe(alice, "$presence"), 400, "$")
	wantCode(t, subscribe(admin, "news"), 403, "session")
	wantCode(t, subscribe(n.full(t), "news"), 429, "too many topics")
	wantCode(t, unsubscribe(alice, "$presence"), 400, "$")
	wantCode(t, unsubscribe(admin, "news"), 403, "session")
	wantCode(t, publish(alice, "news", `{}`), 403, "may not publish")
	wantCode(t, publish(alice, "room", `{}`), 403, "may not publish")
	wantCode(t, publish(alice, "$presence", `{}`), 400, "$")
	wantCode(t, publish(alice, "room.1", ``), 400, "data is missing")
	wantCode(t, publish(alice, "room.1", `[1]`), 400, "data: ")
	wantCode(t, publish(alice, "room.1", `{"a":"0123456789"}`), 413, "data is at most 10")
	wantCode(t, publish(admin, "room.1", `{}`), 403, "session")
	if err := publish(alice, "room.1", `{}`); err != nil {
		t.Error(err)
	}
}

func TestPublishTellsTopicAndSender(t *testing.T) {
	n := newNode()
	now := time.UnixMilli(1793000000000)
	s := service(t, n, push.Options{ClientPublish: func(string) bool { return true }, Clock: clockwork.NewFakeClockAt(now)})
	ok(s.Subscribe(t.Context(), account.Identity{User: "bob", Session: "other/web"}, push.SubscribeRequest{Topic: "news"}))(t)
	rep := ok(s.Publish(t.Context(), alice, push.PublishRequest{Topic: "news", Data: message(`{"n":9007199254740993}`)}))(t)
	if rep.Sessions != 1 || rep.Time != now.UnixMilli() {
		t.Errorf("reply %+v", rep)
	}
	ok(s.Publish(t.Context(), alice, push.PublishRequest{Topic: "news", Data: message(`{}`), ExceptSelf: true}))(t)
	sent := n.sent()
	const want = `{"Module":"topic","Action":"Message","Data":{"topic":"news","from":"alice","data":{"n":9007199254740993},"time":1793000000000}}`
	if sent[0].Payload != want || sent[0].To.Except != "" {
		t.Errorf("delivered %+v\nwant %s", sent[0], want)
	}
	if sent[1].To.Except != alice.Session {
		t.Errorf("delivered %+v, want all but the sender", sent[1].To)
	}
}
