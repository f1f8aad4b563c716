// Package hooks lets a site's own backend take part: it is asked before a
// message is committed and before a user logs in, and told of messages, logins, logouts,
// of the users that a message did not reach, and of the server's own starts and stops.
// It is chat.Hooks and a part of the gate of logins for what is asked, and subscribes to
// events for what is told. docs/hooks.md has every event as it is sent.
//
// A question is waited for, within a short time; what is told is queued and never holds
// anybody up.
package hooks
