package chat

import (
	"context"
	"crypto/rand"
	"log/slog"
	"time"

	"github.com/oklog/ulid/v2"

	"pushd/internal/delivery"
)

// Hooks let a backend take part in sending.
type Hooks interface {
	// BeforeSend may change the draft's body or refuse it: with a *codec.Error.
	BeforeSend(ctx context.Context, d *Draft) error
	// AfterSend is told of every message once it is committed. It does not block.
	AfterSend(m Message)
}

// Offline is told whom a message did not reach, so that their phones can be
// woken. It does not block.
type Offline interface {
	Missed(m Message, users []string)
}

// Bots answer for users that are programs.
type Bots interface {
	// Known tells whether there is a bot of that name; its user id is "bot:" and the name.
	Known(name string) bool
	// Said hands a committed message to a bot. It does not block: what the bot has to say
	// comes through Service.SendAs.
	Said(m Message, name string)
}

// Ports are what the service needs. The first four are required.
type Ports struct {
	Store     Store
	Deliverer delivery.Deliverer
	Members   delivery.MemberCache // by which groups are delivered to
	Presence  Presence
	Hooks     Hooks   // none if nil
	Offline   Offline // nobody is told if nil
	Bots      Bots    // there are none if nil
	Files     Files   // there are none if nil
}

// Options are the service's knobs; zero values are the defaults that WithDefaults
// has.
type Options struct {
	MaxText      int           // bytes of a text
	MaxData      int           // bytes of a custom message's object
	RecallWindow time.Duration // within which a sender can recall
	EditWindow   time.Duration // within which a sender can edit
	GroupLimit   int           // members of a new group
	MaxGroup     int           // the most that a group's limit can be raised to
	MaxFriends   int           // entries in a user's list of friends
	FriendsOnly  bool          // single chat among friends alone
	GroupsOwned  int           // groups that one user can own
	GroupsIn     int           // groups that one user can be in
	Clock        func() time.Time
	Log          *slog.Logger // slog.DiscardHandler if nil
}

// WithDefaults replaces zero values by the defaults, which are what the server
// ships with.
func (o Options) WithDefaults() Options {
	if o.MaxText <= 0 {
		o.MaxText = 16 << 10
	}
	if o.MaxData <= 0 {
		o.MaxData = 32 << 10
	}
	if o.RecallWindow <= 0 {
		o.RecallWindow = 2 * time.Minute
	}
	if o.EditWindow <= 0 {
		o.EditWindow = 15 * time.Minute
	}
	if o.GroupLimit <= 0 {
		o.GroupLimit = 500
	}
	if o.MaxGroup <= 0 {
		o.MaxGroup = 10_000
	}
	if o.MaxFriends <= 0 {
		o.MaxFriends = 5_000
	}
	if o.GroupsOwned <= 0 {
		o.GroupsOwned = 500
	}
	if o.GroupsIn <= 0 {
		o.GroupsIn = 2_000
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Service is the chat service. Its methods may be called from any goroutine.
type Service struct {
	store    Store
	deliver  delivery.Deliverer
	members  delivery.MemberCache
	presence Presence
	hooks    Hooks
	offline  Offline
	bots     Bots
	files    Files
	opts     Options
	log      *slog.Logger
	ids      *ulid.LockedMonotonicReader

	missed  *missed
	alone   *alone
	writing *typing
}

// New makes the service.
func New(p Ports, o Options) *Service {
	o = o.WithDefaults()
	return &Service{
		store: p.Store, deliver: p.Deliverer, members: p.Members, presence: p.Presence, hooks: p.Hooks, offline: p.Offline, bots: p.Bots, files: p.Files, opts: o, log: o.Log,
		ids:    &ulid.LockedMonotonicReader{MonotonicReader: ulid.Monotonic(rand.Reader, 0)},
		missed: newMissed(), alone: newAlone(), writing: newTyping(),
	}
}

// now is Unix milliseconds.
func (s *Service) now() int64 { return s.opts.Clock().UnixMilli() }

// newID makes the id of a message or a group.
func (s *Service) newID(now int64) (string, error) {
	id, err := ulid.New(uint64(now), s.ids)
	return id.String(), err
}
