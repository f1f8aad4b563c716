package bot_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"pushd/internal/account"
	"pushd/internal/bot"
	"pushd/internal/chat"
	"pushd/internal/codec"
	"pushd/internal/events"
	"pushd/internal/metrics"
	"pushd/internal/testwait"
	"pushd/internal/webhook"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// room is where answers arrive.
type room struct {
	mu      sync.Mutex
	answers []bot.Answer
	refuse  func(bot.Answer) error
}

func (r *room) send(_ context.Context, a bot.Answer) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refuse != nil {
		if err := r.refuse(a); err != nil {
			return err
		}
	}
	r.answers = append(r.answers, a)
	return nil
}

func (r *room) all() []bot.Answer {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.answers)
}

// service is the bots with the bus that they listen to.
type service struct {
	*bot.Bots
	bus *events.Bus
}

// say publishes a message from its sender to a bot.
func (s service) say(m chat.Message, name string) {
	m.Conv = chat.SingleKey(m.From, bot.Prefix+name)
	events.PublisherOf[chat.MessageSent](s.bus).Publish(chat.MessageSent{Message: m})
}

func newBots(t *testing.T, r *room, o bot.Options) (service, *metrics.Metrics) {
	t.Helper()
	m := metrics.New(1)
	d, err := bot.NewDirectory(o)
	if err != nil {
		t.Fatal(err)
	}
	bus := events.New(m, nil)
	b, err := bot.New(d, r.send, bus, m, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = b.Shutdown(ctx) // cut short: the test is over
	})
	return service{b, bus}, m
}

// remote is a bot on loopback.
func remote(t *testing.T, name string, handle http.HandlerFunc) bot.Remote {
	t.Helper()
	s := httptest.NewServer(handle)
	t.Cleanup(s.Close)
	key, err := webhook.ParseSecret(secret)
	if err != nil {
		t.Fatal(err)
	}
	return bot.Remote{Name: name, About: "A bot.", Commands: []string{"do: does it"}, URL: s.URL, Secret: key}
}

func said(id, text string) chat.Message {
	return chat.Message{ID: id, From: "alice", Body: chat.Body{Type: "text", Text: text}, ClientID: "c"}
}

func TestEcho(t *testing.T) {
	r := &room{}
	b, _ := newBots(t, r, bot.Options{})
	for i := range 20 {
		b.say(said(fmt.Sprint("m", i), fmt.Sprint(i)), "echo")
	}
	picture := chat.Message{ID: "p", From: "bob", Body: chat.Body{Type: "img", URL: "https://x/y"}}
	b.say(picture, "echo")
	if err := b.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, a := range r.all() {
		if a.Conv == "s:bob:bot%3Aecho" {
			if a.Body.URL != "https://x/y" || a.ClientID != "p-0" {
				t.Errorf("%+v", a)
			}
			continue
		}
		if a.From != "bot:echo" || a.Conv != "s:alice:bot%3Aecho" || a.Body.Text != fmt.Sprint(n) {
			t.Errorf("answer %d: %+v", n, a)
		}
		n++
	}
	if n != 20 {
		t.Errorf("%d answers", n)
	}
}

func TestBotsHearNoBotsAndNoNotices(t *testing.T) {
	r := &room{}
	b, _ := newBots(t, r, bot.Options{})
	m := said("m", "hi")
	m.From = "bot:help"
	b.say(m, "echo")
	for _, kind := range []string{chat.TypeNotice, chat.TypeRecalled, chat.TypeGone} {
		m := said("m", "")
		m.Type = kind
		b.say(m, "echo")
	}
	b.say(said("m", "hi"), "nobody")
	events.PublisherOf[chat.MessageSent](b.bus).Publish(chat.MessageSent{Message: chat.Message{Conv: "g:1", From: "alice", Body: chat.Body{Type: "text"}}})
	if err := b.Shutdown(t.Context()); err != nil || len(r.all()) != 0 {
		t.Errorf("%+v, %v", r.all(), err)
	}
	if b.Known("nobody") || !b.Known("echo") {
		t.Error("Known")
	}
}

func TestHelpAndList(t *testing.T) {
	r := &room{}
	b, _ := newBots(t, r, bot.Options{Remotes: []bot.Remote{remote(t, "weather", nil)}})
	b.say(said("m", "?"), "help")
	list, err := b.List(t.Context(), account.Identity{User: "alice"}, bot.ListRequest{})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"bots":[{"user":"bot:echo","name":"echo","about":"Says what it was told.","commands":[]},` +
		`{"user":"bot:help","name":"help","about":"Lists the bots and what they understand.","commands":[]},` +
		`{"user":"bot:weather","name":"weather","about":"A bot.","commands":["do: does it"]}]}`
	if string(text) != want {
		t.Errorf("got %s", text)
	}
	if _, err := b.List(t.Context(), account.Identity{}, bot.ListRequest{}); codec.AsError(err) == nil || codec.AsError(err).Code != 401 {
		t.Errorf("nobody: %v", err)
	}
	if err := b.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	const says = "You can write to these bots:\nbot:echo: Says what it was told.\nbot:help: Lists the bots and what they understand.\nbot:weather: A bot.\n  do: does it"
	if got := r.all(); len(got) != 1 || got[0].Body.Text != says {
		t.Errorf("%+v", got)
	}
}

func TestRemote(t *testing.T) {
	bot1 := remote(t, "weather", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		mac := hmac.New(sha256.New, key)
		_, _ = io.WriteString(mac, r.Header.Get("webhook-id")+"."+r.Header.Get("webhook-timestamp")+"."+string(body))
		if r.Header.Get("webhook-signature") != "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) {
			t.Error("bad signature")
		}
		var got struct {
			Type, ID, Node string
			Data           struct {
				Bot     string
				Message chat.Message
			}
		}
		if err := json.Unmarshal(body, &got); err != nil || got.Type != "bot.message" || got.ID != "m1-weather" ||
			r.Header.Get("webhook-id") != got.ID || got.Node != "n1" || got.Data.Bot != "bot:weather" ||
			got.Data.Message.From != "alice" || got.Data.Message.ClientID != "" {
			t.Errorf("%s: %v", body, err)
		}
		_, _ = io.WriteString(w, `{"messages":[{"type":"text","text":"sunny in `+got.Data.Message.Text+`"},{"type":"img","url":"https://x/sun.png"}]}`)
	})
	r := &room{}
	b, _ := newBots(t, r, bot.Options{Node: "n1", Remotes: []bot.Remote{bot1}})
	b.say(said("m1", "Rome"), "weather")
	testwait.Until(t, "two answers", r.all, func(all []bot.Answer) bool { return len(all) == 2 })
	got := r.all()
	if got[0].Body.Text != "sunny in Rome" || got[1].Body.URL != "https://x/sun.png" || got[0].ClientID != "m1-0" || got[1].ClientID != "m1-1" || got[0].From != "bot:weather" {
		t.Errorf("%+v", got)
	}
}

func TestRemoteReplies(t *testing.T) {
	for _, c := range []struct {
		name, text string
		answers    int
		dropped    bool
	}{
		{"nothing", "", 0, false},
		{"an empty object", "{}", 0, false},
		{"none", `{"messages":[]}`, 0, false},
		{"one", `{"messages":[{"type":"text","text":"x"}]}`, 1, false},
		{"a number", `7`, 0, true},
		{"HTML", `<p>`, 0, true},
		{"too many", `{"messages":[` + strings.Repeat(`{"type":"text","text":"x"},`, 10) + `{"type":"text","text":"x"}]}`, 0, true},
		{"too long", strings.Repeat(" ", 300<<10), 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &room{}
			b, m := newBots(t, r, bot.Options{Remotes: []bot.Remote{remote(t, "x", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, c.text) })}})
			b.say(said("m", "?"), "x")
			if err := b.Shutdown(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := len(r.all()); got != c.answers {
				t.Errorf("%d answers", got)
			}
			var text strings.Builder
			if _, err := m.WriteText(&text, ""); err != nil {
				t.Fatal(err)
			}
			if dropped := strings.Contains(text.String(), `pushd_webhook_dropped_total{endpoint="bot:x",reason="refused"} 1`); dropped != c.dropped {
				t.Errorf("dropped: %v", dropped)
			}
		})
	}
}

func TestRemoteIsTriedAgain(t *testing.T) {
	var asked, refused atomic.Int32
	ids := make(chan string, 10)
	flaky := remote(t, "x", func(w http.ResponseWriter, r *http.Request) {
		ids <- r.Header.Get("webhook-id")
		if asked.Add(1) == 1 {
			w.WriteHeader(502)
			return
		}
		_, _ = io.WriteString(w, `{"messages":[{"type":"text","text":"1"},{"type":"text","text":"bad"},{"type":"text","text":"2"}]}`)
	})
	r := &room{refuse: func(a bot.Answer) error {
		switch {
		case a.Body.Text == "bad":
			return codec.Errorf(codec.CodeMalformed, "bad")
		case a.Body.Text == "2" && refused.Add(1) == 1:
			return codec.Errorf(codec.CodeUnavailable, "the database can't answer now")
		}
		return nil
	}}
	b, _ := newBots(t, r, bot.Options{Remotes: []bot.Remote{flaky}})
	b.say(said("m", "?"), "x")
	testwait.Until(t, "two answers", r.all, func(all []bot.Answer) bool { return len(all) == 2 })
	if got := r.all(); got[0].Body.Text != "1" || got[1].Body.Text != "2" || asked.Load() != 2 {
		t.Errorf("%+v, asked %d times", got, asked.Load())
	}
	if first, second := <-ids, <-ids; first != second {
		t.Errorf("ids %s and %s", first, second)
	}
}

func TestSlowBotHoldsUpNobody(t *testing.T) {
	hold := make(chan struct{})
	r := &room{}
	b, _ := newBots(t, r, bot.Options{Workers: 2, Queue: 5, Remotes: []bot.Remote{remote(t, "slow", func(http.ResponseWriter, *http.Request) { <-hold })}})
	defer close(hold)
	for i := range 10 { // more than its queue takes
		b.say(said(fmt.Sprint(i), "?"), "slow")
	}
	b.say(said("m", "hi"), "echo")
	testwait.Until(t, "one answer", r.all, func(all []bot.Answer) bool { return len(all) == 1 })
}

func TestOptions(t *testing.T) {
	good := bot.Remote{Name: "x", URL: "https://x"}
	for name, remotes := range map[string][]bot.Remote{
		"no name":   {{URL: "https://x"}},
		"capitals":  {{Name: "X", URL: "https://x"}},
		"a colon":   {{Name: "a:b", URL: "https://x"}},
		"too long":  {{Name: strings.Repeat("x", 33), URL: "https://x"}},
		"no URL":    {{Name: "x"}},
		"twice":     {good, good},
		"a builtin": {{Name: "echo", URL: "https://x"}},
	} {
		d, err := bot.NewDirectory(bot.Options{Remotes: remotes})
		if err == nil {
			m := metrics.New(1)
			_, err = bot.New(d, nil, events.New(m, nil), m, nil)
		}
		if err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestPanicInSend(t *testing.T) {
	var n atomic.Int32
	r := &room{refuse: func(bot.Answer) error {
		switch n.Add(1) {
		case 1:
			panic("boom")
		case 2:
			return errors.New("internal")
		}
		return nil
	}}
	b, _ := newBots(t, r, bot.Options{})
	for i := range 3 {
		b.say(said(fmt.Sprint(i), "hi"), "echo")
	}
	if err := b.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := r.all(); len(got) != 1 || got[0].ClientID != "2-0" {
		t.Errorf("%+v", got)
	}
}
