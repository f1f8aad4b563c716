// Package scenario holds what the load client can do to a server: idle, echo,
// fanout, push, chat, churn, storm and mixed. Each brings up a fleet, does its
// work, counts everything and fills in a report.Result; none prints or exits.
package scenario

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"time"

	"pushd/bench/internal/fleet"
	"pushd/bench/internal/loop"
	"pushd/bench/internal/progress"
	"pushd/bench/internal/wire"
)

// Config is what every scenario needs to know.
type Config struct {
	URL         string // ws://host:port/path
	Admin       string // http://host:port; "": no admin API
	AdminKey    string
	Label       string // what the server is called in the result
	Connections int
	ConnectRate float64 // dials per second
	Sources     int     // loopback source addresses; 0: enough
	Duration    time.Duration
	Heartbeat   time.Duration // 0: none
	Identity    fleet.Identities
	Bare        bool
	Centrifugo  bool // the server speaks Centrifugo's protocol
	Retry       bool // who can't connect tries again; a scenario sets it
	ServerPID   int  // 0: not told
	Progress    *progress.Shower
	Parameters  map[string]any // for the result: every flag as it was given
}

// portsForEach is how many connections share a source address at most. The
// kernel's ephemeral ports are 28,232 by default.
const portsForEach = 10_000

func (c *Config) check() error {
	switch {
	case c.Connections < 1:
		return fmt.Errorf("%d connections: must be at least 1", c.Connections)
	case c.Duration < 0 || c.Heartbeat < 0 || c.ConnectRate < 0 || c.Sources < 0:
		return fmt.Errorf("durations, rates and counts must not be negative")
	case c.Bare && c.Centrifugo:
		return fmt.Errorf("a server is bare or speaks Centrifugo's protocol, not both")
	case c.Bare:
		return nil
	}
	return c.Identity.Check(c.Connections)
}

// fleetOptions resolves the address and plans the connections.
func (c *Config) fleetOptions(ctx context.Context) (fleet.Options, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme != "ws" || u.Hostname() == "" {
		return fleet.Options{}, fmt.Errorf("url %q: must be ws://host:port/path (put TLS in front of the server, not into this client)", c.URL)
	}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", u.Hostname())
	if err != nil {
		return fleet.Options{}, fmt.Errorf("url %q: %w", c.URL, err)
	}
	target, err := netip.ParseAddrPort(net.JoinHostPort(ips[0].Unmap().String(), port))
	if err != nil {
		return fleet.Options{}, fmt.Errorf("url %q: %w", c.URL, err)
	}
	o := fleet.Options{
		Target: target, Request: wire.Request(u.Host, u.RequestURI()), Bare: c.Bare, Centrifugo: c.Centrifugo, Identity: c.Identity,
		Heartbeat: c.Heartbeat, Retry: c.Retry, Dial: loop.Options{Rate: c.ConnectRate},
	}
	if target.Addr().Is4() && target.Addr().IsLoopback() {
		n := c.Sources
		if n == 0 {
			n = max(4, (c.Connections+portsForEach-1)/portsForEach)
		}
		o.Dial.Sources = loop.LoopbackSources(n)
	}
	return o, nil
}
