// Package bot is the users that are programs: those built in, echo and help,
// and those of the configuration, whose messages are posted to a webhook. It
// implements chat.Bots. What a bot has to say goes out through a function that
// cmd/pushd wires to the chat service; a bot with a webhook may also send later,
// over the admin API.
//
// A bot never hears another bot, so that two of them can't talk forever.
package bot
