// Package chat is the service for everything that is stored: single chats, groups'
// conversations, notifications and durable broadcasts; friends and groups. The doors
// call its methods, all of them func(ctx, account.Identity, Request) (Reply,
// error), and who may do what is decided here, so that no door can forget it. It
// declares the ports it needs in ports*.go and knows neither socket nor SQL.
//
// Its rooms are its files: conversation_*.go are keys, lists, marks, synchronization;
// message_*.go what happens to messages, from their sending to their end; group_*.go
// groups and their members; friend.go friends. All of them ask authorize.go who may do
// it, tell clients through tell.go, and leave their trace through audit.go.
//
// Everything delivered durably is a row of a conversation, whatever the number of
// its receivers. What is unread is computed and never written for each receiver.
package chat
