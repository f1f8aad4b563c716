package config

import (
	"time"

	"pushd/internal/hooks"
	"pushd/internal/webhook"
)

// HooksConfig says which backend takes part, and in what.
type HooksConfig struct {
	URL         string
	Secret      Secret
	Events      []string
	OnFailure   string // allow or refuse
	Timeout     time.Duration
	Concurrency int
	Workers     int
	Batch       int
	Queue       int
	QueueBytes  Size
	RetryFor    time.Duration
}

func hooksSection(c *Config) []option {
	d := hooks.Options{}.WithDefaults()
	return []option{
		opt("hooks.url", &c.Hooks.URL, "", option{
			rule: parseWebhook,
			usage: "Where the site's backend is asked and told, by POST. Empty is nowhere. docs/hooks.md has the events. " +
				"Plain http to another machine needs hooks.secret.",
		}),
		opt("hooks.secret", &c.Hooks.Secret, "", option{
			usage: "What calls are signed with by Standard Webhooks: whsec_ and base64, as printed by 'pushd keys " +
				"webhook', or @FILE that holds it. Two, separated by a space, both sign while the backend changes " +
				"from one to the other.",
		}),
		opt("hooks.events", &c.Hooks.Events, d.Events, option{
			oneof: hooks.Types(),
			usage: "What the backend takes part in. Asked and waited for: message.before_send, user.before_login. Told " +
				"behind everybody's back: message.sent, message.offline, user.login, user.logout, server.started, " +
				"server.stopped.",
		}),
		opt("hooks.on-failure", &c.Hooks.OnFailure, "refuse", option{
			oneof: []string{"allow", "refuse"},
			usage: "What happens when the backend that is asked doesn't answer in time or not as described: allow goes " +
				"on without it, refuse answers the client 503.",
		}),
		opt("hooks.timeout", &c.Hooks.Timeout, d.AskTimeout, option{
			min: "10ms", max: "5s",
			usage: "Time for an answer to what is asked.",
		}),
		opt("hooks.concurrency", &c.Hooks.Concurrency, d.Concurrency, option{
			min: "1", max: "10000",
			usage: "Questions at a time; others wait for their turn, within hooks.timeout.",
		}),
		opt("hooks.workers", &c.Hooks.Workers, d.Workers, option{
			min: "1", max: "1000",
			usage: "Calls at a time that tell the backend.",
		}),
		opt("hooks.batch", &c.Hooks.Batch, d.Batch, option{
			min: "1", max: "10000",
			usage: "Events that one call tells at most. 1 is a call for each.",
		}),
		opt("hooks.queue", &c.Hooks.Queue, d.Queue, option{
			min: "1", max: "10000000",
			usage: "Events that wait in memory to be told. What comes beyond is dropped and counted, and the backend " +
				"told of it.",
		}),
		opt("hooks.queue-bytes", &c.Hooks.QueueBytes, Size(d.QueueBytes), option{
			min: "64KiB", max: "16GiB",
			usage: "Size of the events that wait.",
		}),
		opt("hooks.retry-for", &c.Hooks.RetryFor, d.RetryFor, option{
			min: "1s", max: "24h",
			usage: "How long an event is tried before it is given up.",
		}),
	}
}

// HooksOptions are the options of the hooks. secret is what hooks.secret says or
// what its file holds.
func (c *Config) HooksOptions(secret webhook.Secret) hooks.Options {
	o := c.Hooks
	return hooks.Options{
		// An empty list is none, and not the default.
		URL: o.URL, Secret: secret, Events: append([]string{}, o.Events...), Node: c.Node,
		AskTimeout: o.Timeout, Concurrency: o.Concurrency, Allow: o.OnFailure == "allow",
		Workers: o.Workers, Batch: o.Batch, Queue: o.Queue, QueueBytes: int(o.QueueBytes), RetryFor: o.RetryFor,
	}
}
