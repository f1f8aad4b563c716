package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/knadh/koanf/providers/posflag"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// configFlag names the configuration file on the command line.
const configFlag = "config"

// flagValue keeps what was given as text: all sources are read by the same
// rules, later, so that the error can name key, source and value alike.
type flagValue struct {
	option option
	text   string
	many   bool // a list or map: given again, it grows
	set    bool
}

func (v *flagValue) String() string { return v.text }

// Type is the word after the flag in --help.
func (v *flagValue) Type() string { return v.option.kind() }

func (v *flagValue) Set(text string) error {
	if v.many && v.set {
		text = v.text + "," + text
	}
	v.text, v.set = text, true
	return nil
}

// addFlags gives the command --config and a flag for every option that keep
// selects; nil selects all.
func addFlags(cmd *cobra.Command, keep func(key string) bool) {
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.String(configFlag, "", "YAML file with options (environment "+configEnv+")")
	_ = cmd.MarkFlagFilename(configFlag, "yaml", "yml") // fails only for a flag that isn't there
	for _, o := range optionTable() {
		if o.fileOnly || (keep != nil && !keep(o.key)) {
			continue
		}
		value := &flagValue{option: o, text: o.def, many: o.isList() || o.kind() == "map"}
		flag := flags.VarPF(value, o.key, "", o.usage+words(o))
		if o.kind() == "bool" {
			flag.NoOptDefVal = "true"
		}
		if completions := completionsOf(o); len(completions) > 0 {
			_ = cmd.RegisterFlagCompletionFunc(o.key, cobra.FixedCompletions(completions, cobra.ShellCompDirectiveNoFileComp))
		}
	}
	cmd.SetFlagErrorFunc(flagError)
}

func completionsOf(o option) []string {
	if o.kind() == "bool" {
		return []string{"true", "false"}
	}
	return o.oneof
}

// words lists an option's accepted words, for --help.
func words(o option) string {
	if len(o.oneof) == 0 {
		return ""
	}
	return " One of " + strings.Join(o.oneof, ", ") + "."
}

// readFlags collects the options set on the command line.
func readFlags(table []option, flags *pflag.FlagSet) (values, error) {
	v := newValues()
	take := func(f *pflag.Flag) (string, any) {
		if o, known := byKey(table, f.Name); known && f.Changed {
			v.set(o.key, f.Value.String(), source{layerFlag, "--" + f.Name})
		}
		return "", nil
	}
	if _, err := posflag.ProviderWithFlag(flags, "", nil, take).Read(); err != nil {
		return values{}, fmt.Errorf("read flags: %w", err)
	}
	return v, nil
}

// flagError adds the nearest flag to what pflag says about an unknown one.
func flagError(cmd *cobra.Command, err error) error {
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok && unknown.GetSpecifiedShortnames() == "" {
		name := unknown.GetSpecifiedName()
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		if near := nearest(name, names); near != "" {
			return usageError{fmt.Errorf("unknown flag --%s; did you mean --%s?", cut(name), near)}
		}
	}
	return usageError{fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())}
}
