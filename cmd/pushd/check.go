package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"pushd/internal/account"
)

// Check refuses combinations of options that are each fine by themselves. It
// reads no files; LoadKeys checks what keys hold.
func (c *Config) Check() error {
	return errors.Join(
		c.checkListeners(),
		c.checkAdminKeys(),
		c.checkAuth(),
		c.checkConnections(),
		c.checkPlatforms(),
		c.checkMergeWindows(),
		c.checkBackends(),
		c.checkHistories(),
		c.checkRate(),
		c.checkFiles(),
	)
}

func (c *Config) checkMergeWindows() error {
	if _, err := parseMergeWindows(c.Topics.MergeWindow); err != nil {
		return fmt.Errorf("%w (%s)", err, c.source("topics.merge-window"))
	}
	return nil
}

func (c *Config) checkHistories() error {
	if _, err := parseHistories(c.Topics.History); err != nil {
		return fmt.Errorf("%w (%s)", err, c.source("topics.history"))
	}
	return nil
}

func (c *Config) checkRate() error {
	if c.Rate.Burst < c.Rate.Messages {
		return fmt.Errorf("rate.burst (%s): %d is less than the %d messages a second of rate.messages", c.source("rate.burst"), c.Rate.Burst, c.Rate.Messages)
	}
	return nil
}

func (c *Config) checkListeners() error {
	var errs []error
	// The key of development mode counts as none, and is none to be left in
	// force beside others.
	devKey := c.source("admin-key").layer == layerDev
	noKey := c.AdminKey == "" && len(c.Admin.Keys) == 0
	if !isLoopback(c.AdminListen) && devKey {
		errs = append(errs, fmt.Errorf("admin-listen (%s): %q can be reached from other machines, where the key of development mode is no protection; set admin-key (make one with `pushd keys api`), or listen on 127.0.0.1",
			c.source("admin-listen"), c.AdminListen))
	}
	if !isLoopback(c.AdminListen) && noKey {
		errs = append(errs, fmt.Errorf("admin-listen (%s): %q can be reached from other machines; set admin-key or admin.keys (make a key with `pushd keys api`), or listen on 127.0.0.1",
			c.source("admin-listen"), c.AdminListen))
	}
	if c.Listen == c.AdminListen && !strings.HasSuffix(c.Listen, ":0") {
		errs = append(errs, fmt.Errorf("admin-listen (%s): is the same address as listen, %q", c.source("admin-listen"), c.Listen))
	}
	if c.Path == "/" && c.Page {
		errs = append(errs, fmt.Errorf("path (%s): / is where the page is served; set page to false or choose another path", c.source("path")))
	}
	return errors.Join(errs...)
}

func (c *Config) checkAdminKeys() error {
	var errs []error
	fail := func(i int, format string, args ...any) {
		errs = append(errs, fmt.Errorf("admin.keys (%s): entry %d: %w", c.source("admin.keys"), i+1, fmt.Errorf(format, args...)))
	}
	names := map[string]int{}
	for i, key := range c.Admin.Keys {
		if key.Name == "" {
			fail(i, "has no name")
		} else if first, twice := names[key.Name]; twice {
			fail(i, "name %q is taken by entry %d", cut(key.Name), first+1)
		} else {
			names[key.Name] = i
		}
		if key.Secret == "" {
			fail(i, "has no secret")
		}
		if _, err := account.ParseScopes(key.Scopes); err != nil {
			fail(i, "scopes: %w", err)
		}
	}
	return errors.Join(errs...)
}

func (c *Config) checkAuth() error {
	jwt := c.Auth.JWT
	if c.Auth.Mode == "open" {
		return nil
	}
	var errs []error
	if jwt.Algorithm != "HS256" && jwt.Key == "" && jwt.JWKS == "" {
		errs = append(errs, fmt.Errorf("auth.jwt.algorithm (%s): %s needs a public key in auth.jwt.key or auth.jwt.jwks (make a pair with `pushd keys jwt`); only an HS256 secret is generated",
			c.source("auth.jwt.algorithm"), jwt.Algorithm))
	}
	if jwt.ID != "" && jwt.JWKS != "" && jwt.Key == "" {
		errs = append(errs, fmt.Errorf("auth.jwt.id (%s): names auth.jwt.key, which is not set; the keys of auth.jwt.jwks carry their own", c.source("auth.jwt.id")))
	}
	if _, file := jwt.Key.File(); jwt.Key != "" && !file {
		if _, err := account.ParseKey(jwt.ID, jwt.Algorithm, jwt.Key.Reveal()); err != nil {
			errs = append(errs, fmt.Errorf("auth.jwt.key (%s): %w", c.source("auth.jwt.key"), err))
		}
	}
	return errors.Join(errs...)
}

func (c *Config) checkConnections() error {
	if c.Ping > 0 && c.Ping >= c.Heartbeat {
		return fmt.Errorf("ping (%s): %s has to be shorter than heartbeat, %s, or clients are closed before they are pinged",
			c.source("ping"), c.Ping, c.Heartbeat)
	}
	return nil
}

func (c *Config) checkPlatforms() error {
	if _, err := account.NewPlatforms(c.Platforms); err != nil {
		return fmt.Errorf("platforms (%s): %w", c.source("platforms"), err)
	}
	return nil
}

// Warnings are combinations that work and are seldom meant.
func (c *Config) Warnings() []string {
	var out []string
	if c.Dev && !isLoopback(c.Listen) {
		out = append(out, fmt.Sprintf("development mode on %s: everybody who reaches it may log in as anybody", c.Listen))
	} else if c.Auth.Mode == "open" && !isLoopback(c.Listen) {
		out = append(out, fmt.Sprintf("auth.mode is open on %s: everybody who reaches it may log in as anybody", c.Listen))
	}
	if c.MaxMessage > c.SendBuffer {
		out = append(out, fmt.Sprintf("max-message, %s, is over send-buffer, %s: relaying such a message closes every receiver", c.MaxMessage, c.SendBuffer))
	}
	for _, key := range []string{"admin-key", "auth.jwt.key", "hooks.secret", "offline.secret"} {
		if o, _ := byKey(optionTable(), key); c.source(key).layer == layerFlag && !strings.HasPrefix(c.text(o), "@") {
			out = append(out, fmt.Sprintf("--%s on the command line is visible to every user of this machine; use %s or a value of the form @FILE", key, o.env))
		}
	}
	if c.source("store").layer == layerFlag && c.Store.hasPassword() {
		out = append(out, "--store on the command line shows its password to every user of this machine; use PUSHD_STORE or a value of the form @FILE")
	}
	if c.explicit("max-per-platform") && c.MultiLogin != "allow" {
		out = append(out, "max-per-platform only counts with multi-login allow; multi-login is "+c.MultiLogin)
	}
	if strings.HasPrefix(c.Auth.JWT.JWKS, "http://") && !isLoopback(strings.TrimPrefix(c.Auth.JWT.JWKS, "http://")) {
		out = append(out, "auth.jwt.jwks is fetched over http: whoever is on the way can replace the keys; use https")
	}
	out = append(out, c.backendWarnings()...)
	if limit, err := openFiles(); err == nil && c.MaxConnections > connectionsWithin(limit) {
		out = append(out, fmt.Sprintf("max-connections, %d, is more than the limit on open files, %d, leaves: %d; raise it with ulimit -n or LimitNOFILE",
			c.MaxConnections, limit, connectionsWithin(limit)))
	}
	return out
}

// isLoopback reports whether an address HOST:PORT can only be reached from this
// machine. A name other than localhost may mean anything, so it is not.
func isLoopback(address string) bool {
	address, _, _ = strings.Cut(address, "/")
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = strings.Trim(address, "[]")
	}
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}
