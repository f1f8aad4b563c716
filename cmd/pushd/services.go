package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"pushd/internal/account"
	"pushd/internal/api"
	"pushd/internal/chat"
	"pushd/internal/config"
	"pushd/internal/events"
	"pushd/internal/gateway"
	"pushd/internal/hooks"
	"pushd/internal/push"
	"pushd/internal/store"
)

// stored is what there is with a database. A nil one has no services, and its
// methods do nothing.
type stored struct {
	store    *store.Store
	accounts *account.Service
	chat     *chat.Service
	files    *fileService
	backends *backends
}

// openStore opens the database that the configuration names, if any.
func openStore(ctx context.Context, cfg *config.Config, log *slog.Logger) (*store.Store, error) {
	address, err := cfg.Database()
	if err != nil || address == "" {
		return nil, err
	}
	s, err := store.Open(ctx, store.Options{URL: address, Log: log})
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	return s, nil
}

// newStored makes the services of a server that has a database.
func newStored(ctx context.Context, cfg *config.Config, db *store.Store, platforms *account.Platforms, srv *server) (_ *stored, err error) {
	k := &stored{store: db}
	if k.files, err = newFiles(ctx, cfg, db, srv.log); err != nil {
		return nil, err
	}
	ports := backendPorts{Tokens: db, Names: db, Events: srv.events}
	if k.backends, err = newBackends(cfg, platforms, ports, srv.metrics, srv.log); err != nil {
		return nil, err
	}
	options := cfg.ChatOptions()
	options.Log = srv.log
	p := chat.Ports{
		Store: db, Deliverer: srv.node, Members: srv.members, Presence: srv.node, Files: k.attached(),
		Bots: k.backends.Directory, Events: srv.events,
	}
	if k.backends.hooks != nil { // a nil *Hooks in the interface would not be nil
		p.Hooks = k.backends.hooks
	}
	k.chat = chat.New(p, options)
	if err = k.backends.runBots(answerThrough(k.chat), srv.metrics, srv.log); err != nil {
		return nil, err
	}
	if k.accounts, err = newAccounts(cfg, db, srv.guard, srv.node, srv.events, k.chat.Deleting, srv.log); err != nil {
		return nil, err
	}
	return k, nil
}

// attached is nil without files: a nil *fileService in the interface would not be.
func (k *stored) attached() chat.Files {
	if k.files == nil {
		return nil
	}
	return k.files
}

// socket is what clients reach over the WebSocket.
func (k *stored) socket(p *push.Service) gateway.Services {
	s := gateway.Services{Push: p}
	if k == nil {
		return s
	}
	s.Account, s.Chat, s.Offline, s.Bots = k.accounts, k.chat, k.backends.Offline, k.backends.Bots
	if k.files != nil {
		s.Files = k.files.Service
	}
	s.Lifecycle = logins{k.accounts, k.chat, k.backends.hooks}
	return s
}

// http is what the HTTP doors offer.
func (k *stored) http() api.Services {
	var s api.Services
	if k == nil {
		return s
	}
	s.Account, s.Chat, s.Offline, s.Bots = k.accounts, k.chat, k.backends.Offline, k.backends.Bots
	if k.files != nil {
		s.Files = k.files.Service
	}
	return s
}

// logins lets users in who have an account, if the backend agrees, and tells them
// what waits for them. The backend is not asked about users that the account refuses.
type logins struct {
	accounts interface {
		Entered(ctx context.Context, id account.Identity) error
	}
	chat interface {
		Unread(ctx context.Context, user string) (int, error)
	}
	hooks *hooks.Hooks // nil without hooks.url
}

func (l logins) Entering(ctx context.Context, id account.Identity) (unread int, err error) {
	if unread, err = l.Renewing(ctx, id); err == nil && l.hooks != nil {
		err = l.hooks.BeforeLogin(ctx, id)
	}
	return unread, err
}

func (l logins) Renewing(ctx context.Context, id account.Identity) (unread int, err error) {
	if err := l.accounts.Entered(ctx, id); err != nil {
		return 0, err
	}
	return l.chat.Unread(ctx, id.User)
}

// run keeps house beside the doors until background ends. What was revoked is
// known before anybody can come.
func (k *stored) run(ctx, background context.Context, tasks *sync.WaitGroup, log *slog.Logger) error {
	if k == nil {
		return nil
	}
	if err := k.accounts.Load(ctx); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	tasks.Go(func() { k.accounts.Run(background) })
	tasks.Go(func() { k.chat.RunExpiry(background) })
	if k.files != nil {
		k.files.look(ctx, log)
		tasks.Go(func() { k.files.Run(background) })
	}
	return nil
}

// close ends it all; nobody may use it any more. ctx bounds what backends get
// to be told what waits for them.
func (k *stored) close(ctx context.Context, bus *events.Bus) error {
	if k == nil {
		return bus.Shutdown(ctx)
	}
	var err error
	if k.backends != nil {
		err = k.backends.Shutdown(ctx)
	}
	if k.files != nil {
		err = errors.Join(err, k.files.Close())
	}
	return errors.Join(err, k.store.Close())
}
