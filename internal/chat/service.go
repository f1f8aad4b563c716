package chat

import (
	"crypto/rand"
	"log/slog"
	"time"

	"github.com/oklog/ulid/v2"

	"pushd/internal/delivery"
	"pushd/internal/events"
)

// Ports are what the service needs. The first four are required.
type Ports struct {
	Store     Store
	Deliverer delivery.Deliverer
	Members   delivery.MemberCache // by which groups are delivered to
	Presence  Presence
	Hooks     Hooks       // none if nil
	Bots      Bots        // there are none if nil
	Files     Files       // there are none if nil
	Events    *events.Bus // nobody is told if nil
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
	store     Store
	deliverer delivery.Deliverer
	members   delivery.MemberCache
	presence  Presence
	hooks     Hooks
	bots      Bots
	files     Files
	events    publishers
	opts      Options
	log       *slog.Logger
	ids       *ulid.LockedMonotonicReader

	order     *messageOrder
	oneDevice *oneDevice
	typing    *typingTimes
}

// New makes the service.
func New(p Ports, o Options) *Service {
	o = o.WithDefaults()
	s := &Service{
		store: p.Store, deliverer: p.Deliverer, members: p.Members, presence: p.Presence,
		hooks: p.Hooks, bots: p.Bots, files: p.Files, events: newPublishers(p.Events), opts: o, log: o.Log,
		ids:   &ulid.LockedMonotonicReader{MonotonicReader: ulid.Monotonic(rand.Reader, 0)},
		order: newMessageOrder(), oneDevice: newOneDevice(), typing: newTypingTimes(),
	}
	if p.Events != nil {
		s.subscribeMissed(p.Events)
	}
	return s
}

// now is Unix milliseconds.
func (s *Service) now() int64 { return s.opts.Clock().UnixMilli() }

// newID makes the id of a message or a group.
func (s *Service) newID(now int64) (string, error) {
	id, err := ulid.New(uint64(now), s.ids)
	return id.String(), err
}
