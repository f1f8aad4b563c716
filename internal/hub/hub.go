package hub

import (
	crand "crypto/rand"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// Loops runs work on the event loops. run is called on the loop; while it
// returns true it is called again after the loop has looked at its sockets.
// Post never blocks and never calls run itself; it reports false when the
// loop's mailbox is full or the loop has stopped.
type Loops interface {
	Len() int
	Post(loop int, run func() (more bool)) bool
}

// Policy says what happens to a second login of one user on one platform.
type Policy uint8

const (
	PolicyReplace Policy = iota // the older session goes
	PolicyRefuse                // the newer login is refused
	PolicyAllow                 // both stay, up to Options.MaxPerPlatform
)

// Options are the hub's bounds and behaviour; zero values are the defaults that
// WithDefaults has, where nothing else is said.
type Options struct {
	Policy         Policy
	MaxPerPlatform int // sessions of one user on one platform under PolicyAllow
	MaxPerUser     int // sessions of one user in all

	MaxTopics           int // with subscribers, at once
	MaxTopicsPerSession int // at most 65,535
	MaxTopicsPerUser    int // subscriptions of all sessions of one user
	MaxApps             int // application names told apart, at most 65,535

	// MergeWindow says how long a frame to a topic waits for others to the same
	// topic, so that all leave in one write to each member; 0 is not at all, and
	// then only what arrives within one turn of a loop is joined. It is asked
	// when a topic comes into being. Default: never.
	MergeWindow func(topic string) time.Duration

	// History says how much of a topic is remembered. Default: nothing of any.
	// What it says of a topic must not change.
	History         func(topic string) History
	MaxHistory      int // topics remembered, with subscribers or without
	MaxHistoryBytes int // bytes of all that is remembered

	// Roster says of which topics the users are known, for Roster and
	// TopicChanges. It is asked when a topic comes into being. Default: of none.
	Roster func(topic string) bool

	Slice     int // members written to in one turn of a loop
	MaxQueued int // bytes of deliveries waiting for one loop

	ResumeWindow time.Duration // how long a lost session's topics are kept
	MaxParked    int           // lost sessions kept

	Now func() time.Time

	// Presence is told of the first session of a user on a platform and of the
	// end of the last one, on the loop that called Add or Remove and outside all
	// locks. A login that replaces another one is neither. When one user goes on
	// one loop and comes on another in the same instant, the two calls may arrive
	// in either order: who needs the state as it is asks UserPlatforms.
	Presence func(user string, platform uint8, online bool)
}

// WithDefaults replaces zero values by the defaults, which are what the server
// ships with.
func (o Options) WithDefaults() Options {
	for _, d := range []struct {
		field *int
		value int
	}{
		{&o.MaxPerPlatform, 8},
		{&o.MaxPerUser, 64},
		{&o.MaxTopics, 100_000},
		{&o.MaxTopicsPerSession, 128},
		{&o.MaxTopicsPerUser, 512},
		{&o.MaxHistory, 10_000},
		{&o.MaxHistoryBytes, 64 << 20},
		{&o.MaxApps, 1024},
		{&o.Slice, 64},
		{&o.MaxQueued, 64 << 20},
		{&o.MaxParked, 100_000},
	} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	o.MaxApps = min(o.MaxApps, 1<<16-1)
	o.MaxTopicsPerSession = min(o.MaxTopicsPerSession, 1<<16-1)
	if o.ResumeWindow <= 0 {
		o.ResumeWindow = time.Minute
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

const (
	shardBits = 8
	shards    = 1 << shardBits
)

// shardOf takes the top bits: Go's maps use other bits of their own hash, and
// hash order is then the order of shards, which OnlineUsers pages by.
func shardOf(key uint64) int { return int(key >> (64 - shardBits)) }

// Hub is the directory of one node. Its methods may be called from any
// goroutine, except those that say that they belong on a session's loop.
type Hub struct {
	// Immutable.
	opt   Options
	loops []*loop
	hash  func(user string) uint64

	// Sharded; DESIGN.md has the order of the locks.
	users    [shards]userShard
	sessions [shards]sessionShard
	topics   [shards]topicShard
	parked   parking
	apps     apps
	memories memories
	rosters  rosters

	online     atomic.Int64 // distinct users
	topicCount atomic.Int64
	orphans    atomic.Int64 // replaced sessions that their own loop has not removed yet
	stat       counters
}

// New returns an empty hub over the given loops.
func New(loops Loops, opt Options) (*Hub, error) {
	n := loops.Len()
	if n < 1 || n > 1<<16 {
		return nil, fmt.Errorf("hub: %d event loops, need 1 to 65536", n)
	}
	opt = opt.WithDefaults()
	seed := maphash.MakeSeed()
	h := &Hub{
		opt:   opt,
		loops: make([]*loop, n),
		hash:  func(user string) uint64 { return maphash.String(seed, user) },
	}
	for i := range h.users {
		h.users[i].chains.keyOf = func(s *Session) uint64 { return h.hash(s.User) }
		h.sessions[i].byID.keyOf = func(s *Session) uint64 { return s.ID }
	}
	h.apps.init()
	h.memories.epoch.Store(newEpoch())
	for i := range h.loops {
		var key [32]byte
		crand.Read(key[:]) // never fails, by its documentation
		h.loops[i] = newLoop(i, loops, opt, rand.NewChaCha8(key))
	}
	return h, nil
}
