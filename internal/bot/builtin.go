package bot

import (
	"context"
	"strings"

	"pushd/internal/chat"
)

// Names of the bots that are built in.
const (
	echoName = "echo"
	helpName = "help"
)

// echo says what it was told.
func echo(_ context.Context, m chat.Message) ([]chat.Body, error) {
	return []chat.Body{m.Body}, nil
}

// help lists the bots and what they understand.
func (d *Directory) help(context.Context, chat.Message) ([]chat.Body, error) {
	var text strings.Builder
	text.WriteString("You can write to these bots:")
	for _, bot := range d.infos {
		text.WriteString("\n" + bot.User)
		if bot.About != "" {
			text.WriteString(": " + bot.About)
		}
		for _, command := range bot.Commands {
			text.WriteString("\n  " + command)
		}
	}
	return []chat.Body{{Type: chat.TypeText, Text: text.String()}}, nil
}
