package hooks_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"pushd/internal/account"
	"pushd/internal/chat"
	"pushd/internal/events"
	"pushd/internal/hooks"
	"pushd/internal/metrics"
	"pushd/internal/webhook"
)

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// call is what a backend was sent.
type call struct {
	Type, ID   string
	Node, Boot string
	Time       int64
	Data       json.RawMessage
	Events     []struct {
		Type, ID string
		Time     int64
		Data     json.RawMessage
	}
}

// backend records what it is told and answers as the test says.
type backend struct {
	url string

	mu     sync.Mutex
	calls  []call
	answer func(call) (status int, body string)
}

func newBackend(t *testing.T, answer func(call) (int, string)) *backend {
	t.Helper()
	b := &backend{answer: answer}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		mac := hmac.New(sha256.New, key)
		_, _ = io.WriteString(mac, r.Header.Get("webhook-id")+"."+r.Header.Get("webhook-timestamp")+".")
		mac.Write(body)
		if r.Header.Get("webhook-signature") != "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) {
			t.Error("bad signature")
		}
		var c call
		if err := json.Unmarshal(body, &c); err != nil || c.ID != r.Header.Get("webhook-id") {
			t.Errorf("body %s: %v", body, err)
		}
		b.mu.Lock()
		b.calls = append(b.calls, c)
		b.mu.Unlock()
		if b.answer == nil {
			return
		}
		status, text := b.answer(c)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
	}))
	t.Cleanup(s.Close)
	b.url = s.URL
	return b
}

// told is every event of calls that were answered with 2xx or not, in order.
func (b *backend) told() (types []string, data []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.calls {
		for _, e := range c.Events {
			types, data = append(types, e.Type), append(data, string(e.Data))
		}
	}
	return types, data
}

func (b *backend) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.calls)
}

// service is the hooks with the bus that they listen to.
type service struct {
	*hooks.Hooks
	bus *events.Bus
}

func publish[T any](s service, event T) { events.PublisherOf[T](s.bus).Publish(event) }

func newHooks(t *testing.T, o hooks.Options) (service, *metrics.Metrics) {
	t.Helper()
	platforms, err := account.NewPlatforms(nil)
	if err != nil {
		t.Fatal(err)
	}
	o.Secret, err = webhook.ParseSecret(secret)
	if err != nil {
		t.Fatal(err)
	}
	o.Node = "n1"
	m := metrics.New(1)
	bus := events.New(m, nil)
	h, err := hooks.New(platforms, bus, o, m, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = h.Shutdown(ctx) // cut short: the test is over
	})
	return service{h, bus}, m
}

func hello() *chat.Draft {
	return &chat.Draft{ID: "m1", Conv: "s:alice:bob", From: "alice", Body: chat.Body{Type: "text", Text: "hi"}, Mention: []string{"bob"}}
}

var alice = account.Identity{User: "alice", Platform: 2, Device: "d1", App: "shop", Address: netip.MustParseAddr("192.0.2.1")}
