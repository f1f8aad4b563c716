package main

import "time"

// HooksConfig says which backend takes part, and in what.
type HooksConfig struct {
	URL         string        `key:"url" default:"" is:"webhook" usage:"Where the site's backend is asked and told, by POST. Empty is nowhere. docs/hooks.md has the events. Plain http to another machine needs hooks.secret."`
	Secret      Secret        `key:"secret" default:"" usage:"What calls are signed with by Standard Webhooks: whsec_ and base64, as printed by 'pushd keys webhook', or @FILE that holds it. Two, separated by a space, both sign while the backend changes from one to the other."`
	Events      []string      `key:"events" default:"message.sent,message.offline,user.login,user.logout,server.started,server.stopped" oneof:"message.before_send|user.before_login|message.sent|message.offline|user.login|user.logout|server.started|server.stopped" usage:"What the backend takes part in. Asked and waited for: message.before_send, user.before_login. Told behind everybody's back: message.sent, message.offline, user.login, user.logout, server.started, server.stopped."`
	OnFailure   string        `key:"on-failure" default:"refuse" oneof:"allow|refuse" usage:"What happens when the backend that is asked doesn't answer in time or not as described: allow goes on without it, refuse answers the client 503."`
	Timeout     time.Duration `key:"timeout" default:"1s" min:"10ms" max:"5s" usage:"Time for an answer to what is asked."`
	Concurrency int           `key:"concurrency" default:"64" min:"1" max:"10000" usage:"Questions at a time; others wait for their turn, within hooks.timeout."`
	Workers     int           `key:"workers" default:"4" min:"1" max:"1000" usage:"Calls at a time that tell the backend."`
	Batch       int           `key:"batch" default:"100" min:"1" max:"10000" usage:"Events that one call tells at most. 1 is a call for each."`
	Queue       int           `key:"queue" default:"100000" min:"1" max:"10000000" usage:"Events that wait in memory to be told. What comes beyond is dropped and counted, and the backend told of it."`
	QueueBytes  Size          `key:"queue-bytes" default:"64MiB" min:"64KiB" max:"16GiB" usage:"Size of the events that wait."`
	RetryFor    time.Duration `key:"retry-for" default:"10m" min:"1s" max:"24h" usage:"How long an event is tried before it is given up."`
}

// OfflineConfig says how phones are woken.
type OfflineConfig struct {
	Gateway  string        `key:"gateway" default:"" is:"webhook" usage:"Where notifications for phones are posted, to be passed on to FCM, APNs or a vendor's service. Empty wakes no phone. docs/offline.md has a whole adapter. Plain http to another machine needs offline.secret."`
	Secret   Secret        `key:"secret" default:"" usage:"What the notifications are signed with, as hooks.secret has it."`
	ShowText bool          `key:"show-text" default:"true" usage:"Notifications show the text of the message; otherwise they show offline.text."`
	Text     string        `key:"text" default:"New message" usage:"What notifications show for messages without a text, and for all of them without offline.show-text."`
	Groups   string        `key:"groups" default:"all" oneof:"all|mention|none" usage:"Which messages of groups wake phones: all, those that mention the user, or none."`
	PerUser  int           `key:"per-user" default:"16" min:"1" max:"1000" usage:"Push tokens that one user may have; beyond it the oldest goes."`
	Batch    int           `key:"batch" default:"500" min:"1" max:"10000" usage:"Notifications in one call at most."`
	Workers  int           `key:"workers" default:"4" min:"1" max:"1000" usage:"Calls at a time."`
	Timeout  time.Duration `key:"timeout" default:"30s" min:"100ms" max:"5m" usage:"Time for one call."`
	Queue    int           `key:"queue" default:"10000" min:"1" max:"10000000" usage:"Messages that wait in memory for their notifications. What comes beyond is dropped and counted."`
	RetryFor time.Duration `key:"retry-for" default:"10m" min:"1s" max:"24h" usage:"How long a notification is tried before it is given up."`
}

// BotConfig is one entry of bots.
type BotConfig struct {
	Name     string        // unique; the bot's user id is bot:NAME
	URL      string        // where messages to it are posted
	Secret   Secret        // what they are signed with, or @FILE
	About    string        // one line for people
	Commands []string      // what it understands, a line each, for people
	Timeout  time.Duration // for an answer; 10s if 0
}
