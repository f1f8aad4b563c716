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
	"pushd/internal/gateway"
	"pushd/internal/push"
	"pushd/internal/store"
)

// kept is what there is with a database, and the zero value without one.
type kept struct {
	store    *store.Store
	accounts *account.Service
	chat     *chat.Service
	files    *fileService
	backends *backends
}

// openStore opens the database that the configuration names, if any.
func openStore(ctx context.Context, cfg *Config, log *slog.Logger) (*store.Store, error) {
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

// newKept makes the services of a node that has a database.
func newKept(ctx context.Context, cfg *Config, db *store.Store, platforms *account.Platforms, n *node) (kept, error) {
	k := kept{store: db}
	var err error
	if k.accounts, err = newAccounts(cfg, db, n.guard, n.gateway, func(ctx context.Context, user string) (func(), error) {
		return n.kept.chat.Deleting(ctx, user)
	}, n.log); err != nil {
		return k, err
	}
	if k.files, err = newFiles(ctx, cfg, db, n.log); err != nil {
		return k, err
	}
	ports := backendPorts{Tokens: db, Names: db, Send: answerThrough(func() *chat.Service { return n.kept.chat })}
	if k.backends, err = newBackends(cfg, platforms, ports, n.metrics, n.log); err != nil {
		return k, err
	}
	c := cfg.Chat
	k.chat = chat.New(chat.Ports{
		Store: db, Deliverer: n.gateway, Files: k.attached(),
		Hooks: k.backends.ChatHooks(), Offline: k.backends.ChatOffline(), Bots: k.backends.Bots,
	}, chat.Options{
		MaxText: int(c.MaxText), MaxData: int(c.MaxData), RecallWindow: c.RecallWindow, EditWindow: c.EditWindow,
		GroupLimit: c.GroupLimit, MaxGroup: c.GroupMax, GroupsOwned: c.GroupsOwned, GroupsIn: c.GroupsIn,
		MaxFriends: c.Friends, FriendsOnly: c.FriendsOnly, Log: n.log,
	})
	return k, nil
}

// attached is nil without files: a nil *fileService in the interface would not be.
func (k *kept) attached() chat.Files {
	if k.files == nil {
		return nil
	}
	return k.files
}

// pushPorts are the push service's: with a database its groups and its durable
// pushes are chat's.
func (k *kept) pushPorts(g *gateway.Gateway) push.Ports {
	p := push.Ports{Deliverer: g, Directory: g, Topics: g, Groups: g}
	if k.chat != nil {
		p.Groups, p.Durable = chat.NewPushGroups(k.chat, g.AllOnline), k.chat
	}
	return p
}

// socket is what clients reach over the WebSocket.
func (k *kept) socket(p *push.Service) gateway.Services {
	s := gateway.Services{Push: p}
	if k.store == nil {
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
func (k *kept) http() api.Services {
	var s api.Services
	if k.store == nil {
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
func (k *kept) run(ctx, background context.Context, tasks *sync.WaitGroup) error {
	if k.store == nil {
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
		tasks.Go(func() { k.files.Run(background) })
	}
	return nil
}

// started is called once the server serves.
func (k *kept) started() {
	if k.store != nil {
		k.backends.Started()
	}
}

// close ends it all; nobody may use it any more. ctx bounds what backends get
// to be told what waits for them.
func (k *kept) close(ctx context.Context) error {
	if k.store == nil {
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
