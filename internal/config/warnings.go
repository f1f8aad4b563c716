package config

import (
	"fmt"
	"strings"
)

// Warnings are combinations that work and are seldom meant.
func (c *Config) Warnings() []string {
	var out []string
	if c.Dev && !isLoopback(c.Listen) {
		out = append(out, fmt.Sprintf("development mode on %s: everybody who reaches it may log in as anybody", c.Listen))
	} else if c.Auth.Mode == "open" && !isLoopback(c.Listen) {
		out = append(out, fmt.Sprintf("auth.mode is open on %s: everybody who reaches it may log in as anybody", c.Listen))
	}
	if c.MaxMessage > c.SendBuffer {
		out = append(out, fmt.Sprintf("max-message, %s, is over send-buffer, %s: relaying such a message closes "+
			"every receiver", c.MaxMessage, c.SendBuffer))
	}
	for _, key := range []string{"admin-key", "auth.jwt.key", "hooks.secret", "offline.secret"} {
		if o, _ := byKey(allOptions(c), key); c.Source(key).layer == layerFlag && !strings.HasPrefix(o.text(), "@") {
			out = append(out, fmt.Sprintf("--%s on the command line is visible to every user of this machine; use %s "+
				"or a value of the form @FILE", key, o.env))
		}
	}
	if c.Source("store").layer == layerFlag && c.Store.hasPassword() {
		out = append(out, "--store on the command line shows its password to every user of this machine; use "+
			"PUSHD_STORE or a value of the form @FILE")
	}
	if c.Explicit("max-per-platform") && c.MultiLogin != "allow" {
		out = append(out, "max-per-platform only counts with multi-login allow; multi-login is "+c.MultiLogin)
	}
	if strings.HasPrefix(c.Auth.JWT.JWKS, "http://") && !isLoopback(strings.TrimPrefix(c.Auth.JWT.JWKS, "http://")) {
		out = append(out, "auth.jwt.jwks is fetched over http: whoever is on the way can replace the keys; use https")
	}
	out = append(out, c.backendWarnings()...)
	if limit, err := OpenFiles(); err == nil && c.MaxConnections > connectionsWithin(limit) {
		out = append(out, fmt.Sprintf("max-connections, %d, is more than the limit on open files, %d, leaves: %d; "+
			"raise it with ulimit -n or LimitNOFILE",
			c.MaxConnections, limit, connectionsWithin(limit)))
	}
	return out
}
