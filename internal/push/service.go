// Package push is the service that backends and clients push through: pushes
// to users, groups, topics, sessions or everyone, who is online, and presence.
// The doors call its methods, all of them func(ctx, account.Identity, Request)
// (Reply, error), and what each of them may be told is checked here, so that
// no door can forget it. It declares the ports it needs of the node in
// ports.go; it knows no socket and no HTTP, and stores nothing on disk.
//
// Nothing that comes in with a request is retained beyond the call, except
// copies.
package push

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"

	"pushd/internal/account"
	"pushd/internal/codec"
	"pushd/internal/delivery"
)

// Ports are what the service needs of the node, and where groups and durable pushes
// are kept. All but Durable are required.
type Ports struct {
	Deliverer delivery.Deliverer
	Closer    delivery.Closer
	Directory Directory
	Topics    Topics
	Groups    Groups
	Durable   Durable // durable pushes are refused if nil
}

// Drops counts what was given up at a bound. The reason is one of the Drop
// constants.
type Drops interface{ Dropped(reason string) }

// Why something that waited in memory was given up.
const (
	DropHeldExpired      = "held_expired"      // the user did not log in within ttl
	DropHeldUser         = "held_user_full"    // the user's own bound: the oldest goes
	DropHeldAll          = "held_full"         // the bound of all held pushes: the oldest goes
	DropIdempotency      = "idempotency_full"  // a key forgotten before its window was over
	DropPresenceOverflow = "presence_overflow" // a change that a digest counts but doesn't list
)

// Options are the service's knobs; zero values are the defaults that WithDefaults
// has, where nothing else is said.
type Options struct {
	MaxMessage    int      // bytes of one message
	ClientPublish []string // prefixes of the topics that clients may publish to; "*" is all; none if empty
	PresenceAll   bool     // clients may watch everybody, not only users that they name
	// PresenceAnnounce tells every session who comes and goes, watching or not.
	PresenceAnnounce bool
	// TopicPresence says in which topics clients may see each other. In none if nil.
	TopicPresence func(topic string) bool
	MaxRecover    int // bytes of messages in one reply about a topic's past

	MaxHeld      int // pushes held for offline users, in all
	MaxHeldBytes int // bytes of their frames

	MaxGroupMembers int // users that GroupFromOnline puts into a group

	IdempotencyWindow time.Duration // how long a key is remembered
	IdempotencyKeys   int           // how many are

	Clock Clock        // time.Now if nil
	Log   *slog.Logger // slog.DiscardHandler if nil
	Drops Drops        // not counted if nil
}

// WithDefaults replaces zero values by the defaults, which are what the server
// ships with.
func (o Options) WithDefaults() Options {
	o.MaxMessage = or(o.MaxMessage, 64<<10)
	o.MaxRecover = or(o.MaxRecover, 128<<10)
	o.MaxGroupMembers = or(o.MaxGroupMembers, MaxGroupMembers)
	o.MaxHeld = or(o.MaxHeld, 100_000)
	o.MaxHeldBytes = or(o.MaxHeldBytes, 64<<20)
	o.IdempotencyKeys = or(o.IdempotencyKeys, 100_000)
	o.IdempotencyWindow = or(o.IdempotencyWindow, 10*time.Minute)
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Drops == nil {
		o.Drops = noDrops{}
	}
	return o
}

// Service is the push service. Its methods may be called from any goroutine.
type Service struct {
	// Immutable after New.
	ports     Ports
	platforms *account.Platforms
	opts      Options
	clock     Clock
	log       *slog.Logger

	ids     *ulid.LockedMonotonicReader
	keys    *idempotency
	held    *held
	changes *changes  // for who watches
	crowd   *changes  // for everybody, with Options.PresenceAnnounce
	told    time.Time // when everybody was told last; owned by the goroutine

	// watched turns true at the first presence subscription and stays so; until
	// then nobody's coming and going is worth recording.
	watched atomic.Bool

	stop    chan struct{}
	stopped chan struct{}
	started atomic.Bool
	once    sync.Once
}

type noDrops struct{}

func (noDrops) Dropped(string) {}

// New makes a service. It holds pushes and collects presence only once Start
// was called.
func New(ports Ports, platforms *account.Platforms, o Options) *Service {
	o = o.WithDefaults()
	return &Service{
		ports:     ports,
		platforms: platforms,
		opts:      o,
		clock:     o.Clock,
		log:       o.Log,
		ids:       &ulid.LockedMonotonicReader{MonotonicReader: ulid.Monotonic(rand.Reader, 0)},
		keys:      newIdempotency(o.IdempotencyKeys, o.IdempotencyWindow, o.Clock, o.Drops),
		held:      newHeld(o.MaxHeld, o.MaxHeldBytes, o.Clock, o.Drops),
		changes:   newChanges(o.Drops),
		crowd:     newChanges(o.Drops),
		stop:      make(chan struct{}),
		stopped:   make(chan struct{}),
	}
}

func or[T int | time.Duration](v, def T) T {
	if v <= 0 {
		return def
	}
	return v
}

// digestEvery is how often presence digests are sent and what is held is
// looked over.
const digestEvery = time.Second

// Start starts the one goroutine that sends presence digests and delivers what
// was held. It is stopped by Shutdown.
func (s *Service) Start() {
	if !s.started.CompareAndSwap(false, true) {
		panic("push: Start called twice")
	}
	go s.run()
}

// Shutdown stops the goroutine and waits for it. What is still held is lost:
// it was promised to live in memory only.
func (s *Service) Shutdown(ctx context.Context) error {
	s.once.Do(func() { close(s.stop) })
	if !s.started.Load() {
		return nil
	}
	select {
	case <-s.stopped:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("push service did not stop: %w", ctx.Err())
	}
}

func (s *Service) run() {
	defer close(s.stopped)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() { // a delivery under way ends with the service
		select {
		case <-s.stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	tick := time.NewTicker(digestEvery)
	defer tick.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-s.held.wake:
			s.deliverHeld(ctx)
		case <-tick.C:
			s.held.expire()
			s.deliverHeld(ctx)
			s.digest(ctx)
			s.announce(ctx)
			s.topicDigests(ctx)
		}
	}
}

// Presence is told of every user that comes online on a platform (its first
// session there) and goes offline (its last). It never blocks and does not
// retain user.
func (s *Service) Presence(user string, platform account.Platform, online bool) {
	if online {
		s.held.arrived(user)
	}
	if s.watched.Load() {
		s.changes.record(user, platform, online)
	}
	if s.opts.PresenceAnnounce {
		s.crowd.record(user, platform, online)
	}
}

// allow refuses an identity without the scope, and leaves a trace of that.
func (s *Service) allow(id account.Identity, scope account.Scope, operation string) error {
	err := id.Allow(scope)
	if err != nil {
		s.log.Info("refused", slog.String("operation", operation), slog.String("key", id.Key),
			slog.String("user", id.User), slog.String("cause", err.Error()))
	}
	return err
}

// newID is a ULID: 26 characters that sort by the time they were made, also
// within a millisecond.
func (s *Service) newID() (string, error) {
	id, err := ulid.New(ulid.Timestamp(s.clock()), s.ids)
	if err != nil {
		return "", fmt.Errorf("make a push id: %w", err)
	}
	return id.String(), nil
}

// platformNames turns what a caller calls platforms into their names, which
// is what the ports are given.
func (s *Service) platformNames(ids []account.PlatID) ([]string, uint64, error) {
	if len(ids) == 0 {
		return nil, 0, nil
	}
	names := make([]string, 0, len(ids))
	var set uint64
	for _, id := range ids {
		p, err := s.platforms.Parse(string(id))
		if err != nil {
			return nil, 0, err
		}
		if bit := uint64(1) << p; set&bit == 0 {
			set |= bit
			names = append(names, s.platforms.Name(p))
		}
	}
	return names, set, nil
}

// platformSet is the reverse, for names that the Directory gave.
func (s *Service) platformSet(names []string) uint64 {
	var set uint64
	for _, n := range names {
		if p, err := s.platforms.Parse(n); err == nil {
			set |= 1 << p
		}
	}
	return set
}

// platformList names the platforms of a set in ascending order.
func (s *Service) platformList(set uint64) []string {
	names := []string{}
	for p := range account.Platform(64) {
		if set&(1<<p) != 0 {
			names = append(names, s.platforms.Name(p))
		}
	}
	return names
}

func malformed(format string, args ...any) error {
	return codec.Errorf(codec.CodeMalformed, format, args...)
}
