package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"pushd/internal/config"
)

// addFlags gives the command --config and a flag for every option that keep
// selects; nil selects all.
func addFlags(cmd *cobra.Command, keep func(key string) bool) {
	config.AddFlags(cmd.Flags(), keep, func(flag string, words []string) {
		_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
	})
	_ = cmd.MarkFlagFilename(config.FileFlag, "yaml", "yml") // fails only for a flag that isn't there
	cmd.SetFlagErrorFunc(flagError)
}

// flagError adds the nearest flag to what pflag says about an unknown one.
func flagError(cmd *cobra.Command, err error) error {
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok && unknown.GetSpecifiedShortnames() == "" {
		name := unknown.GetSpecifiedName()
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		if near := config.Nearest(name, names); near != "" {
			return usageError{fmt.Errorf("unknown flag --%s; did you mean --%s?", config.Shorten(name), near)}
		}
	}
	return usageError{fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())}
}
