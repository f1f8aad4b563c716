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
	"pushd/internal/gateway"
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
	ports := backendPorts{Tokens: db, Names: db, Send: answerThrough(func() *chat.Service { return k.chat })}
	if k.backends, err = newBackends(cfg, platforms, ports, srv.metrics, srv.log); err != nil {
		return nil, err
	}
	options := cfg.ChatOptions()
	options.Log = srv.log
	k.chat = chat.New(chat.Ports{
		Store: db, Deliverer: srv.node, Members: srv.members, Presence: srv.node, Files: k.attached(),
		Hooks: k.backends.ChatHooks(), Offline: k.backends.ChatOffline(), Bots: k.backends.Bots,
	}, options)
	if k.accounts, err = newAccounts(cfg, db, srv.guard, srv.node, k.chat.Deleting, srv.log); err != nil {
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
	s.Lifecycle = k.backends.Lifecycle(logins{k.accounts, k.chat})
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

// logins lets users with an account in and tells them what waits for them.
type logins struct {
	accounts *account.Service
	chat     *chat.Service
}

func (l logins) Entering(ctx context.Context, id account.Identity) (unread int, err error) {
	if err := l.accounts.Entered(ctx, id); err != nil {
		return 0, err
	}
	return l.chat.Unread(ctx, id.User)
}

func (l logins) Renewing(ctx context.Context, id account.Identity) (int, error) {
	return l.Entering(ctx, id)
}

func (l logins) Left(id account.Identity, _ string) { l.accounts.Left(id) }

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
	if k.backends.ChatOffline() != nil {
		tasks.Go(func() { k.chat.RunMissed(background) })
	}
	if k.files != nil {
		k.files.look(ctx, log)
		tasks.Go(func() { k.files.Run(background) })
	}
	return nil
}

// started is called once the server serves.
func (k *stored) started() {
	if k != nil {
		k.backends.Started()
	}
}

// close ends it all; nobody may use it any more. ctx bounds what backends get
// to be told what waits for them.
func (k *stored) close(ctx context.Context) error {
	if k == nil {
		return nil
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
