// Package chat is the service for everything that is kept: conversations of two,
// of groups, notifications and durable broadcasts; friends and groups. The doors
// call its methods, all of them func(ctx, account.Identity, Request) (Reply,
// error), and who may do what is decided here, so that no door can forget it. It
// declares the ports it needs in ports.go and knows neither socket nor SQL.
//
// Everything delivered durably is a row of a conversation, whatever the number of
// its receivers. What is unread is computed and never written for each receiver.
package chat
