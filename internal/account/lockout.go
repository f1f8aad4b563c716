package account

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	"pushd/internal/codec"
	"pushd/internal/recent"
)

// LockoutOptions say how guessing of passwords is slowed. Zero values are the
// defaults that withDefaults has.
//
// A lock on a user's name would let anybody lock that user out, which OWASP's
// Authentication Cheat Sheet warns of. So three things are counted, and what is
// hard on a guesser is never the user's name alone:
//
//   - the pair of user and address: after Free wrong passwords each further one
//     doubles the wait, up to MaxWait. Nobody else is on that pair, but for those
//     who share the user's address; for them there are known devices, below.
//   - the address, whichever user it tries: a bucket of AddressBurst that refills
//     with AddressEvery. A right password takes nothing out of it.
//   - the user, whichever address it comes from, against many machines: a bucket
//     of UserBurst that refills with UserEvery. It doesn't matter to devices and
//     addresses that the user has logged in with before (OWASP: device cookies), and
//     to others the wait is never longer than UserEvery.
//
// A device that the user is logged in with is counted by itself, in place of the
// pair and of the address: guesses from the same address don't lock it.
type LockoutOptions struct {
	Free         int
	MaxWait      time.Duration
	AddressBurst int
	AddressEvery time.Duration
	UserBurst    int
	UserEvery    time.Duration
	// Registrations is how many accounts an address may make in RegisterEvery.
	// Negative is no limit.
	Registrations int
	RegisterEvery time.Duration
	// Entries bounds what is remembered of each kind. Beyond it, the half that was
	// quiet the longest is forgotten.
	Entries int
}

func (o LockoutOptions) withDefaults() LockoutOptions {
	for _, d := range []struct {
		field *int
		value int
	}{
		{&o.Free, 10}, {&o.AddressBurst, 100}, {&o.UserBurst, 20}, {&o.Registrations, 30}, {&o.Entries, 1 << 16},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&o.MaxWait, 15 * time.Minute},
		{&o.AddressEvery, 3 * time.Second},
		{&o.UserEvery, 10 * time.Second},
		{&o.RegisterEvery, time.Minute},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	return o
}

// lockout counts wrong passwords. It is told before a password is looked at, so
// that a thousand tries at once are no better than one after another.
type lockout struct {
	opts LockoutOptions
	now  func() time.Time
	seed maphash.Seed

	mu            sync.Mutex
	pairs         recent.Map[uint64, failures] // by the hash of what is counted; all guarded by mu
	addresses     recent.Map[uint64, bucket]
	users         recent.Map[uint64, bucket]
	registrations recent.Map[uint64, bucket]
}

// failures counts wrong passwords in a row, which are forgotten MaxWait after the
// last.
type failures struct {
	count int
	until time.Time // no try before
}

// bucket is a count that goes down with time.
type bucket struct {
	level float64
	at    time.Time
}

func newLockout(o LockoutOptions, now func() time.Time) *lockout {
	return &lockout{
		opts: o, now: now, seed: maphash.MakeSeed(),
		pairs: recent.New[uint64, failures](o.Entries), addresses: recent.New[uint64, bucket](o.Entries),
		users: recent.New[uint64, bucket](o.Entries), registrations: recent.New[uint64, bucket](o.Entries),
	}
}

// attempt is one check of a password, which counts as a wrong one until it succeeds.
type attempt struct {
	lockout             *lockout
	pair, address, user uint64
	known               bool
}

// begin counts an attempt of a user from an address. device, when not "", is one
// that the user is logged in with; known tells that the device or the address is.
// The error is 429.
func (l *lockout) begin(user string, address netip.Addr, device string, known bool) (*attempt, error) {
	from := network(address)
	a := &attempt{lockout: l, address: l.hashOf("address", from), user: l.hashOf("user", user), known: known}
	if device != "" {
		a.pair = l.hashOf("device", user, device)
	} else {
		a.pair = l.hashOf("pair", user, from)
	}
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	s, _ := l.pairs.Get(a.pair)
	wait := s.until.Sub(now)
	if wait > 0 {
		return nil, tooMany(wait)
	}
	if -wait > l.opts.MaxWait {
		s = failures{}
	}
	addressLevel, wait := bucketLevel(&l.addresses, a.address, now, l.opts.AddressBurst, l.opts.AddressEvery)
	if wait > 0 && device == "" {
		return nil, tooMany(wait)
	}
	userLevel, wait := bucketLevel(&l.users, a.user, now, l.opts.UserBurst, l.opts.UserEvery)
	if wait > 0 && !known {
		return nil, tooMany(wait)
	}
	s.until = now
	if s.count++; s.count >= l.opts.Free {
		s.until = now.Add(min(time.Second<<min(s.count-l.opts.Free, 30), l.opts.MaxWait))
	}
	l.pairs.Put(a.pair, s)
	l.addresses.Put(a.address, bucket{addressLevel + 1, now})
	if !known {
		l.users.Put(a.user, bucket{userLevel + 1, now})
	}
	return a, nil
}

// succeed forgets the wrong passwords of the pair, and no longer counts the attempt
// for its address and its user.
func (a *attempt) succeed() {
	a.lockout.mu.Lock()
	defer a.lockout.mu.Unlock()
	a.lockout.pairs.Delete(a.pair)
	a.refundLocked()
}

// withdraw no longer counts an attempt whose password could not be checked.
func (a *attempt) withdraw() {
	l := a.lockout
	l.mu.Lock()
	defer l.mu.Unlock()
	if s, ok := l.pairs.Get(a.pair); ok {
		s.count, s.until = max(s.count-1, 0), l.now()
		l.pairs.Put(a.pair, s)
	}
	a.refundLocked()
}

func (a *attempt) refundLocked() {
	l := a.lockout
	if b, ok := l.addresses.Get(a.address); ok {
		b.level = max(b.level-1, 0)
		l.addresses.Put(a.address, b)
	}
	if b, ok := l.users.Get(a.user); ok && !a.known {
		b.level = max(b.level-1, 0)
		l.users.Put(a.user, b)
	}
}

// countRegistration counts a registration from an address; the error is 429 and tells
// how long to wait.
func (l *lockout) countRegistration(address netip.Addr) error {
	if l.opts.Registrations < 0 {
		return nil
	}
	key, now := l.hashOf("register", network(address)), l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	every := l.opts.RegisterEvery / time.Duration(l.opts.Registrations)
	level, wait := bucketLevel(&l.registrations, key, now, l.opts.Registrations, every)
	if wait > 0 {
		return retryIn(wait, "too many registrations from this address; try again in %s")
	}
	l.registrations.Put(key, bucket{level + 1, now})
	return nil
}

// bucketLevel is a bucket's level now, and how long until there is room for one more.
func bucketLevel(
	buckets *recent.Map[uint64, bucket], key uint64, now time.Time, size int, every time.Duration,
) (level float64, wait time.Duration) {
	b, ok := buckets.Get(key)
	if !ok {
		return 0, 0
	}
	level = max(0, b.level-float64(now.Sub(b.at))/float64(every))
	if over := level + 1 - float64(size); over > 0 {
		wait = max(time.Duration(over*float64(every)), 1)
	}
	return level, wait
}

// network is what an internet provider gives to one customer: an IPv4 address, or a
// /64 of IPv6.
func network(a netip.Addr) string {
	if a = a.Unmap(); a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}

func (l *lockout) hashOf(parts ...string) uint64 {
	var h maphash.Hash
	h.SetSeed(l.seed)
	for _, p := range parts {
		_, _ = h.WriteString(p) // never fails
		_ = h.WriteByte(0)
	}
	return h.Sum64()
}

func tooMany(wait time.Duration) error {
	return retryIn(wait, "too many wrong passwords; try again in %s")
}

// retryIn is 429 with the time to wait, in whole seconds in the text.
func retryIn(wait time.Duration, format string) error {
	e := codec.Errorf(codec.CodeTooMany, format, max(wait.Round(time.Second), time.Second))
	e.RetryAfter = wait
	return e
}
