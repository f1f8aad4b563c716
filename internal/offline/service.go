package offline

import (
	"context"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"pushd/internal/account"
	"pushd/internal/chat"
	"pushd/internal/events"
	"pushd/internal/metrics"
	"pushd/internal/webhook"
)

// queueName is the queue's label in metrics and log; the calls that it makes
// have the client's.
const queueName = "offline"

// Which messages of groups wake phones.
const (
	GroupsAll     = "all"
	GroupsMention = "mention" // those that mention the user
	GroupsNone    = "none"
)

// Ports are what the service needs. Tokens and Events are required.
type Ports struct {
	Tokens  Tokens
	Names   Names       // users are called by their ids if nil
	Gateway Gateway     // tokens are kept and nobody is woken if nil
	Events  *events.Bus // brings chat.MessageMissed
}

// Options are the service's knobs; zero values are the defaults that
// WithDefaults has.
type Options struct {
	PerUser   int           // tokens of one user
	HideText  bool          // notifications don't show what the message says
	Text      string        // what they show then
	Groups    string        // one of the Groups constants
	Workers   int           // batches under way at a time
	Batch     int           // notifications in one
	Queue     int           // missed messages that wait
	RetryFor  time.Duration // until a notification is given up
	Clock     func() time.Time
	Platforms *account.Platforms // required
}

// WithDefaults replaces zero values by the defaults, which are what the server
// ships with.
func (o Options) WithDefaults() Options {
	if o.PerUser <= 0 {
		o.PerUser = 16
	}
	if o.Text == "" {
		o.Text = "New message"
	}
	if o.Groups == "" {
		o.Groups = GroupsAll
	}
	if o.Workers <= 0 {
		o.Workers = 4
	}
	if o.Batch <= 0 {
		o.Batch = 500
	}
	if o.Queue <= 0 {
		o.Queue = 10_000
	}
	if o.RetryFor <= 0 {
		o.RetryFor = 10 * time.Minute
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return o
}

// Service keeps push tokens and wakes phones. Its methods may be called from
// any goroutine.
type Service struct {
	ports Ports
	opts  Options
	log   *slog.Logger
	queue *webhook.Queue[*task]
}

// New makes the service.
func New(p Ports, o Options, m *metrics.Metrics, log *slog.Logger) *Service {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	o = o.WithDefaults()
	s := &Service{ports: p, opts: o, log: log}
	s.queue = webhook.NewQueue(queueName, func(ctx context.Context, _ string, batch []*task) error {
		return s.notify(ctx, batch[0])
	}, webhook.QueueOptions{Workers: o.Workers, Items: o.Queue, RetryFor: o.RetryFor}, m, log)
	if p.Gateway != nil {
		self := p.Events.Inline(queueName, events.Limit{Bound: "offline.queue", AtBound: "phones stay silent"})
		events.On(self, func(e chat.MessageMissed) { s.wake(e.Message, e.Users) })
	}
	return s
}

// task is a message for some of the users that it missed. One worker at a time has
// it.
type task struct {
	message chat.Message
	users   []string
	pending []Notification // what is still to be sent, once looked was set
	looked  bool
}

// usersPerTask is so many that a task's notifications are few batches.
const usersPerTask = 200

// wake queues the notifications for a message. It does not block.
func (s *Service) wake(m chat.Message, users []string) {
	// A notification shows a line of it at most, so that the queue need not keep more.
	m.Text, m.Data, m.Reactions = clip(m.Text), nil, nil
	for chunk := range slices.Chunk(s.toWake(m, users), usersPerTask) {
		size := 512 + len(m.Text) + len(m.Name)
		for _, u := range chunk {
			size += len(u) + 16
		}
		s.queue.Post("", size, &task{message: m, users: chunk})
	}
}

// toWake are those of the users whose phones this message is worth waking.
func (s *Service) toWake(m chat.Message, users []string) []string {
	switch m.Type {
	case chat.TypeRecalled, chat.TypeGone:
		return nil
	case chat.TypeNotice:
		if !strings.HasPrefix(m.Conv, chat.KindNotice+":") {
			return nil // who joined a group can wait
		}
	}
	group := strings.HasPrefix(m.Conv, chat.KindGroup+":")
	if group && s.opts.Groups == GroupsNone {
		return nil
	}
	everyone := !group || s.opts.Groups == GroupsAll || slices.Contains(m.Mention, "*")
	chosen := make([]string, 0, len(users))
	for _, u := range users {
		if u != m.From && (everyone || slices.Contains(m.Mention, u)) {
			chosen = append(chosen, u)
		}
	}
	return chosen
}

// notify is the queue's work.
func (s *Service) notify(ctx context.Context, t *task) error {
	if !t.looked {
		tokens, err := s.ports.Tokens.PushTokens(ctx, t.users)
		if err != nil {
			return err
		}
		if len(tokens) > 0 {
			title := s.title(ctx, t.message)
			for _, token := range tokens {
				t.pending = append(t.pending, s.notification(t.message, title, token))
			}
		}
		t.looked, t.users = true, nil
	}
	var again []Notification
	var gone []Token
	for len(t.pending) > 0 {
		batch := t.pending[:min(s.opts.Batch, len(t.pending))]
		results, err := s.ports.Gateway.Send(ctx, batch)
		if err != nil {
			t.pending = append(again, t.pending...)
			s.forget(ctx, gone)
			return err
		}
		for i, r := range results[:len(batch)] {
			switch n := batch[i]; {
			case r.Gone:
				gone = append(gone, Token{User: n.User, Device: n.Device, Token: n.Token})
			case r.Retry:
				again = append(again, n)
			case r.Error != "":
				s.log.Debug("a notification was refused",
					slog.String("user", n.User), slog.String("provider", n.Provider), slog.String("error", clip(r.Error)))
			}
		}
		t.pending = t.pending[len(batch):]
	}
	s.forget(ctx, gone)
	if t.pending = again; len(again) > 0 {
		return &webhook.CallError{Outcome: webhook.OutcomeStatus, Retry: true}
	}
	return nil
}

// forget takes tokens away that the gateway says are gone. When that can't be
// done now, the gateway will say so again.
func (s *Service) forget(ctx context.Context, gone []Token) {
	if len(gone) == 0 {
		return
	}
	if err := s.ports.Tokens.ForgetPushTokens(ctx, gone); err != nil {
		s.log.Warn("push tokens that are gone can't be removed", slog.Int("tokens", len(gone)), slog.Any("error", err))
	}
}

// title is what the sender is called.
func (s *Service) title(ctx context.Context, m chat.Message) string {
	if strings.HasPrefix(m.From, "$") {
		return "" // the server itself; the app has a name of its own
	}
	if s.ports.Names != nil && m.From != "" {
		// A notification without the name is better than none.
		if users, err := s.ports.Names.Users(ctx, []string{m.From}); err == nil && len(users) == 1 && users[0].Name != "" {
			return users[0].Name
		}
	}
	return m.From
}

func (s *Service) notification(m chat.Message, title string, t Token) Notification {
	return Notification{
		ID: m.ID, User: t.User, Device: t.Device, Provider: t.Provider, Platform: t.Platform, Token: t.Token,
		Title: title, Text: s.text(m), Collapse: m.Conv,
		Data: map[string]string{"conv": m.Conv, "seq": strconv.FormatUint(m.Seq, 10), "from": m.From, "type": m.Type},
	}
}

// text is the line that a notification shows.
func (s *Service) text(m chat.Message) string {
	if s.opts.HideText {
		return s.opts.Text
	}
	switch m.Type {
	case chat.TypeText:
		return clip(m.Text)
	case chat.TypeImage:
		return "[image]"
	case chat.TypeVoice:
		return "[voice]"
	case chat.TypeVideo:
		return "[video]"
	case chat.TypeFile:
		return clip("[file] " + m.Name)
	}
	return s.opts.Text
}

// maxText is how many bytes of a message a notification shows: what push
// services take in all is 4 KiB.
const maxText = 512

func clip(text string) string {
	if len(text) <= maxText {
		return text
	}
	cut := maxText
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}

// Shutdown gives what waits a last try, until ctx is done.
func (s *Service) Shutdown(ctx context.Context) error { return s.queue.Shutdown(ctx) }
