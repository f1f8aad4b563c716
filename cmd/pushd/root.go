package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"pushd/internal/config"
)

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "pushd",
		Short: "Push server: WebSocket clients connect and log in, backends push over HTTP",
		Long: `Push server: WebSocket clients connect and log in, backends push over HTTP.

Clients connect to ws://HOST:8089/ws. Backends use the admin listener on
127.0.0.1:8090 with an API key. A page to try it out is at http://HOST:8089/.`,
		Example: `  ./pushd serve --dev                       # try it: no tokens, admin key "dev"
  ./pushd serve                             # for real: keys are made in ./data
  ./pushd token --user alice                # a token to log in with
  curl -H 'Authorization: Bearer dev' -H 'Content-Type: application/json' \
    -d '{"users":["alice"],"message":{"text":"hi"}}' http://127.0.0.1:8090/api/push`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(flagError)
	// The template's own call writes each description in one endless line.
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages ", ".FlagUsagesWrapped 100 "))
	group(root)
	root.AddCommand(
		a.serveCommand(),
		a.tokenCommand(),
		a.configCommand(),
		a.keysCommand(),
		a.migrateCommand(),
		a.backupCommand(),
		a.versionCommand(),
	)
	return root
}

// group makes a command that only holds others: alone it shows its help, and a
// word that is none of its commands is refused with the nearest one. Cobra by
// itself would show the help and exit with 0.
func group(cmd *cobra.Command) {
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		var names []string
		for _, c := range cmd.Commands() {
			if c.IsAvailableCommand() {
				names = append(names, c.Name())
			}
		}
		if near := config.Nearest(args[0], names); near != "" {
			return usageError{fmt.Errorf("unknown command %q; did you mean %s %s?", config.Shorten(args[0]), cmd.CommandPath(), near)}
		}
		return usageError{fmt.Errorf("unknown command %q; there are %s", config.Shorten(args[0]), strings.Join(names, ", "))}
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
}

// noArgs refuses words after a command that takes none.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("%s takes no arguments, but got %q; options begin with --", cmd.CommandPath(), config.Shorten(args[0]))}
	}
	return nil
}

// loadChecked is the configuration of a command, complete and without
// contradictions.
func (a *app) loadChecked(cmd *cobra.Command) (*config.Config, error) {
	cfg, err := config.Load(cmd.Flags(), a.environ)
	if err != nil {
		return nil, usageError{err}
	}
	if err := cfg.Check(); err != nil {
		return nil, usageError{err}
	}
	return cfg, nil
}
