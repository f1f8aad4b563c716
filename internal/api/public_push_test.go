package api_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"pushd/internal/account"
	"pushd/internal/api"
	"pushd/internal/bot"
	"pushd/internal/codec"
	"pushd/internal/events"
	"pushd/internal/metrics"
	"pushd/internal/offline"
	"pushd/internal/store/storetest"
)

// anyUser takes a token for the user's id.
type anyUser struct{}

func (anyUser) Verify(token string) (account.Claims, error) {
	if token == "bad" {
		return account.Claims{}, codec.Errorf(codec.CodeUnauthorized, "bad token")
	}
	return account.Claims{User: token}, nil
}

func TestPushTokensAndBots(t *testing.T) {
	platforms, err := account.NewPlatforms(nil)
	if err != nil {
		t.Fatal(err)
	}
	db := storetest.Open(t, storetest.SQLite)
	m := metrics.New(1)
	bus := events.New(m, nil)
	directory, err := bot.NewDirectory(bot.Options{})
	if err != nil {
		t.Fatal(err)
	}
	bots, err := bot.New(directory, func(context.Context, bot.Answer) error { return nil }, bus, m, nil)
	if err != nil {
		t.Fatal(err)
	}
	phones := offline.New(offline.Ports{Tokens: db, Events: bus}, offline.Options{Platforms: platforms}, m, nil)
	addr, client := newPublic(t, api.PublicOptions{Users: anyUser{}, Services: api.Services{Offline: phones, Bots: bots}})
	const path = "/api/v1/push-tokens"
	for _, c := range []struct {
		name, method, path, user, body string
		status                         int
		says                           string
	}{
		{"register", "POST", path, "alice", `{"token":"t","provider":"fcm","platform":"android","device":"a/b"}`, 200, `{"device":"a/b"}`},
		{"register by number", "POST", path, "alice", `{"token":"t2","provider":"fcm","platform":2}`, 200, `{"device":"token-`},
		{"register a typo", "POST", path, "alice", `{"tokn":"t"}`, 400, `did you mean \"token\"`},
		{"register nothing", "POST", path, "alice", `{}`, 400, `token is`},
		{"register as nobody", "POST", path, "", `{}`, 401, `token is needed`},
		{"register with a bad token", "POST", path, "bad", `{}`, 401, `bad token`},
		{"another's", "DELETE", path + "/a%2Fb", "bob", ``, 404, `no push token`},
		{"unregister", "DELETE", path + "/a%2Fb", "alice", ``, 204, ``},
		{"unregister again", "DELETE", path + "/a%2Fb", "alice", ``, 404, `no push token`},
		{"bots", "GET", "/api/v1/bots", "alice", ``, 200, `{"bots":[{"user":"bot:echo","name":"echo","about":"Says what it was told.","commands":[]},`},
		{"bots as nobody", "GET", "/api/v1/bots", "", ``, 401, `token is needed`},
	} {
		t.Run(c.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), c.method, "http://"+addr+c.path, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			if c.user != "" {
				req.Header.Set("Authorization", "Bearer "+c.user)
			}
			if c.body != "" {
				req.Header.Set("Content-Type", "application/json")
			}
			wantReply(t, roundTrip(t, client, req), c.status, c.says)
		})
	}
	got, err := db.PushTokens(t.Context(), []string{"alice"})
	if err != nil || len(got) != 1 || got[0].Token != "t2" {
		t.Errorf("%+v, %v", got, err)
	}
}
