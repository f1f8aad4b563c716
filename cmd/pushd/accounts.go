package main

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"

	"pushd/internal/account"
	"pushd/internal/delivery"
	"pushd/internal/store"
)

// accountsKeyFile is the generated key in the data directory.
const accountsKeyFile = "accounts.key"

// newGuard makes what checks users' tokens when there is a database: those of the
// server's own accounts, and external's, which is nil in open mode.
func newGuard(cfg *Config, external *account.Verifier, log *slog.Logger) (*account.Guard, error) {
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
func accountsKey(cfg *Config, log *slog.Logger) (string, error) {
	if cfg.Accounts.Key != "" {
		return resolve(cfg.Accounts.Key)
	}
	name := filepath.Join(cfg.DataDir, accountsKeyFile)
	created, err := createKeyFile(name)
	if err != nil {
		return "", fmt.Errorf("create %s: %w", name, err)
	}
	if created {
		log.Info("made a key", slog.String("file", name))
	}
	return readKeyFile(name)
}

// newAccounts makes the account service.
func newAccounts(cfg *Config, db *store.Store, guard *account.Guard, closer delivery.Closer, deleting func(context.Context, string) (func(), error), log *slog.Logger) (*account.Service, error) {
	a := cfg.Accounts
	lockout := account.LockoutOptions{Registrations: a.RegisterRate}
	if a.RegisterRate == 0 {
		lockout.Registrations = -1 // no limit
	}
	s, err := account.New(account.Ports{Store: db, Guard: guard, Sessions: closer, Deleting: deleting}, account.Options{
		Register: a.Register, TokenTTL: a.TokenTTL, RefreshTTL: a.RefreshTTL, MaxDevices: a.Devices,
		RevocationTTL: a.RevocationTTL, Hash: account.HashOptions{Memory: uint32(a.HashMemory >> 10), Passes: uint32(a.HashPasses), Parallel: a.HashParallel},
		Lockout: lockout, Log: log,
	})
	if err != nil {
		return nil, fmt.Errorf("accounts: %w", err)
	}
	return s, nil
}
