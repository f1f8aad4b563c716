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
	"pushd/internal/events"
	"pushd/internal/hooks"
	"pushd/internal/metrics"
	"pushd/internal/offline"
	"pushd/internal/webhook"
)

// backendPorts are what the backends' side of the server needs of the rest.
type backendPorts struct {
	Tokens offline.Tokens // nil: without a store no phone is woken
	Names  offline.Names  // nil: notifications call users by their ids
	Events *events.Bus    // what hooks and phones are told of; required
}

// answerThrough is how bots answer: as a backend does that sends in their name.
func answerThrough(service *chat.Service) bot.Send {
	identity := account.Identity{Key: "$bots", Scopes: account.ScopePush}
	return func(ctx context.Context, a bot.Answer) error {
		_, err := service.SendAs(ctx, identity, chat.SendAsRequest{
			From:        a.From,
			SendRequest: chat.SendRequest{Conv: a.Conv, Body: a.Body, ClientID: a.ClientID},
		})
		return err
	}
}

// backends is everything that calls programs outside: hooks, bots and the
// gateway for phones.
type backends struct {
	Directory *bot.Directory
	Bots      *bot.Bots        // nil before runBots
	Offline   *offline.Service // nil without a store

	events *events.Bus
	hooks  *hooks.Hooks    // nil without hooks.url
	phones *webhook.Client // nil without offline.gateway
}

// newBackends makes what the configuration names, all but the bots that run: they
// answer through chat, which asks the directory of bots.
func newBackends(
	cfg *config.Config, platforms *account.Platforms, p backendPorts, m *metrics.Metrics, log *slog.Logger,
) (*backends, error) {
	b := &backends{events: p.Events}
	var err error
	if b.hooks, err = newHooks(cfg, platforms, p.Events, m, log); err != nil {
		return nil, err
	}
	if b.Directory, err = newBotDirectory(cfg); err != nil {
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
	ports := offline.Ports{Tokens: p.Tokens, Names: p.Names, Gateway: sink, Events: p.Events}
	b.Offline = offline.New(ports, cfg.OfflineOptions(platforms), m, log)
	return b, nil
}

func newHooks(
	cfg *config.Config, platforms *account.Platforms, bus *events.Bus, m *metrics.Metrics, log *slog.Logger,
) (*hooks.Hooks, error) {
	if cfg.Hooks.URL == "" {
		return nil, nil
	}
	secret, err := webhookSecret("hooks.secret", cfg.Hooks.Secret)
	if err != nil {
		return nil, err
	}
	return hooks.New(platforms, bus, cfg.HooksOptions(secret), m, log)
}

func newBotDirectory(cfg *config.Config) (*bot.Directory, error) {
	secrets := make([]webhook.Secret, len(cfg.Bots))
	for i, b := range cfg.Bots {
		var err error
		if secrets[i], err = webhookSecret("bots: "+b.Name+": secret", b.Secret); err != nil {
			return nil, err
		}
	}
	return bot.NewDirectory(cfg.BotOptions(secrets))
}

// runBots has the bots hear messages and answer them.
func (b *backends) runBots(send bot.Send, m *metrics.Metrics, log *slog.Logger) (err error) {
	b.Bots, err = bot.New(b.Directory, send, b.events, m, log)
	return err
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

// Shutdown is called when every session is over. Bots answer what they heard, then
// events on their way arrive, then phones and the backend get a last try, until ctx is
// done.
func (b *backends) Shutdown(ctx context.Context) error {
	// The backend is told of what the others still do, so it comes last; but slow ones
	// must not take all the time there is.
	early, cancel := ctx, context.CancelFunc(func() {})
	if end, ok := ctx.Deadline(); ok {
		early, cancel = context.WithTimeout(ctx, time.Until(end)/2)
	}
	defer cancel()
	err := errors.Join(b.Bots.Shutdown(early), b.events.Shutdown(early))
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
