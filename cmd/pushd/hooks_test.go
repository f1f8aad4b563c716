package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"pushd/internal/account"
	"pushd/internal/bot"
	"pushd/internal/chat"
	"pushd/internal/codec"
	"pushd/internal/events"
	"pushd/internal/metrics"
	"pushd/internal/offline"
)

const hookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// outside is every program that the server may call, in one.
type outside struct {
	mu     sync.Mutex
	bodies []string
	refuse bool
}

func (o *outside) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.bodies = append(o.bodies, r.URL.Path+" "+string(body))
	if r.Header.Get("webhook-signature") == "" {
		w.WriteHeader(401)
	}
	if o.refuse && strings.Contains(string(body), `"type":"user.before_login"`) {
		_, _ = io.WriteString(w, `{"action":"refuse","message":"not you"}`)
	}
}

func (o *outside) all() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Join(o.bodies, "\n")
}

// phonebook has one token for everybody.
type phonebook struct{ offline.Tokens }

func (phonebook) PushTokens(_ context.Context, users []string) ([]offline.Token, error) {
	return []offline.Token{{User: users[0], Device: "d", Provider: "fcm", Platform: "ios", Token: "t"}}, nil
}

// services are the accounts and the chat that logins ask.
type services struct{ asked []string }

func (s *services) Entered(_ context.Context, id account.Identity) error {
	s.asked = append(s.asked, "account "+id.User)
	if id.User == "mallory" {
		return codec.Errorf(codec.CodeForbidden, "disabled")
	}
	return nil
}

func (s *services) Unread(_ context.Context, user string) (int, error) {
	s.asked = append(s.asked, "unread "+user)
	return 3, nil
}

func TestBackends(t *testing.T) {
	o := &outside{refuse: true}
	server := httptest.NewServer(o)
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(hookSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := loadWith(t, "bots: [{name: weather, url: '"+server.URL+"/bot', secret: '@"+file+"'}]\n", nil,
		"--hooks.url="+server.URL+"/hook", "--hooks.secret=@"+file, "--offline.gateway="+server.URL+"/push", "--offline.secret=@"+file,
		"--hooks.events=user.before_login,user.login,user.logout,server.started,server.stopped,message.sent", "--node=n1")
	if err != nil {
		t.Fatal(err)
	}
	platforms, err := account.NewPlatforms(nil)
	if err != nil {
		t.Fatal(err)
	}
	said := make(chan bot.Answer, 10)
	m, log := metrics.New(1), slog.New(slog.DiscardHandler)
	bus := events.New(m, log)
	b, err := newBackends(cfg, platforms, backendPorts{Tokens: phonebook{}, Events: bus}, m, log)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.runBots(func(_ context.Context, a bot.Answer) error {
		said <- a
		return nil
	}, m, log); err != nil {
		t.Fatal(err)
	}
	bus.Start()
	events.PublisherOf[events.ServerStarted](bus).Publish(events.ServerStarted{})
	s := &services{}
	logins := logins{s, s, b.hooks}
	ctx := t.Context()
	if _, err := logins.Entering(ctx, account.Identity{User: "mallory", Platform: 1}); codec.AsError(err) == nil || codec.AsError(err).Msg != "disabled" {
		t.Error(err)
	}
	if _, err := logins.Entering(ctx, account.Identity{User: "eve", Platform: 1}); codec.AsError(err) == nil || codec.AsError(err).Msg != "not you" {
		t.Error(err)
	}
	o.mu.Lock()
	o.refuse = false
	o.mu.Unlock()
	alice := account.Identity{User: "alice", Platform: 1}
	if unread, err := logins.Entering(ctx, alice); err != nil || unread != 3 {
		t.Error(unread, err)
	}
	if unread, err := logins.Renewing(ctx, alice); err != nil || unread != 3 {
		t.Error(unread, err)
	}
	events.PublisherOf[account.SessionBegan](bus).Publish(account.SessionBegan{Identity: alice})
	events.PublisherOf[account.SessionEnded](bus).Publish(account.SessionEnded{Identity: alice, Reason: "peer_gone"})
	if got, want := strings.Join(s.asked, ", "), "account mallory, account eve, unread eve, account alice, unread alice, account alice, unread alice"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	sent := events.PublisherOf[chat.MessageSent](bus)
	for _, to := range []string{"bob", "bot:weather", "bot:echo"} {
		sent.Publish(chat.MessageSent{Message: chat.Message{ID: "m1", Conv: chat.SingleKey("alice", to), From: "alice", Body: chat.Body{Type: "text", Text: "hi"}}})
	}
	missed := chat.Message{ID: "m1", Conv: "s:alice:bob", From: "alice", Body: chat.Body{Type: "text", Text: "hi"}}
	events.PublisherOf[chat.MessageMissed](bus).Publish(chat.MessageMissed{Message: missed, Users: []string{"bob"}})
	if err := b.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if a := <-said; a.From != "bot:echo" || a.Body.Text != "hi" {
		t.Errorf("%+v", a)
	}
	all := o.all()
	for _, part := range []string{
		`"type":"server.started"`, `"type":"user.before_login"`, `"type":"user.login"`, `"type":"user.logout"`, `"type":"message.sent"`,
		`"type":"server.stopped"`, `/push {"type":"notifications"`, `/bot {"type":"bot.message"`, `"node":"n1"`,
	} {
		if !strings.Contains(all, part) {
			t.Errorf("nobody was sent %s:\n%s", part, all)
		}
	}
	if strings.Contains(all, "mallory") || strings.Count(all, `"type":"user.login"`) != 1 {
		t.Errorf("too much was said:\n%s", all)
	}
	for _, body := range o.bodies {
		if _, text, _ := strings.Cut(body, " "); !json.Valid([]byte(text)) {
			t.Errorf("not JSON: %s", text)
		}
	}
}

func TestNoBackends(t *testing.T) {
	cfg, err := loadWith(t, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	m, log := metrics.New(1), slog.New(slog.DiscardHandler)
	bus := events.New(m, log)
	b, err := newBackends(cfg, nil, backendPorts{Events: bus}, m, log)
	if err != nil {
		t.Fatal(err)
	}
	if b.hooks != nil || b.Offline != nil || len(bus.Subscriptions()) != 0 {
		t.Error("something is there that nobody asked for")
	}
	if err := b.runBots(nil, m, log); err != nil {
		t.Fatal(err)
	}
	if err := b.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	for _, o := range []string{"hooks.url", "offline.gateway"} {
		key := strings.Replace(strings.Replace(o, "url", "secret", 1), "gateway", "secret", 1)
		cfg, err := loadWith(t, "", nil, "--"+o+"=https://x", "--"+key+"=@/nonexistent/secret")
		if err != nil {
			t.Fatal(err)
		}
		m := metrics.New(1)
		if _, err := newBackends(cfg, nil, backendPorts{Tokens: phonebook{}, Events: events.New(m, log)}, m, log); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s: %v", key, err)
		}
	}
}

// TestBotsAnswerThroughChat is the way of an answer into its conversation.
func TestBotsAnswerThroughChat(t *testing.T) {
	send := answerThrough(chat.New(chat.Ports{}, chat.Options{}))
	err := send(t.Context(), bot.Answer{From: "bot:echo", Conv: "nonsense", Body: chat.Body{Type: "text", Text: "x"}})
	if e := codec.AsError(err); e == nil || e.Code != codec.CodeMalformed && e.Code != codec.CodeNotFound {
		t.Errorf("got %v", err)
	}
}
