package main

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

// source is where a value came from.
type source struct {
	layer layer
	name  string // the file with line, the variable or the flag
}

// String is what errors and `config check` show.
func (s source) String() string {
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

// source says where the key's value came from; the default for a Config that
// was not loaded.
func (c *Config) source(key string) source { return c.sources[key] }

// explicit reports whether somebody set the key, rather than a default.
func (c *Config) explicit(key string) bool { return c.source(key).layer > layerDev }

// values is what one layer sets: key to text, list or map, and its source.
type values struct {
	raw     map[string]any
	sources map[string]source
}

func newValues() values {
	return values{raw: map[string]any{}, sources: map[string]source{}}
}

func (v values) set(key string, raw any, from source) {
	v.raw[key] = raw
	v.sources[key] = from
}

// load builds the configuration: defaults, then the file, the environment and
// the flags, each over the one before. The file is the one that --config names,
// or PUSHD_CONFIG. All that is wrong is reported together; no partly read
// configuration is returned.
func load(flags *pflag.FlagSet, environ []string) (*Config, error) {
	table := optionTable()
	env, configFile, envErr := readEnv(table, environ)
	if f := flags.Lookup(configFlag); f != nil && f.Changed {
		configFile = f.Value.String()
	}
	file, fileErr := newValues(), error(nil)
	if configFile != "" {
		file, fileErr = readFile(table, configFile)
	}
	given, flagErr := readFlags(table, flags)

	layers := []values{defaults(table, false), file, env, given}
	cfg, err := merge(table, layers)
	if err := errors.Join(fileErr, envErr, flagErr, err); err != nil {
		return nil, err
	}
	if cfg.Dev {
		// --dev may come from any layer, and changes what lies under them all.
		layers[0] = defaults(table, true)
		if cfg, err = merge(table, layers); err != nil {
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
		if dev && o.hasDev {
			v.set(o.key, o.dev, source{layer: layerDev})
			continue
		}
		v.set(o.key, o.def, source{layer: layerDefault})
	}
	return v
}

// merge lays the layers over each other and reads every option's text.
func merge(table []option, layers []values) (*Config, error) {
	k := koanf.New(".")
	cfg := &Config{sources: map[string]source{}}
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
	for _, o := range table {
		raw := k.Get(o.key)
		if err := o.decode(cfg, raw); err != nil {
			errs = append(errs, valueError(o, cfg.source(o.key), raw, err))
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return cfg, nil
}

// valueError names the key, its source, the value unless it is secret, and what
// is accepted.
func valueError(o option, from source, raw any, cause error) error {
	// An address of a key set may carry a password.
	quotable := !o.secret && !o.fileOnly && o.is != "jwks"
	if text, ok := raw.(string); ok && quotable {
		return fmt.Errorf("%s (%s): %q: %w", o.key, from, cut(text), cause)
	}
	return fmt.Errorf("%s (%s): %w", o.key, from, cause)
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
