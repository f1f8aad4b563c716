package gateway_test

import (
	"context"
	"fmt"
	"testing"

	"pushd/internal/account"
	"pushd/internal/bot"
	"pushd/internal/events"
	"pushd/internal/gateway"
	"pushd/internal/metrics"
	"pushd/internal/offline"
	"pushd/internal/store/storetest"
)

// TestPushTokensAndBots goes the whole way from the socket into the database.
func TestPushTokensAndBots(t *testing.T) {
	platforms, err := account.NewPlatforms(nil)
	if err != nil {
		t.Fatal(err)
	}
	db := storetest.Open(t, storetest.SQLite)
	m := metrics.New(1)
	bus := events.New(m, nil)
	phones := offline.New(offline.Ports{Tokens: db, Events: bus}, offline.Options{Platforms: platforms}, m, nil)
	directory, err := bot.NewDirectory(bot.Options{})
	if err != nil {
		t.Fatal(err)
	}
	bots, err := bot.New(directory, func(context.Context, bot.Answer) error { return nil }, bus, m, nil)
	if err != nil {
		t.Fatal(err)
	}
	n := start(t, setup{services: gateway.Services{Offline: phones, Bots: bots}})
	n.dial().refused(401, "push", "Register", `{"token":"t","provider":"apns"}`)
	alice := n.dial()
	alice.ok("robot", "Login", `{"UserId":"alice","PlatId":"ios","DeviceId":"phone"}`)
	alice.refused(400, "push", "Register", `{"token":"t"}`)
	if r := alice.ok("push", "Register", `{"token":"t-1","provider":"apns"}`); r["device"] != "phone" {
		t.Error(r)
	}
	got, err := db.PushTokens(t.Context(), []string{"alice"})
	if err != nil || len(got) != 1 || got[0].Token != "t-1" || got[0].Platform != "ios" || got[0].Device != "phone" {
		t.Errorf("%+v, %v", got, err)
	}
	alice.ok("push", "Unregister", ``)
	alice.refused(404, "push", "Unregister", `{"device":"phone"}`)
	if r := alice.ok("bot", "List", ``); fmt.Sprint(r) != "map[bots:[map[about:Says what it was told. commands:[] name:echo user:bot:echo] map[about:Lists the bots and what they understand. commands:[] name:help user:bot:help]]]" {
		t.Error(r)
	}
}
