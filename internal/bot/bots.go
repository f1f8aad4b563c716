package bot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"pushd/internal/chat"
	"pushd/internal/codec"
	"pushd/internal/events"
	"pushd/internal/metrics"
	"pushd/internal/webhook"
)

// Answer is what a bot says.
type Answer struct {
	From     string // the bot's user id
	Conv     string // key of the conversation that the message was in
	Body     chat.Body
	ClientID string // the same when the answer is sent again
}

// Send puts an answer into its conversation. It is called from a worker; an
// error that is temporary has it called again with the same ClientID.
type Send func(ctx context.Context, a Answer) error

// maxAnswers is how many messages a bot may say to one.
const maxAnswers = 10

// Bots run the bots of a directory.
type Bots struct {
	*Directory

	// immutable
	send   Send
	log    *slog.Logger
	node   string
	byName map[string]*listener
}

// listener is one bot that runs.
type listener struct {
	name   string
	think  func(ctx context.Context, m chat.Message) ([]chat.Body, error)
	client *webhook.Client // nil for what is built in
	queue  *webhook.Queue[*heard]
}

// heard is a message on its way through a bot. A worker at a time has it.
type heard struct {
	message chat.Message
	answers []Answer // nil until the bot was asked
	asked   bool
}

// New makes the bots, which hear chat.MessageSent. The error is about the address of a
// remote one.
func New(d *Directory, send Send, bus *events.Bus, m *metrics.Metrics, log *slog.Logger) (*Bots, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	o := d.opts
	b := &Bots{Directory: d, send: send, log: log, node: o.Node, byName: map[string]*listener{
		echoName: {name: echoName, think: echo},
		helpName: {name: helpName, think: d.help},
	}}
	for _, r := range o.Remotes {
		l, err := b.remote(r, o, m)
		if err != nil {
			return nil, err
		}
		b.byName[r.Name] = l
	}
	for name, l := range b.byName {
		l.queue = webhook.NewQueue(label(name), func(ctx context.Context, _ string, batch []*heard) error {
			return b.answer(ctx, l, batch[0])
		}, webhook.QueueOptions{Workers: o.Workers, Items: o.Queue, RetryFor: o.RetryFor}, m, log)
	}
	self := bus.Inline("bots", events.Limit{
		Bound: fmt.Sprintf("%d messages for each bot", o.Queue), AtBound: "the bot does not hear the message",
	})
	events.On(self, b.hear)
	return b, nil
}

// label names a bot in metrics and log.
func label(name string) string { return Prefix + name }

// hear queues a message that is for a bot. It does not block.
func (b *Bots) hear(e chat.MessageSent) {
	name, ok := e.Bot()
	l := b.byName[name]
	if !ok || l == nil {
		return
	}
	m := e.Message
	switch m.Type {
	case chat.TypeNotice, chat.TypeRecalled, chat.TypeGone:
		return
	}
	m.ClientID = "" // it is between the sender and the server
	l.queue.Post(m.Conv, size(m), &heard{message: m})
}

// size is about what a message takes.
func size(m chat.Message) int {
	return 256 + len(m.Text) + len(m.URL) + len(m.Name) + len(m.Thumb) + len(m.Data)
}

// answer has the bot think once, and sends what it says until that succeeds.
func (b *Bots) answer(ctx context.Context, l *listener, h *heard) error {
	if !h.asked {
		bodies, err := l.think(ctx, h.message)
		if err != nil {
			return err
		}
		for i, body := range bodies {
			h.answers = append(h.answers, Answer{
				From: Prefix + l.name, Conv: h.message.Conv, Body: body,
				ClientID: fmt.Sprintf("%s-%d", h.message.ID, i),
			})
		}
		h.asked = true
	}
	for len(h.answers) > 0 {
		err := b.send(ctx, h.answers[0])
		if e, ok := errors.AsType[*codec.Error](err); ok && !e.Temporary {
			// The bot's fault, or there is nobody to answer any more. What else it says
			// may still be good.
			b.log.Warn("a bot's answer was refused",
				slog.String("bot", l.name), slog.String("message", h.message.ID), slog.String("error", e.Msg))
		} else if err != nil {
			return err
		}
		h.answers = h.answers[1:]
	}
	return nil
}

// Shutdown lets the bots answer what they heard, until ctx is done.
func (b *Bots) Shutdown(ctx context.Context) error {
	var err error
	for _, l := range b.byName {
		err = errors.Join(err, l.queue.Shutdown(ctx))
		if l.client != nil {
			l.client.Close()
		}
	}
	return err
}
