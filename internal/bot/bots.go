package bot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"pushd/internal/account"
	"pushd/internal/chat"
	"pushd/internal/codec"
	"pushd/internal/metrics"
	"pushd/internal/webhook"
)

// Prefix begins a bot's user id; its name follows.
const Prefix = "bot:"

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

// Remote is a bot behind a webhook.
type Remote struct {
	Name     string
	About    string   // one line for people
	Commands []string // what it understands, a line each, for people
	URL      string
	Secret   webhook.Secret
	Timeout  time.Duration // for an answer; 10 s if 0
}

// Options are the bots and their bounds; zero values are the defaults
// that WithDefaults has.
type Options struct {
	Node     string // this node's name
	Remotes  []Remote
	Workers  int           // messages that one bot answers at a time
	Queue    int           // messages that wait for one bot
	RetryFor time.Duration // an answer that comes later answers nothing
}

// WithDefaults replaces zero values by the defaults, which are what the server
// ships with.
func (o Options) WithDefaults() Options {
	if o.RetryFor <= 0 {
		o.RetryFor = time.Minute
	}
	if o.Workers <= 0 {
		o.Workers = 16
	}
	if o.Queue <= 0 {
		o.Queue = 1000
	}
	return o
}

// maxAnswers is how many messages a bot may say to one.
const maxAnswers = 10

// Bots are all bots of a server. Its methods may be called from any goroutine.
type Bots struct {
	// immutable
	send   Send
	log    *slog.Logger
	node   string
	all    []*one // by name
	byName map[string]*one
}

// one is one bot.
type one struct {
	info   Info
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

// Info is a bot as people see it.
type Info struct {
	User     string   `json:"user"`
	Name     string   `json:"name"`
	About    string   `json:"about"`
	Commands []string `json:"commands"`
}

// New makes the bots: echo, help, and the remote ones. The error names what is
// wrong with them.
func New(send Send, o Options, m *metrics.Metrics, log *slog.Logger) (*Bots, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	o = o.WithDefaults()
	b := &Bots{send: send, log: log, node: o.Node, byName: map[string]*one{}}
	list := []*one{
		{info: Info{Name: "echo", About: "Says what it was told."}, think: echo},
		{info: Info{Name: "help", About: "Lists the bots and what they understand."}, think: b.help},
	}
	for _, r := range o.Remotes {
		bot, err := b.remote(r, o, m)
		if err != nil {
			return nil, err
		}
		list = append(list, bot)
	}
	for _, bot := range list {
		if _, twice := b.byName[bot.info.Name]; twice {
			return nil, fmt.Errorf("there are two bots with the name %q", bot.info.Name)
		}
		b.byName[bot.info.Name] = bot
	}
	for _, bot := range list {
		bot.info.User = Prefix + bot.info.Name
		if bot.info.Commands == nil {
			bot.info.Commands = []string{}
		}
		bot.queue = webhook.NewQueue(label(bot.info.Name), func(ctx context.Context, _ string, batch []*heard) error {
			return b.answer(ctx, bot, batch[0])
		}, webhook.QueueOptions{Workers: o.Workers, Items: o.Queue, RetryFor: o.RetryFor}, m, log)
	}
	slices.SortFunc(list, func(x, y *one) int { return strings.Compare(x.info.Name, y.info.Name) })
	b.all = list
	return b, nil
}

// label names a bot in metrics and log.
func label(name string) string { return Prefix + name }

// ValidName returns nil when a bot may have this name: 1 to 32 lower-case
// letters, digits, "-" and "_".
func ValidName(name string) error {
	ok := len(name) >= 1 && len(name) <= 32
	for _, r := range name {
		ok = ok && (r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_')
	}
	if !ok {
		return errors.New("a bot's name is 1 to 32 lower-case letters, digits, - and _")
	}
	return nil
}

// Known implements chat.Bots.
func (b *Bots) Known(name string) bool { return b.byName[name] != nil }

// Said implements chat.Bots. It does not block.
func (b *Bots) Said(m chat.Message, name string) {
	bot := b.byName[name]
	if bot == nil || strings.HasPrefix(m.From, Prefix) {
		return
	}
	switch m.Type {
	case chat.TypeNotice, chat.TypeRecalled, chat.TypeGone:
		return
	}
	m.ClientID = "" // it is between the sender and the server
	bot.queue.Post(m.Conv, size(m), &heard{message: m})
}

// size is about what a message takes.
func size(m chat.Message) int {
	return 256 + len(m.Text) + len(m.URL) + len(m.Name) + len(m.Thumb) + len(m.Data)
}

// answer has the bot think once, and sends what it says until that succeeds.
func (b *Bots) answer(ctx context.Context, bot *one, h *heard) error {
	if !h.asked {
		bodies, err := bot.think(ctx, h.message)
		if err != nil {
			return err
		}
		for i, body := range bodies {
			h.answers = append(h.answers, Answer{
				From: bot.info.User, Conv: h.message.Conv, Body: body,
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
			b.log.Warn("a bot's answer was refused", slog.String("bot", bot.info.Name), slog.String("message", h.message.ID), slog.String("error", e.Msg))
		} else if err != nil {
			return err
		}
		h.answers = h.answers[1:]
	}
	return nil
}

// ListRequest asks for the bots.
type ListRequest struct{}

// ListReply is all of them, by name.
type ListReply struct {
	Bots []Info `json:"bots"`
}

// List is bot.List.
func (b *Bots) List(_ context.Context, id account.Identity, _ ListRequest) (ListReply, error) {
	if id.User == "" && id.Key == "" {
		return ListReply{}, codec.Errorf(codec.CodeUnauthorized, "log in first")
	}
	return ListReply{Bots: b.infos()}, nil
}

func (b *Bots) infos() []Info {
	infos := make([]Info, 0, len(b.all))
	for _, bot := range b.all {
		infos = append(infos, bot.info)
	}
	return infos
}

// Shutdown lets the bots answer what they heard, until ctx is done.
func (b *Bots) Shutdown(ctx context.Context) error {
	var err error
	for _, bot := range b.all {
		err = errors.Join(err, bot.queue.Shutdown(ctx))
		if bot.client != nil {
			bot.client.Close()
		}
	}
	return err
}
