package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"pushd/internal/poller"
)

func generalSection(c *Config) []option {
	return []option{
		opt("dev", &c.Dev, false, option{
			usage: "Development mode: auth.mode open, the admin key is 'dev', clients may publish to every topic and see " +
				"who is online. Whatever is set explicitly wins over these. Never for a server that strangers can " +
				"reach.",
		}),
		opt("node", &c.Node, "", option{
			rule:  parseNode,
			usage: "Name of this node in replies, logs and metrics. Empty is the host name.",
		}),
		opt("data-dir", &c.DataDir, "./data", option{
			rule: parseDirectory,
			usage: "Directory for what the server writes, such as generated keys. It is created with mode 0700 when " +
				"something has to be written.",
		}),
	}
}

func databaseSection(c *Config) []option {
	return []option{
		opt("store", &c.Store, "", option{
			usage: "Where accounts, conversations and groups are kept: sqlite:FILE, a postgres:// address, which several " +
				"nodes can share, @FILE that holds one of these, or none, which leaves push, topics and presence. " +
				"Empty is sqlite:pushd.db in data-dir.",
		}),
	}
}

func publicSection(c *Config) []option {
	p := poller.Options{}.WithDefaults()
	return []option{
		opt("listen", &c.Listen, ":8089", option{
			rule: parseAddress,
			usage: "Address of the public listener, HOST:PORT. No host is every address; port 0 picks a free one and the " +
				"log says which.",
		}),
		opt("path", &c.Path, p.Path, option{
			rule:  parseURLPath,
			usage: "Path of the WebSocket endpoint.",
		}),
		opt("page", &c.Page, true, option{
			usage: "Serve the page at /: a messenger, and a part for developers that shows every frame.",
		}),
		opt("origins", &c.Origins, p.Origins, option{
			rule: parseOrigin,
			usage: "Origins whose pages may connect, each exactly scheme://host[:port]; 'same' is a page from the host " +
				"it connects to. A client that sends no Origin is not a browser and is not checked. An empty list " +
				"refuses every browser.",
		}),
		opt("trusted-proxies", &c.TrustedProxies, nil, option{
			usage: "Addresses or CIDR ranges of the proxies whose X-Forwarded-For is believed. They are exempt from the " +
				"limits per address themselves.",
		}),
		opt("handshake-timeout", &c.HandshakeTimeout, p.HandshakeTimeout, option{
			min: "100ms", max: "10m",
			usage: "Time for the whole opening handshake, from accept to the last header byte.",
		}),
		opt("max-header", &c.MaxHeader, Size(p.MaxHeader), option{
			min: "512B", max: "64KiB",
			usage: "Size of the opening handshake's request line and headers; more is answered 431.",
		}),
		opt("drain", &c.Drain, 10*time.Second, option{
			min: "0s", max: "1h",
			usage: "Time over which connections are closed with 1012 after SIGTERM or SIGINT. A second signal exits at " +
				"once.",
		}),
	}
}

func adminSection(c *Config) []option {
	return []option{
		opt("admin-listen", &c.AdminListen, "127.0.0.1:8090", option{
			rule: parseAddress,
			usage: "Address of the admin listener: push, online, metrics, profiles. Any address but loopback needs " +
				"admin-key or admin.keys.",
		}),
		opt("admin-key", &c.AdminKey, "", option{
			dev: "dev",
			usage: "API key with every scope, or @FILE that holds it. It has at least 16 bytes when admin-listen is not " +
				"on loopback. When neither this nor admin.keys is set, one is generated in data-dir/admin.key.",
		}),
		opt("admin.keys", &c.Admin.Keys, nil, option{
			fileOnly: true,
			usage: "Named API keys: a list of name, secret (the key or @FILE) and scopes (push, read, admin; admin " +
				"implies the others).",
		}),
		opt("pprof", &c.Pprof, true, option{
			usage: "Serve profiles at /debug/pprof/ of the admin listener, to keys with the scope admin.",
		}),
	}
}

func (c *Config) checkListeners() error {
	var errs []error
	// The key of development mode counts as none, and is none to be left in
	// force beside others.
	devKey := c.Source("admin-key").layer == layerDev
	noKey := c.AdminKey == "" && len(c.Admin.Keys) == 0
	if !isLoopback(c.AdminListen) && devKey {
		errs = append(errs, fmt.Errorf("admin-listen (%s): %q can be reached from other machines, where the key "+
			"of development mode is no protection; set admin-key (make one with `pushd keys api`), or listen on 127.0.0.1",
			c.Source("admin-listen"), c.AdminListen))
	}
	if !isLoopback(c.AdminListen) && noKey {
		errs = append(errs, fmt.Errorf("admin-listen (%s): %q can be reached from other machines; set admin-key "+
			"or admin.keys (make a key with `pushd keys api`), or listen on 127.0.0.1",
			c.Source("admin-listen"), c.AdminListen))
	}
	if c.Listen == c.AdminListen && !strings.HasSuffix(c.Listen, ":0") {
		errs = append(errs, fmt.Errorf("admin-listen (%s): is the same address as listen, %q",
			c.Source("admin-listen"), c.Listen))
	}
	if c.Path == "/" && c.Page {
		errs = append(errs, fmt.Errorf("path (%s): / is where the page is served; set page to false or choose "+
			"another path", c.Source("path")))
	}
	return errors.Join(errs...)
}

// ShortKeys reports whether API keys may be short: for development, and on a
// listener that only this machine reaches.
func (c *Config) ShortKeys() bool { return c.Dev || isLoopback(c.AdminListen) }

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
