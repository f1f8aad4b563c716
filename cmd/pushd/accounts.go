package main

import (
	"context"
	"fmt"
	"log/slog"

	"pushd/internal/account"
	"pushd/internal/config"
	"pushd/internal/delivery"
	"pushd/internal/events"
	"pushd/internal/store"
)

// newGuard makes what checks users' tokens when there is a database: those of the
// server's own accounts, and external's, which is nil in open mode.
func newGuard(cfg *config.Config, external *account.Verifier, log *slog.Logger) (*account.Guard, error) {
	key, err := accountsKey(cfg, log)
	if err != nil {
		return nil, fmt.Errorf("accounts.key: %w", err)
	}
	var tokens account.Tokens
	if external != nil { // a nil *Verifier in the interface would not be nil
		tokens = external
	}
	g, err := account.NewGuard(key, tokens, nil)
	if err != nil {
		return nil, fmt.Errorf("accounts.key: %w", err)
	}
	return g, nil
}

// accountsKey is the configured key, or the generated one.
func accountsKey(cfg *config.Config, log *slog.Logger) (string, error) {
	key, made, err := cfg.AccountsKey(true)
	if made != "" {
		log.Info("made a key", slog.String("file", made))
	}
	return key, err
}

// newAccounts makes the account service.
func newAccounts(
	cfg *config.Config, db *store.Store, guard *account.Guard, closer delivery.Closer, bus *events.Bus,
	deleting func(context.Context, string) (func(), error), log *slog.Logger,
) (*account.Service, error) {
	options := cfg.AccountOptions()
	options.Log = log
	ports := account.Ports{Store: db, Guard: guard, Sessions: closer, Deleting: deleting, Events: bus}
	s, err := account.New(ports, options)
	if err != nil {
		return nil, fmt.Errorf("accounts: %w", err)
	}
	return s, nil
}
