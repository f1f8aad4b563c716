package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"pushd/internal/account"
	"pushd/internal/config"
)

// rehearse makes all that serve makes of a configuration, without listening,
// without a word to other programs, and with nothing written but in a directory
// that is gone afterwards: keys that serve would generate are generated there, the
// database is an empty one, and a key set behind an address is not fetched, so that
// checking a file works where the server's network is out of reach.
func rehearse(ctx context.Context, cfg *config.Config) (err error) {
	if err := checkOwnKeys(cfg); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "pushd-check-")
	if err != nil {
		return fmt.Errorf("a directory to try the configuration in: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	trial := *cfg
	trial.DataDir = dir
	if address, err := cfg.Database(); err != nil {
		return err
	} else if address != "" {
		if cfg.Store != "" { // else it is in the data directory, which serve makes
			if err := fileCanBe(address); err != nil {
				return fmt.Errorf("store: %w", err)
			}
		}
		trial.Store = config.StoreURL("sqlite:" + filepath.Join(dir, "check.db"))
	}
	if strings.HasPrefix(cfg.Files.URL, "file:") {
		trial.Files.URL = "" // in the data directory
	}
	if strings.Contains(cfg.Auth.JWT.JWKS, "://") {
		trial.Auth.JWT.JWKS = ""
		if trial.Auth.JWT.Key == "" { // the one that is generated for the trial is of this algorithm
			trial.Auth.JWT.Algorithm = "HS256"
		}
	}
	s, err := newServer(ctx, &trial, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	return s.stop()
}

// fileCanBe looks at the directory of a SQLite file that an address names.
func fileCanBe(address string) error {
	file, ok := strings.CutPrefix(address, "sqlite:")
	if !ok {
		return nil
	}
	if _, err := os.Stat(file); err == nil {
		return nil
	}
	dir := filepath.Dir(strings.TrimPrefix(file, "//"))
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return fmt.Errorf("there is no directory %s for the database: make it, or name another file", dir)
	}
	return nil
}

// checkOwnKeys looks at keys that were generated before, where serve would find
// them.
func checkOwnKeys(cfg *config.Config) error {
	if _, err := config.LoadKeys(cfg); err != nil {
		return err
	}
	if address, err := cfg.Database(); err != nil || address == "" {
		return err
	}
	key, _, err := cfg.AccountsKey(false)
	if err == nil && key != "" { // "" is one that serve will make
		_, err = account.NewGuard(key, nil, nil)
	}
	if err != nil {
		return fmt.Errorf("accounts.key: %w", err)
	}
	if bucket, err := cfg.Bucket(); err != nil || bucket == "" {
		return err
	}
	if _, _, err := cfg.FilesKey(false); err != nil {
		return fmt.Errorf("files.key: %w", err)
	}
	return nil
}
