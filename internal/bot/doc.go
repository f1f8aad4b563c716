// Package bot is the users that are programs: those built in, echo and help, and those
// of the configuration, whose messages are posted to a webhook. A Directory says which
// there are, which is all that chat asks; Bots run them. They hear chat.MessageSent, and
// what a bot has to say goes out through a function that cmd/pushd takes from the chat
// service; a bot with a webhook may also send later, over the admin API.
//
// A bot never hears another bot, so that two of them can't talk forever.
package bot
