package chat

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"pushd/internal/account"
	"pushd/internal/codec"
	"pushd/internal/delivery"
)

// fromServer is who speaks in what no user wrote; no user id begins with "$".
const fromServer = "$server"

// botPrefix begins the user ids of bots.
const botPrefix = "bot:"

// seat is a user's place in a conversation that he has the right to read.
type seat struct {
	conv string
	kind string
	user string
	peer string // single chat: the other one
	id   string // group: its id
	// Of a group's member; in other conversations what they are for everybody.
	role       Role
	joinSeq    uint64
	readSeq    uint64
	mutedUntil int64
}

// isBot reports whether the other one is a program.
func (p seat) isBot() bool { return strings.HasPrefix(p.peer, botPrefix) }

// asUser refuses who isn't a user.
func asUser(id account.Identity) error {
	switch {
	case id.User != "":
		return nil
	case id.Key != "":
		return forbidden("an API key can't do this; a user can")
	}
	return codec.Errorf(codec.CodeUnauthorized, "log in first")
}

// where is the key of a conversation that a request names by key or by who is at
// its other end.
func (s *Service) where(user, conv, to string) (string, error) {
	switch {
	case conv != "" && to != "":
		return "", malformed("give either conv or to")
	case conv != "":
		return conv, nil
	case to == "":
		return "", malformed("to is missing: user:ID, group:ID or bot:NAME")
	}
	kind, name, _ := strings.Cut(to, ":")
	switch kind {
	case "user", "bot":
		if kind == "bot" {
			name = to
		}
		if err := account.ValidUserID(name); err != nil {
			return "", err
		}
		if name == user {
			return "", malformed("this is yourself")
		}
		return SingleKey(user, name), nil
	case "group":
		if !groupIDFits(name) {
			return "", malformed("a group's id is 1 to %d bytes of printable characters without a leading $", delivery.MaxName)
		}
		return GroupKey(name), nil
	}
	return "", malformed("to is user:ID, group:ID or bot:NAME, not %.64q", to)
}

// sit finds the user's place in a conversation: 400 for what is no key, 403 when
// it isn't his to read, whether or not there is such a conversation.
func (s *Service) sit(ctx context.Context, user, conv string) (seat, error) {
	kind, a, b, ok := ParseKey(conv)
	if !ok {
		return seat{}, malformed("%.64q is not a conversation", conv)
	}
	p := seat{conv: conv, kind: kind, user: user}
	switch kind {
	case KindSingle:
		switch user {
		case a:
			p.peer = b
		case b:
			p.peer = a
		default:
			return seat{}, outside()
		}
	case KindNotice:
		if a != user {
			return seat{}, outside()
		}
	case KindBroadcast:
		h, err := s.store.Head(ctx, user, conv, s.now())
		if err != nil && !missing(err) {
			return seat{}, err
		}
		p.joinSeq, p.readSeq = h.JoinSeq, h.ReadSeq
	case KindGroup:
		m, err := s.store.Member(ctx, conv, user)
		if missing(err) {
			return seat{}, forbidden("you are not a member of this group")
		}
		if err != nil {
			return seat{}, err
		}
		p.id, p.role, p.joinSeq, p.readSeq, p.mutedUntil = a, m.Role, m.JoinSeq, m.ReadSeq, m.MutedUntil
	}
	return p, nil
}

// seatOf is the caller's place in the conversation that his request names.
func (s *Service) seatOf(ctx context.Context, id account.Identity, conv, to string) (seat, error) {
	if err := asUser(id); err != nil {
		return seat{}, err
	}
	conv, err := s.where(id.User, conv, to)
	if err != nil {
		return seat{}, err
	}
	return s.sit(ctx, id.User, conv)
}

func outside() error { return forbidden("this is not a conversation of yours") }

func missing(err error) bool {
	e := codec.AsError(err)
	return e != nil && e.Code == codec.CodeNotFound
}

// mayWrite refuses who may read a conversation but not write in it now. g is the
// group's state, zero elsewhere.
func (s *Service) mayWrite(ctx context.Context, p seat) (g GroupInfo, err error) {
	switch p.kind {
	case KindSingle:
		return g, s.mayWriteTo(ctx, p)
	case KindGroup:
		g, err = s.store.Group(ctx, p.id)
		now := s.now()
		switch {
		case missing(err):
			return g, forbidden("you are not a member of this group")
		case err != nil:
			return g, err
		case p.mutedUntil > now:
			return g, forbidden("you are muted in this group until %s", time.UnixMilli(p.mutedUntil).UTC().Format(time.RFC3339))
		case g.Muted && p.role < RoleAdmin:
			return g, forbidden("this group is muted: only its owner and admins write")
		}
		return g, nil
	}
	return g, forbidden("only the server writes here")
}

func (s *Service) mayWriteTo(ctx context.Context, p seat) error {
	if p.isBot() {
		if s.bots == nil || !s.bots.Known(strings.TrimPrefix(p.peer, botPrefix)) {
			return codec.Errorf(codec.CodeNotFound, "there is no bot %.128s", strings.TrimPrefix(p.peer, botPrefix))
		}
		return nil
	}
	theirs, err := s.store.Relation(ctx, p.peer, p.user)
	if err != nil {
		return err
	}
	if theirs.Blocked {
		return forbidden("this user doesn't take your messages")
	}
	mine, err := s.store.Relation(ctx, p.user, p.peer)
	switch {
	case err != nil:
		return err
	case mine.Blocked:
		return forbidden("you have blocked this user: unblock him to write to him")
	case s.opts.FriendsOnly && mine.State != FriendYes:
		// Not told apart from being blocked by more than it takes to act on it.
		return forbidden("you can write to friends only: ask this user to be one")
	}
	return nil
}

// found is a message that a user names by its id, in a conversation where he has
// a seat.
func (s *Service) found(ctx context.Context, user, id string) (Message, seat, error) {
	if id == "" || len(id) > maxClientID || !printable(id) {
		return Message{}, seat{}, malformed("id is a message's id")
	}
	m, err := s.store.Message(ctx, user, id)
	if err != nil {
		return Message{}, seat{}, err
	}
	p, err := s.sit(ctx, user, m.Conv)
	if err != nil {
		return Message{}, seat{}, err
	}
	if m.Seq <= p.joinSeq {
		return Message{}, seat{}, outside()
	}
	return m, p, nil
}

// refused leaves a trace of who was not allowed what. It is deferred, with the
// place of the error that the operation ends with.
func (s *Service) refused(operation string, id account.Identity, target string, err *error) {
	if e := codec.AsError(*err); e != nil && e.Code == codec.CodeForbidden {
		s.log.Info("refused", slog.String("operation", operation), slog.String("user", id.User),
			slog.String("key", id.Key), slog.String("target", target), slog.String("cause", e.Msg))
	}
}

// Bounds of pages.
const (
	defaultPage = 50
	maxPage     = 200
	// maxReply is how many bytes of messages one reply carries: well below what a
	// connection may have waiting, so that a page doesn't make a slow reader of it.
	maxReply = 128 << 10
)

// pageLimit is how long a page is: the default for 0, and clamped.
func pageLimit(asked int) int {
	if asked == 0 {
		return defaultPage
	}
	return min(max(asked, 1), maxPage)
}

// cost is about what a message takes in a reply.
func cost(m Message) int {
	n := 200 + len(m.Text) + len(m.URL) + len(m.Thumb) + len(m.Name) + len(m.Data)
	for _, u := range m.Mention {
		n += len(u) + 3
	}
	for _, r := range m.Reactions {
		n += 30 + len(r.Sign)
		for _, u := range r.Users {
			n += len(u) + 3
		}
	}
	return n
}

// fitting is how many of the messages a reply of at most the given bytes can carry:
// at least one, if there is one.
func fitting(page []Message, bytes int) int {
	for i := range page {
		if bytes -= cost(page[i]); bytes < 0 && i > 0 {
			return i
		}
	}
	return len(page)
}
