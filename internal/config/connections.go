package config

import (
	"fmt"

	"pushd/internal/gateway"
	"pushd/internal/hub"
	"pushd/internal/node"
	"pushd/internal/poller"
)

// RateConfig bounds what one connection sends.
type RateConfig struct {
	Messages int // a second; 0 is no limit
	Burst    int
}

func connectionsSection(c *Config) []option {
	p, h, g := poller.Options{}.WithDefaults(), hub.Options{}.WithDefaults(), gateway.Options{}.WithDefaults()
	return []option{
		opt("login-timeout", &c.LoginTimeout, g.LoginTimeout, option{
			min: "100ms", max: "1h",
			usage: "Time from the handshake to a successful login; then the connection is closed with 4005.",
		}),
		opt("heartbeat", &c.Heartbeat, g.Heartbeat, option{
			min: "1s", max: "24h",
			usage: "A connection that sends nothing at all for this long is closed with 4102. Clients are told this " +
				"figure at login.",
		}),
		opt("ping", &c.Ping, g.Ping, option{
			min: "0s", max: "24h",
			usage: "Interval of native WebSocket pings from the server, so that clients that know no HeartBeat stay " +
				"connected by answering. 0 sends none.",
		}),
		opt("write-timeout", &c.WriteTimeout, p.WriteTimeout, option{
			min: "100ms", max: "1h",
			usage: "A connection whose oldest queued byte could not be sent for this long is closed with 4101.",
		}),
		opt("send-buffer", &c.SendBuffer, Size(p.SendBuffer), option{
			min: "1KiB", max: "1GiB",
			usage: "Bytes that may wait for a slow client; more closes it with 4101.",
		}),
		opt("max-message", &c.MaxMessage, Size(p.MaxMessage), option{
			min: "128B", max: "64MiB",
			usage: "Size of one message from a client, all its fragments together; more closes it with 1009.",
		}),
		opt("max-fragments", &c.MaxFragments, p.MaxFragments, option{
			min: "1", max: "1000000",
			usage: "Frames that one message may be split into; more closes the connection with 1009.",
		}),
		opt("max-errors", &c.MaxErrors, g.MaxErrors, option{
			min: "1", max: "1000000",
			usage: "Malformed messages in a row that close a connection with 4006.",
		}),
		opt("rate.messages", &c.Rate.Messages, g.MessageRate, option{
			dev: "0", min: "0", max: "1000",
			usage: "Messages a second that one connection may send, heartbeats included; more are answered 429, with how " +
				"long to wait, and count too. 0 is no limit.",
		}),
		opt("rate.burst", &c.Rate.Burst, g.MessageBurst, option{
			min: "1", max: "50000",
			usage: "Messages that one connection may send at once, on top of rate.messages. A connection that goes on " +
				"when it is refused, and sends as many again, is closed with 4103.",
		}),
		opt("max-connections", &c.MaxConnections, p.MaxConnections, option{
			min: "0", max: "100000000",
			usage: "Connections at once on this node. 0 is what the limit on open files (RLIMIT_NOFILE) leaves.",
		}),
		opt("max-connections-per-ip", &c.MaxConnectionsPerIP, p.MaxPerAddress, option{
			min: "0", max: "100000000",
			usage: "Connections at once from one address. 0 is no limit.",
		}),
		opt("handshake-rate-per-ip", &c.HandshakeRatePerIP, p.HandshakeRate, option{
			min: "0", max: "1000000",
			usage: "Opening handshakes a second from one address. 0 is no limit.",
		}),
		opt("resume-window", &c.ResumeWindow, h.ResumeWindow, option{
			min: "0s", max: "24h",
			usage: "Time for which a broken session can be taken up again with its id. 0 turns resuming off.",
		}),
	}
}

func (c *Config) checkConnections() error {
	if c.Ping > 0 && c.Ping >= c.Heartbeat {
		return fmt.Errorf("ping (%s): %s has to be shorter than heartbeat, %s, or clients are closed before they "+
			"are pinged",
			c.Source("ping"), c.Ping, c.Heartbeat)
	}
	return nil
}

func (c *Config) checkRate() error {
	if c.Rate.Burst < c.Rate.Messages {
		return fmt.Errorf("rate.burst (%s): %d is less than the %d messages a second of rate.messages",
			c.Source("rate.burst"), c.Rate.Burst, c.Rate.Messages)
	}
	return nil
}

// PollerOptions are the options of the event loops, complete, as metrics are made
// for the number of loops. files is how many files this process can open, see
// OpenFiles.
func (c *Config) PollerOptions(files int) poller.Options {
	return poller.Options{
		Path:             c.Path,
		Loops:            c.Loops,
		HandshakeTimeout: c.HandshakeTimeout,
		WriteTimeout:     c.WriteTimeout,
		MaxHeader:        int(c.MaxHeader),
		MaxMessage:       int(c.MaxMessage),
		MaxFragments:     c.MaxFragments,
		SendBuffer:       int(c.SendBuffer),
		MaxConnections:   c.connectionLimit(files),
		MaxPerAddress:    c.MaxConnectionsPerIP,
		HandshakeRate:    c.HandshakeRatePerIP,
		Origins:          append([]string{}, c.Origins...), // an empty list is none, and not the default
		TrustedProxies:   c.TrustedProxies,
		QueryToken:       c.Auth.QueryToken,
	}.WithDefaults()
}

// NodeOptions are the options of the node: its event loops and its directory. files
// is as in PollerOptions; the errors are those of Check.
func (c *Config) NodeOptions(files int) (node.Options, error) {
	directory, err := c.HubOptions()
	if err != nil {
		return node.Options{}, err
	}
	return node.Options{Name: c.Node, Poller: c.PollerOptions(files), Hub: directory}, nil
}

// GatewayOptions are the options of the WebSocket door.
func (c *Config) GatewayOptions() gateway.Options {
	rate := c.Rate.Messages
	if rate == 0 {
		rate = -1 // no limit
	}
	workers, queue := c.workerPool()
	return gateway.Options{
		Heartbeat:    c.Heartbeat,
		Ping:         c.Ping,
		LoginTimeout: c.LoginTimeout,
		MaxErrors:    c.MaxErrors,
		Workers:      workers,
		WorkerQueue:  queue,
		NoResume:     c.ResumeWindow == 0,
		MessageRate:  rate,
		MessageBurst: c.Rate.Burst,
	}
}
