package account

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"pushd/internal/codec"
	"pushd/internal/delivery"
	"pushd/internal/events"
)

// Ports are what the service needs.
type Ports struct {
	Store    Store
	Guard    *Guard
	Sessions delivery.Closer
	// Deleting is called before a user is deleted, and what it returns once that is
	// done: whoever remembers the user has to forget, since the id may be another's
	// next. May be nil.
	Deleting func(ctx context.Context, user string) (deleted func(), err error)
	Events   *events.Bus // brings SessionEnded; without it users are seen only when they get tokens
}

// Options are the service's knobs; zero values are the defaults that WithDefaults
// has.
type Options struct {
	Register   bool          // anybody may make an account
	TokenTTL   time.Duration // of access tokens
	RefreshTTL time.Duration // of refresh tokens, from their last use
	MaxDevices int           // places where a user is logged in: the one unused the longest goes
	// RevocationTTL is how long a revocation of all of a user's tokens is remembered:
	// as long as tokens from outside may live, and never less than TokenTTL.
	RevocationTTL time.Duration
	Poll          time.Duration // how often revocations of other nodes are looked for
	KnownUsers    int           // users remembered at most as being there and not disabled
	Hash          HashOptions
	Lockout       LockoutOptions
	Clock         func() time.Time
	Log           *slog.Logger // none if nil
}

// WithDefaults replaces zero values by the defaults, which are what the server
// ships with, also in Hash and Lockout.
func (o Options) WithDefaults() Options {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&o.TokenTTL, time.Hour},
		{&o.RefreshTTL, 30 * 24 * time.Hour},
		{&o.RevocationTTL, 24 * time.Hour},
		{&o.Poll, 2 * time.Second},
	} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	o.RevocationTTL = max(o.RevocationTTL, o.TokenTTL)
	if o.MaxDevices <= 0 {
		o.MaxDevices = 32
	}
	if o.KnownUsers <= 0 {
		o.KnownUsers = 1 << 17
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Hash, o.Lockout = o.Hash.withDefaults(), o.Lockout.withDefaults()
	return o
}

// Service is accounts: registering, logging in and out, profiles, and what
// administrators do with them. Its methods may be called from any goroutine.
type Service struct {
	store     Store
	guard     *Guard
	sessions  delivery.Closer
	deleting  func(ctx context.Context, user string) (func(), error)
	opts      Options
	log       *slog.Logger
	hasher    *hasher
	lockout   *lockout
	admission *admission
	seen      lastSeen
	polled    int64 // id of the last revocation applied; set by Load, then owned by Run

	idsMu sync.Mutex
	ids   *ulid.MonotonicEntropy // guarded by idsMu
}

// New makes the service. Run has to run beside it. Errors are about the options.
func New(p Ports, o Options) (*Service, error) {
	o = o.WithDefaults()
	hasher, err := newHasher(o.Hash)
	if err != nil {
		return nil, err
	}
	s := &Service{
		store: p.Store, guard: p.Guard, sessions: p.Sessions, deleting: p.Deleting, opts: o, log: o.Log,
		hasher: hasher, lockout: newLockout(o.Lockout, o.Clock),
		admission: newAdmission(p.Store, o.KnownUsers, o.Clock),
		seen:      lastSeen{users: map[string]int64{}},
		ids:       ulid.Monotonic(rand.Reader, 0),
	}
	if p.Events != nil {
		s.subscribe(p.Events)
	}
	return s, nil
}

// now is Unix milliseconds.
func (s *Service) now() int64 { return s.opts.Clock().UnixMilli() }

// requireUser is 403 for an API key, which acts for nobody.
func requireUser(id Identity) error {
	if id.User == "" {
		return codec.Errorf(codec.CodeForbidden, "only a user can do this; log in and send the user's token")
	}
	return nil
}

func wrongCredentials() error {
	return codec.Errorf(codec.CodeUnauthorized, "the user or the password is wrong")
}

func disabled() error {
	return codec.Errorf(codec.CodeForbidden, "the account is disabled; ask the administrator of this server")
}

func accountDeleted() error {
	return codec.Errorf(codec.CodeUnauthorized, "the account is deleted")
}
