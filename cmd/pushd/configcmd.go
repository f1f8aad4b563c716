package main

import (
	"fmt"
	"log/slog"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
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
			keys, err := LoadKeys(cfg)
			if err != nil {
				return usageError{err}
			}
			if _, err := newAPIKeys(cfg, keys); err != nil {
				return usageError{err}
			}
			if _, err := cfg.Database(); err != nil {
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
			table := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
			for _, o := range optionTable() {
				value := cfg.text(o)
				if value == "" {
					value = "-"
				}
				if _, err := fmt.Fprintf(table, "%s\t%s\t%s\n", o.key, value, cfg.source(o.key)); err != nil {
					return err
				}
			}
			return table.Flush()
		},
	}
	addFlags(cmd, nil)
	return cmd
}

func (a *app) configDefaultCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "default",
		Short:   "Print a configuration file with every option, commented out",
		Example: "  ./pushd config default > pushd.yaml",
		Args:    noArgs,
		RunE:    func(*cobra.Command, []string) error { return writeDefault(a.stdout) },
	}
}

func (a *app) configReferenceCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "reference",
		Short:   "Print the reference of all options as Markdown",
		Example: "  ./pushd config reference > docs/configuration.md",
		Args:    noArgs,
		RunE:    func(*cobra.Command, []string) error { return writeReference(a.stdout) },
	}
}
