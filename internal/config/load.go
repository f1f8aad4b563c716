package config

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"
)

// layer is where a value may come from; a later one wins.
type layer int

const (
	layerDefault layer = iota
	layerDev           // the defaults that --dev changes
	layerFile
	layerEnv
	layerFlag
)

// Source is where a value came from.
type Source struct {
	layer layer
	name  string // the file with line, the variable or the flag
}

// String is what errors and `config check` show.
func (s Source) String() string {
	switch s.layer {
	case layerDefault:
		return "default"
	case layerDev:
		return "default of --dev"
	case layerFile:
		return s.name
	case layerEnv:
		return "environment " + s.name
	case layerFlag:
		return "flag " + s.name
	}
	return "unknown"
}

// Source says where the key's value came from; the default for a Config that
// was not loaded.
func (c *Config) Source(key string) Source { return c.sources[key] }

// Explicit reports whether somebody set the key, rather than a default.
func (c *Config) Explicit(key string) bool { return c.Source(key).layer > layerDev }

// values is what one layer sets: key to text, list or map, and its source.
type values struct {
	raw     map[string]any
	sources map[string]Source
}

func newValues() values {
	return values{raw: map[string]any{}, sources: map[string]Source{}}
}

func (v values) set(key string, raw any, from Source) {
	v.raw[key] = raw
	v.sources[key] = from
}

// Load builds the configuration: defaults, then the file, the environment and
// the flags, each over the one before. The file is the one that --config names,
// or PUSHD_CONFIG. All that is wrong is reported together; no partly read
// configuration is returned.
func Load(flags *pflag.FlagSet, environ []string) (*Config, error) {
	table := allOptions(&Config{})
	env, configFile, envErr := readEnv(table, environ)
	if f := flags.Lookup(FileFlag); f != nil && f.Changed {
		configFile = f.Value.String()
	}
	file, fileErr := newValues(), error(nil)
	if configFile != "" {
		file, fileErr = readFile(table, configFile)
	}
	given, flagErr := readFlags(table, flags)

	layers := []values{defaults(table, false), file, env, given}
	cfg, err := merge(layers)
	if err := errors.Join(fileErr, envErr, flagErr, err); err != nil {
		return nil, err
	}
	if cfg.Dev {
		// --dev may come from any layer, and changes what lies under them all.
		layers[0] = defaults(table, true)
		if cfg, err = merge(layers); err != nil {
			return nil, err
		}
	}
	if cfg.Node == "" {
		if cfg.Node, err = hostName(); err != nil {
			return nil, err
		}
	}
	return cfg, nil
}

func defaults(table []option, dev bool) values {
	v := newValues()
	for _, o := range table {
		if dev && o.dev != "" {
			v.set(o.key, o.dev, Source{layer: layerDev})
			continue
		}
		v.set(o.key, o.def, Source{layer: layerDefault})
	}
	return v
}

// merge lays the layers over each other and reads every option's text.
func merge(layers []values) (*Config, error) {
	k := koanf.New(".")
	cfg := &Config{sources: map[string]Source{}}
	for _, l := range layers {
		for key, from := range l.sources {
			// A map is one value here: a later layer replaces it whole, as it
			// does a list, and koanf would merge it.
			k.Delete(key)
			cfg.sources[key] = from
		}
		if err := k.Load(confmap.Provider(l.raw, "."), nil); err != nil {
			return nil, fmt.Errorf("merge configuration: %w", err)
		}
	}
	var errs []error
	for _, o := range allOptions(cfg) {
		raw := k.Get(o.key)
		if err := o.decode(raw); err != nil {
			errs = append(errs, valueError(o, cfg.Source(o.key), raw, err))
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return cfg, nil
}

// valueError names the key, its source, the value unless that may be secret, and what
// is accepted.
func valueError(o option, from Source, raw any, err error) error {
	if text, ok := raw.(string); ok && !o.quiet {
		return fmt.Errorf("%s (%s): %q: %w", o.key, from, Shorten(text), err)
	}
	return fmt.Errorf("%s (%s): %w", o.key, from, err)
}

// hostName is the default node name, with what node names may not contain
// replaced.
func hostName() (string, error) {
	host, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("node: the host has no name, so set one: %w", err)
	}
	host = strings.Map(func(r rune) rune {
		if _, err := parseNode(string(r)); err != nil {
			return '-'
		}
		return r
	}, host)
	return host[:min(len(host), 64)], nil
}
