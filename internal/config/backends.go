package config

import (
	"errors"
	"fmt"
	"net/url"

	"pushd/internal/webhook"
)

// backend is one address that the server calls, as the options have it.
type backend struct {
	key    string // of the option, or of the entry
	source string // where the value came from
	url    string
	secret Secret
}

func (c *Config) backends() []backend {
	all := []backend{
		{"hooks.url", fmt.Sprint(c.Source("hooks.url")), c.Hooks.URL, c.Hooks.Secret},
		{"offline.gateway", fmt.Sprint(c.Source("offline.gateway")), c.Offline.Gateway, c.Offline.Secret},
	}
	for i, b := range c.Bots {
		all = append(all, backend{fmt.Sprintf("bots entry %d: url", i+1), fmt.Sprint(c.Source("bots")), b.URL, b.Secret})
	}
	return all
}

// inTheClear reports whether somebody on the way can read what is posted there,
// and could change it.
func inTheClear(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Scheme == "http" && !isLoopback(u.Host)
}

func (c *Config) checkBackends() error {
	var errs []error
	for _, b := range c.backends() {
		if inTheClear(b.url) && b.secret == "" {
			errs = append(errs, fmt.Errorf("%s (%s): plain http to another machine without a secret, where anybody "+
				"could pass for this server; use https, or set a secret (make one with `pushd keys webhook`)", b.key, b.source))
		}
		if _, file := b.secret.File(); !file {
			if _, err := webhook.ParseSecret(b.secret.Reveal()); err != nil {
				errs = append(errs, fmt.Errorf("%s (%s): its secret: %w", b.key, b.source, err))
			}
		}
	}
	return errors.Join(append(errs, c.checkBots())...)
}

// backendWarnings are what works and is seldom meant.
func (c *Config) backendWarnings() []string {
	var out []string
	for _, b := range c.backends() {
		switch {
		case inTheClear(b.url):
			out = append(out, b.key+" is plain http to another machine: whoever is on the way can read what is sent; "+
				"use https")
		case b.url != "" && b.secret == "":
			out = append(out, b.key+" has no secret: the backend can't tell this server from anybody else who finds "+
				"the address")
		}
	}
	return out
}
