package config

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/knadh/koanf/providers/env/v2"
)

// FileEnv names the configuration file in the environment.
const FileEnv = envPrefix + "CONFIG"

// serviceLinks are the variables that Kubernetes and Docker add to containers
// beside a service named pushd or pushd-…: PUSHD_SERVICE_HOST,
// PUSHD_ADMIN_PORT_8090_TCP_ADDR. Nobody mistyped them, so they are ignored.
var serviceLinks = regexp.MustCompile(`^PUSHD_([A-Z0-9_]+_)?` +
	`(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`)

// readEnv collects the options set in the environment and the name of the
// configuration file, "" for none. An empty variable counts as not set, as
// compose files pass on what is undefined outside.
func readEnv(table []option, environ []string) (v values, configFile string, err error) {
	v = newValues()
	keys := make(map[string]option, len(table))
	names := []string{FileEnv}
	for _, o := range table {
		keys[o.env] = o
		if !o.fileOnly {
			names = append(names, o.env)
		}
	}
	var errs []error
	take := func(name, text string) (string, any) {
		o, known := keys[name]
		switch {
		case name == FileEnv:
			configFile = text
		case known && o.fileOnly:
			errs = append(errs, fmt.Errorf("environment %s: %s can only be set in the file", name, o.key))
		case known && text != "":
			v.set(o.key, text, Source{layerEnv, name})
		case !known && !serviceLinks.MatchString(name):
			errs = append(errs, fmt.Errorf("environment %s: no such option%s", Shorten(name), didYouMean(name, names)))
		}
		return "", nil
	}
	provider := env.Provider("", env.Opt{
		Prefix:        envPrefix,
		TransformFunc: take,
		EnvironFunc:   func() []string { return environ },
	})
	if _, err := provider.Read(); err != nil {
		errs = append(errs, fmt.Errorf("read environment: %w", err))
	}
	return v, configFile, errors.Join(errs...)
}
