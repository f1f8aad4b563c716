// Package events is the one stream of what happens inside the server. A service
// publishes facts, each of a Go type of its own that stands in its events.go; whoever
// wants to know them subscribes, and neither knows the other. cmd/pushd makes the Bus
// first and hands it to all. Questions, whose answer changes what happens next (may
// this message be sent, may this user log in?), are ports of the services and never
// events.
//
// An event says what has happened, so it is published after the commit. Nobody may
// change what it points to. Publishing never blocks, and costs neither a lock nor an
// allocation when nobody subscribes.
//
// # Subscribers
//
// Subscriptions are made while the server is put together, before Bus.Start. A
// subscriber gets all its events, of whatever types, in the order in which each
// goroutine published them. There are two kinds:
//
//   - inline: called on the publisher's goroutine, which may be an event loop, so it
//     must not block. It is for who has a bounded queue of its own already.
//   - queued: the events wait in a bounded queue of the bus, and one goroutine hands
//     them over. At the bound the newest is dropped, counted in
//     pushd_events_dropped_total, logged, and told to the subscriber.
//
// A panic in a handler is counted and logged, and ends nothing else.
//
// # The events
//
// A test of cmd/pushd holds these tables to what subscribes there.
//
//	event                 when                                             subscribers
//	account.SessionBegan  a login is admitted, before its session exists   hooks
//	account.SessionEnded  once for each SessionBegan, whatever the way     account hooks
//	chat.MembersChanged   users joined or left a group, or it is gone      none
//	chat.MessageMissed    receivers of a message have no session           hooks offline
//	chat.MessageSent      a message is committed, and on its way           bots chat-missed hooks
//	push.PresenceChanged  a user came online on a platform, or went        push
//	events.ServerStarted  the server is ready for its first client         hooks
//
//	subscriber   kind    bound                           at the bound
//	account      inline  10000 users not written yet     last_seen stays as it was
//	bots         inline  1000 messages for each bot      the bot does not hear the message
//	chat-missed  queued  1024 events                     phones stay silent, and hooks are not told
//	hooks        inline  hooks.queue, hooks.queue-bytes  the backend gets server.lost
//	offline      inline  offline.queue                   phones stay silent
//	push         inline  users of one digest             a digest counts further users without naming them
package events
