package push

import (
	"log/slog"
	"time"

	"github.com/jonboulle/clockwork"
)

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
	MaxMessage    int                     // bytes of one message
	ClientPublish func(topic string) bool // whether clients may publish to a topic; to none if nil
	PresenceAll   bool                    // clients may watch everybody, not only users that they name
	// PresenceAnnounce tells every session who comes and goes, watching or not.
	PresenceAnnounce bool
	// TopicPresence says in which topics clients may see each other. In none if nil.
	TopicPresence func(topic string) bool
	MaxRecover    int // bytes of messages in one reply about a topic's past

	MaxHeld      int // pushes held for offline users, in all
	MaxHeldBytes int // bytes of their frames

	IdempotencyWindow time.Duration // how long a key is remembered
	IdempotencyKeys   int           // how many are

	Clock clockwork.Clock // the system's if nil
	Log   *slog.Logger    // slog.DiscardHandler if nil
	Drops Drops           // not counted if nil
}

// WithDefaults replaces zero values by the defaults, which are what the server
// ships with.
func (o Options) WithDefaults() Options {
	o.MaxMessage = or(o.MaxMessage, 64<<10)
	o.MaxRecover = or(o.MaxRecover, 128<<10)
	o.MaxHeld = or(o.MaxHeld, 100_000)
	o.MaxHeldBytes = or(o.MaxHeldBytes, 64<<20)
	o.IdempotencyKeys = or(o.IdempotencyKeys, 100_000)
	o.IdempotencyWindow = or(o.IdempotencyWindow, 10*time.Minute)
	if o.Clock == nil {
		o.Clock = clockwork.NewRealClock()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Drops == nil {
		o.Drops = noDrops{}
	}
	return o
}

type noDrops struct{}

func (noDrops) Dropped(string) {}

func or[T int | time.Duration](v, def T) T {
	if v <= 0 {
		return def
	}
	return v
}
