package main

import (
	"github.com/spf13/cobra"

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
the key files it names: every part of the server is made, short of listening and
of reaching other programs. Prints every option with its value and where that came
from; secrets are not shown. Exits with 2 when something is wrong. Nothing is
written where the server keeps its data.`,
		Example: `  ./pushd config check --config pushd.yaml
  PUSHD_HEARTBEAT=30s ./pushd config check --dev | grep -v default`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.loadChecked(cmd)
			if err != nil {
				return err
			}
			if err := rehearse(cmd.Context(), cfg); err != nil {
				return usageError{err}
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
