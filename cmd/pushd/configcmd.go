package main

import (
	"fmt"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"pushd/internal/account"
	"pushd/internal/config"
)

func (a *app) configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Check and document the configuration",
		Example: `  ./pushd config default > pushd.yaml
  ./pushd config check --config pushd.yaml
  ./pushd config reference > configuration.md`,
	}
	group(cmd)
	cmd.AddCommand(a.configCheckCommand(), a.configDefaultCommand(), a.configReferenceCommand())
	return cmd
}

func (a *app) configCheckCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check the configuration and show what is in effect, and from where",
		Long: `Check the configuration that 'serve' would run with, given the same options, and
the key files it names. Prints every option with its value and where that came
from; secrets are not shown. Exits with 2 when something is wrong. Nothing is
written.`,
		Example: `  ./pushd config check --config pushd.yaml
  PUSHD_HEARTBEAT=30s ./pushd config check --dev | grep -v default`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.loadChecked(cmd)
			if err != nil {
				return err
			}
			keys, err := config.LoadKeys(cfg)
			if err != nil {
				return usageError{err}
			}
			if _, err := newAPIKeys(cfg, keys); err != nil {
				return usageError{err}
			}
			if err := checkStoreKeys(cfg); err != nil {
				return usageError{err}
			}
			// A key set behind an address is not fetched: checking a file
			// should work where the server's network is out of reach.
			if set := cfg.Auth.JWT.JWKS; set != "" && !strings.Contains(set, "://") {
				if _, _, err := newVerifier(cmd.Context(), cfg, keys, slog.New(slog.DiscardHandler)); err != nil {
					return usageError{err}
				}
			}
			for _, warning := range cfg.Warnings() {
				a.say("warning: %s", warning)
			}
			return cfg.WriteValues(a.stdout)
		},
	}
	addFlags(cmd, nil)
	return cmd
}

// checkStoreKeys looks at the keys that a server with a database has, without
// making those that would be made.
func checkStoreKeys(cfg *config.Config) error {
	address, err := cfg.Database()
	if err != nil || address == "" {
		return err
	}
	key, _, err := cfg.AccountsKey(false)
	if err == nil && key != "" {
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

func (a *app) configDefaultCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "default",
		Short:   "Print a configuration file with every option, commented out",
		Example: "  ./pushd config default > pushd.yaml",
		Args:    noArgs,
		RunE:    func(*cobra.Command, []string) error { return config.WriteDefault(a.stdout) },
	}
}

func (a *app) configReferenceCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "reference",
		Short:   "Print the reference of all options as Markdown",
		Example: "  ./pushd config reference > docs/configuration.md",
		Args:    noArgs,
		RunE:    func(*cobra.Command, []string) error { return config.WriteReference(a.stdout) },
	}
}
