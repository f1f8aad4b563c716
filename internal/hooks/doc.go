// Package hooks lets a site's own backend take part: it is asked before a
// message is kept and before a user logs in, and told of messages, logins,
// logouts, of whom a message didn't reach, and of the server's own starts and
// stops. It implements chat.Hooks and chat.Offline, and the gateway's port for
// sessions that begin and end. docs/hooks.md has every event as it is sent.
//
// What is asked is waited for, within a short time; what is told is queued and
// never holds anybody up.
package hooks
