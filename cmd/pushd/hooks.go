package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"pushd/internal/account"
	"pushd/internal/bot"
	"pushd/internal/chat"
	"pushd/internal/config"
	"pushd/internal/gateway"
	"pushd/internal/hooks"
	"pushd/internal/metrics"
	"pushd/internal/offline"
	"pushd/internal/webhook"
)

// backendPorts are what the backends' side of the server needs of the rest.
type backendPorts struct {
	Tokens offline.Tokens // nil: without a store no phone is woken
	Names  offline.Names  // nil: notifications call users by their ids
	Send   bot.Send       // how bots answer; required
}

// answerThrough is how bots answer: as a backend does that sends in their name.
// service is asked at each answer, since chat is made after the bots it needs.
func answerThrough(service func() *chat.Service) bot.Send {
	identity := account.Identity{Key: "$bots", Scopes: account.ScopePush}
	return func(ctx context.Context, a bot.Answer) error {
		_, err := service().SendAs(ctx, identity, chat.SendAsRequest{
			From:        a.From,
			SendRequest: chat.SendRequest{Conv: a.Conv, Body: a.Body, ClientID: a.ClientID},
		})
		return err
	}
}

// backends is everything that calls programs outside: hooks, bots and the
// gateway for phones.
type backends struct {
	Bots    *bot.Bots
	Offline *offline.Service // nil without a store

	hooks  *hooks.Hooks    // nil without hooks.url
	phones *webhook.Client // nil without offline.gateway
}

// newBackends makes what the configuration names. Nothing is called before
// Started.
func newBackends(cfg *config.Config, platforms *account.Platforms, p backendPorts, m *metrics.Metrics, log *slog.Logger) (*backends, error) {
	b := &backends{}
	var err error
	if b.hooks, err = newHooks(cfg, platforms, m, log); err != nil {
		return nil, err
	}
	if b.Bots, err = newBots(cfg, p.Send, m, log); err != nil {
		return nil, err
	}
	if p.Tokens == nil {
		return b, nil
	}
	var sink offline.Gateway
	if o := cfg.Offline; o.Gateway != "" {
		secret, err := webhookSecret("offline.secret", o.Secret)
		if err != nil {
			return nil, err
		}
		if b.phones, err = webhook.NewClient(cfg.PhoneGatewayOptions(secret), m, log); err != nil {
			return nil, err
		}
		sink = offline.NewHTTP(b.phones)
	}
	b.Offline = offline.New(offline.Ports{Tokens: p.Tokens, Names: p.Names, Gateway: sink}, cfg.OfflineOptions(platforms), m, log)
	return b, nil
}

func newHooks(cfg *config.Config, platforms *account.Platforms, m *metrics.Metrics, log *slog.Logger) (*hooks.Hooks, error) {
	if cfg.Hooks.URL == "" {
		return nil, nil
	}
	secret, err := webhookSecret("hooks.secret", cfg.Hooks.Secret)
	if err != nil {
		return nil, err
	}
	return hooks.New(platforms, cfg.HooksOptions(secret), m, log)
}

func newBots(cfg *config.Config, send bot.Send, m *metrics.Metrics, log *slog.Logger) (*bot.Bots, error) {
	secrets := make([]webhook.Secret, len(cfg.Bots))
	for i, b := range cfg.Bots {
		var err error
		if secrets[i], err = webhookSecret("bots: "+b.Name+": secret", b.Secret); err != nil {
			return nil, err
		}
	}
	return bot.New(send, cfg.BotOptions(secrets), m, log)
}

// webhookSecret reads a secret from where the configuration says.
func webhookSecret(key string, s config.Secret) (webhook.Secret, error) {
	text, err := s.Resolve()
	if err != nil {
		return webhook.Secret{}, fmt.Errorf("%s: %w", key, err)
	}
	secret, err := webhook.ParseSecret(text)
	if err != nil {
		return webhook.Secret{}, fmt.Errorf("%s: %w", key, err)
	}
	return secret, nil
}

// ChatHooks is what chat asks and tells; nil for nobody.
func (b *backends) ChatHooks() chat.Hooks {
	if b.hooks == nil {
		return nil // a nil *Hooks in the interface would not be nil
	}
	return b.hooks
}

// ChatOffline is who learns of users that a message didn't reach; nil for
// nobody.
func (b *backends) ChatOffline() chat.Offline {
	var all missed
	if b.hooks != nil {
		all = append(all, b.hooks)
	}
	if b.Offline != nil {
		all = append(all, b.Offline)
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

// missed tells several.
type missed []chat.Offline

func (all missed) Missed(m chat.Message, users []string) {
	for _, one := range all {
		one.Missed(m, users)
	}
}

// Lifecycle puts the hooks behind another part of logins, which may be nil: what
// that refuses, the backend is never asked about. It is nil when there is
// neither.
func (b *backends) Lifecycle(first gateway.Lifecycle) gateway.Lifecycle {
	if b.hooks == nil {
		return first
	}
	return hookedLogins{first, b.hooks}
}

type hookedLogins struct {
	first gateway.Lifecycle // may be nil
	hooks *hooks.Hooks
}

func (l hookedLogins) Entering(ctx context.Context, id account.Identity) (unread int, err error) {
	if l.first != nil {
		if unread, err = l.first.Entering(ctx, id); err != nil {
			return 0, err
		}
	}
	if err := l.hooks.LoginHook(ctx, id); err != nil {
		if l.first != nil {
			l.first.Left(id, "refused")
		}
		return 0, err
	}
	return unread, nil
}

func (l hookedLogins) Renewing(ctx context.Context, id account.Identity) (int, error) {
	if l.first == nil {
		return 0, nil
	}
	return l.first.Renewing(ctx, id)
}

func (l hookedLogins) Left(id account.Identity, reason string) {
	if l.first != nil {
		l.first.Left(id, reason)
	}
	l.hooks.Left(id, reason)
}

// Started is called once the server serves.
func (b *backends) Started() {
	if b.hooks != nil {
		b.hooks.Started()
	}
}

// Shutdown is called when every session is over: what waits to be told gets a
// last try, until ctx is done.
func (b *backends) Shutdown(ctx context.Context) error {
	// What bots say is told of too, so they go first; but slow ones must not take all
	// the time there is.
	early, cancel := ctx, context.CancelFunc(func() {})
	if end, ok := ctx.Deadline(); ok {
		early, cancel = context.WithTimeout(ctx, time.Until(end)/2)
	}
	defer cancel()
	err := b.Bots.Shutdown(early)
	if b.Offline != nil {
		err = errors.Join(err, b.Offline.Shutdown(early))
	}
	if b.phones != nil {
		b.phones.Close()
	}
	if b.hooks != nil {
		err = errors.Join(err, b.hooks.Shutdown(ctx))
	}
	return err
}
