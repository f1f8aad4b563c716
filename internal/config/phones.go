package config

import (
	"time"

	"pushd/internal/account"
	"pushd/internal/offline"
	"pushd/internal/webhook"
)

// OfflineConfig says how phones are woken.
type OfflineConfig struct {
	Gateway  string
	Secret   Secret
	ShowText bool
	Text     string
	Groups   string // one of the Groups constants of package offline
	PerUser  int
	Batch    int
	Workers  int
	Timeout  time.Duration
	Queue    int
	RetryFor time.Duration
}

func phonesSection(c *Config) []option {
	d := offline.Options{}.WithDefaults()
	return []option{
		opt("offline.gateway", &c.Offline.Gateway, "", option{
			rule: parseWebhook,
			usage: "Where notifications for phones are posted, to be passed on to FCM, APNs or a vendor's service. Empty " +
				"wakes no phone. docs/offline.md has a whole adapter. Plain http to another machine needs " +
				"offline.secret.",
		}),
		opt("offline.secret", &c.Offline.Secret, "", option{
			usage: "What the notifications are signed with, as hooks.secret has it.",
		}),
		opt("offline.show-text", &c.Offline.ShowText, !d.HideText, option{
			usage: "Notifications show the text of the message; otherwise they show offline.text.",
		}),
		opt("offline.text", &c.Offline.Text, d.Text, option{
			usage: "What notifications show for messages without a text, and for all of them without offline.show-text.",
		}),
		opt("offline.groups", &c.Offline.Groups, d.Groups, option{
			oneof: []string{"all", "mention", "none"},
			usage: "Which messages of groups wake phones: all, those that mention the user, or none.",
		}),
		opt("offline.per-user", &c.Offline.PerUser, d.PerUser, option{
			min: "1", max: "1000",
			usage: "Push tokens that one user may have; beyond it the oldest goes.",
		}),
		opt("offline.batch", &c.Offline.Batch, d.Batch, option{
			min: "1", max: "10000",
			usage: "Notifications in one call at most.",
		}),
		opt("offline.workers", &c.Offline.Workers, d.Workers, option{
			min: "1", max: "1000",
			usage: "Calls at a time.",
		}),
		opt("offline.timeout", &c.Offline.Timeout, offline.GatewayOptions().Timeout, option{
			min: "100ms", max: "5m",
			usage: "Time for one call.",
		}),
		opt("offline.queue", &c.Offline.Queue, d.Queue, option{
			min: "1", max: "10000000",
			usage: "Messages that wait in memory for their notifications. What comes beyond is dropped and counted.",
		}),
		opt("offline.retry-for", &c.Offline.RetryFor, d.RetryFor, option{
			min: "1s", max: "24h",
			usage: "How long a notification is tried before it is given up.",
		}),
	}
}

// OfflineOptions are the options of the service that wakes phones but for its clock.
func (c *Config) OfflineOptions(platforms *account.Platforms) offline.Options {
	o := c.Offline
	return offline.Options{
		PerUser: o.PerUser, HideText: !o.ShowText, Text: o.Text, Groups: o.Groups,
		Workers: o.Workers, Batch: o.Batch, Queue: o.Queue, RetryFor: o.RetryFor, Platforms: platforms,
	}
}

// PhoneGatewayOptions are the options of the calls that offline.gateway gets.
// secret is what offline.secret says or what its file holds.
func (c *Config) PhoneGatewayOptions(secret webhook.Secret) webhook.Options {
	o := offline.GatewayOptions()
	o.URL, o.Secret, o.Timeout, o.Concurrency = c.Offline.Gateway, secret, c.Offline.Timeout, c.Offline.Workers
	return o
}
