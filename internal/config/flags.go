package config

import (
	"fmt"
	"strings"

	"github.com/knadh/koanf/providers/posflag"
	"github.com/spf13/pflag"
)

// FileFlag names the configuration file on the command line.
const FileFlag = "config"

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

// AddFlags declares the flag that names the file, and one for every option that
// keep selects; nil selects all. complete, if not nil, is told which words may
// follow a flag.
func AddFlags(flags *pflag.FlagSet, keep func(key string) bool, complete func(flag string, words []string)) {
	flags.SortFlags = false
	flags.String(FileFlag, "", "YAML file with options (environment "+FileEnv+")")
	for _, o := range allOptions(&Config{}) {
		if o.fileOnly || (keep != nil && !keep(o.key)) {
			continue
		}
		value := &flagValue{option: o, text: o.def, many: o.several()}
		flag := flags.VarPF(value, o.key, "", o.usage+listed(o.oneof))
		follow := o.oneof
		if o.kind() == "bool" {
			flag.NoOptDefVal = "true"
			follow = []string{"true", "false"}
		}
		if complete != nil && len(follow) > 0 {
			complete(o.key, follow)
		}
	}
}

// listed ends a flag's help with the words that the option accepts.
func listed(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return " One of " + strings.Join(words, ", ") + "."
}

// readFlags collects the options set on the command line.
func readFlags(table []option, flags *pflag.FlagSet) (values, error) {
	v := newValues()
	take := func(f *pflag.Flag) (string, any) {
		if o, known := byKey(table, f.Name); known && f.Changed {
			v.set(o.key, f.Value.String(), Source{layerFlag, "--" + f.Name})
		}
		return "", nil
	}
	if _, err := posflag.ProviderWithFlag(flags, "", nil, take).Read(); err != nil {
		return values{}, fmt.Errorf("read flags: %w", err)
	}
	return v, nil
}
