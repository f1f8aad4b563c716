package hooks_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"pushd/internal/account"
	"pushd/internal/chat"
	"pushd/internal/codec/codectest"
	"pushd/internal/events"
	"pushd/internal/hooks"
	"pushd/internal/metrics"
)

var asked = []string{hooks.BeforeSend, hooks.BeforeLogin}

func TestBeforeSend(t *testing.T) {
	long := strings.Repeat("ä", 200)
	for _, c := range []struct {
		name   string
		status int
		answer string
		code   int    // 0: it goes through
		says   string // of the refusal, or the text that goes through
	}{
		{"nothing", 204, ``, 0, "hi"},
		{"an empty object", 200, `{}`, 0, "hi"},
		{"allow", 200, `{"action":"allow"}`, 0, "hi"},
		{"change", 200, `{"action":"change","body":{"type":"text","text":"**"}}`, 0, "**"},
		{"refuse", 200, `{"action":"refuse"}`, 403, "refused by the site"},
		{"refuse with words", 200, `{"action":"refuse","code":429,"message":"not so fast"}`, 429, "not so fast"},
		{"refuse at length", 200, `{"action":"refuse","message":"` + long + `"}`, 403, strings.Repeat("ä", 128)},
		{"refuse with a code of ours", 200, `{"action":"refuse","code":500}`, 503, "later"},
		{"change without a body", 200, `{"action":"change"}`, 503, "later"},
		{"change without a type", 200, `{"action":"change","body":{"text":"x"}}`, 503, "later"},
		{"another word", 200, `{"action":"perhaps"}`, 503, "later"},
		{"no JSON", 200, `<html>`, 503, "later"},
		{"an error", 500, ``, 503, "later"},
		{"a redirect", 302, ``, 503, "later"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBackend(t, func(call) (int, string) { return c.status, c.answer })
			h, _ := newHooks(t, hooks.Options{URL: b.url, Events: asked})
			d := hello()
			err := h.BeforeSend(t.Context(), d)
			if c.code != 0 {
				codectest.WantCode(t, err, c.code, c.says)
				if len(err.Error()) > 300 {
					t.Errorf("a message of %d bytes", len(err.Error()))
				}
			} else if err != nil || d.Body.Text != c.says {
				t.Errorf("%+v, %v", d.Body, err)
			}
			got := b.calls[0]
			if got.Type != "message.before_send" || got.Node != "n1" || got.Boot == "" ||
				string(got.Data) != `{"id":"m1","conv":"s:alice:bob","from":"alice","body":{"type":"text","text":"hi"},"mention":["bob"]}` {
				t.Errorf("asked %+v %s", got, got.Data)
			}
		})
	}
}

func TestOnFailure(t *testing.T) {
	for _, allow := range []bool{true, false} {
		for name, url := range map[string]string{
			"nobody there": "http://127.0.0.1:1",
			"an error":     newBackend(t, func(call) (int, string) { return 500, "" }).url,
			"nonsense":     newBackend(t, func(call) (int, string) { return 200, "[]" }).url,
		} {
			t.Run(fmt.Sprintf("%s, allow %v", name, allow), func(t *testing.T) {
				h, _ := newHooks(t, hooks.Options{URL: url, Events: asked, Allow: allow})
				for range 20 { // the breaker opens on the way
					send, login := h.BeforeSend(t.Context(), hello()), h.BeforeLogin(t.Context(), alice)
					if allow && (send != nil || login != nil) {
						t.Fatalf("refused: %v, %v", send, login)
					}
					if !allow {
						codectest.WantCode(t, send, 503, "later")
						codectest.WantCode(t, login, 503, "later")
					}
				}
			})
		}
	}
}

func TestRefusalIsNoFailure(t *testing.T) {
	b := newBackend(t, func(call) (int, string) { return 200, `{"action":"refuse","message":"no"}` })
	h, _ := newHooks(t, hooks.Options{URL: b.url, Events: asked, Allow: true})
	codectest.WantCode(t, h.BeforeSend(t.Context(), hello()), 403, "no")
	codectest.WantCode(t, h.BeforeLogin(t.Context(), alice), 403, "no")
	if got := b.calls[1]; got.Type != "user.before_login" || string(got.Data) != `{"user":"alice","platform":"android","app":"shop","device":"d1","address":"192.0.2.1"}` {
		t.Errorf("asked %+v %s", got, got.Data)
	}
}

func TestSlowBackend(t *testing.T) {
	hold := make(chan struct{})
	b := newBackend(t, func(call) (int, string) { <-hold; return 200, "" })
	defer close(hold)
	h, _ := newHooks(t, hooks.Options{URL: b.url, Events: asked, AskTimeout: 30 * time.Millisecond})
	for range 30 {
		codectest.WantCode(t, h.BeforeSend(t.Context(), hello()), 503, "later")
	}
	if n := b.count(); n > 15 {
		t.Errorf("%d of 30 questions went to a backend that doesn't answer", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h, _ = newHooks(t, hooks.Options{URL: b.url, Events: asked, Allow: true})
	if err := h.BeforeSend(ctx, hello()); err == nil {
		t.Error("a message that nobody waits for went through")
	}
}

func TestWhatIsNotChosenIsNotAsked(t *testing.T) {
	b := newBackend(t, func(call) (int, string) { return 200, `{"action":"refuse"}` })
	h, _ := newHooks(t, hooks.Options{URL: b.url, Events: []string{}})
	if err := h.BeforeSend(t.Context(), hello()); err != nil {
		t.Error(err)
	}
	if err := h.BeforeLogin(t.Context(), alice); err != nil {
		t.Error(err)
	}
	publish(h, chat.MessageSent{})
	publish(h, chat.MessageMissed{Users: []string{"bob"}})
	publish(h, account.SessionBegan{Identity: alice})
	publish(h, account.SessionEnded{Identity: alice, Reason: "peer_gone"})
	publish(h, events.ServerStarted{})
	if events.PublisherOf[chat.MessageMissed](h.bus).Wanted() {
		t.Error("what is not chosen is wanted")
	}
	if err := h.Shutdown(t.Context()); err != nil || b.count() != 0 {
		t.Errorf("%d calls, %v", b.count(), err)
	}
}

func TestOptions(t *testing.T) {
	platforms, err := account.NewPlatforms(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []hooks.Options{{URL: "nowhere"}, {URL: "https://x", Events: []string{"message.read"}}} {
		if _, err := hooks.New(platforms, events.New(metrics.New(1), nil), o, metrics.New(1), nil); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}

func TestChangedBodyKeepsAll(t *testing.T) {
	body := chat.Body{Type: "img", URL: "https://x/y", Name: "n", Size: 1 << 40, Width: 1, Height: 2, Thumb: "t", Data: json.RawMessage(`{"a":[1]}`)}
	text, err := json.Marshal(map[string]any{"action": "change", "body": body})
	if err != nil {
		t.Fatal(err)
	}
	b := newBackend(t, func(call) (int, string) { return 200, string(text) })
	h, _ := newHooks(t, hooks.Options{URL: b.url, Events: asked})
	d := hello()
	if err := h.BeforeSend(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprintf("%+v", d.Body), fmt.Sprintf("%+v", body); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
