package files

import (
	"crypto/rand"
	"log/slog"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
	"golang.org/x/sync/semaphore"

	"pushd/internal/codec"
)

// Options are the service's knobs; zero values are the defaults that WithDefaults
// has. Key has none.
type Options struct {
	Key        []byte        // signs links; at least 32 bytes, the same on every node
	MaxSize    int64         // bytes of a file
	Quota      int64         // bytes of all files of a user
	PerUser    int           // uploads of a user at once
	AtOnce     int           // uploads of all users at once
	MaxPixels  int           // of a picture
	Types      []string      // media types that are taken, also as "audio/*"; DefaultTypes if nil
	LinkTime   time.Duration // for which a link is good at least, twice that at most
	Unattached time.Duration // after which a file that no message carries is removed
	Clock      func() time.Time
	Log        *slog.Logger // slog.DiscardHandler if nil
}

// Bounds that nobody needs to set.
const (
	// uploadTime is after how long an upload under way counts as abandoned; doors end
	// theirs long before.
	uploadTime = time.Hour
	// thumbMemory is how much all thumbnails that are made at the same time may take.
	thumbMemory = 512 << 20
	// thumbSide is the longer side of a thumbnail, in pixels.
	thumbSide = 320
)

// WithDefaults replaces zero values by the defaults, which are what the server
// ships with.
func (o Options) WithDefaults() Options {
	if o.MaxSize <= 0 {
		o.MaxSize = 32 << 20
	}
	if o.Quota <= 0 {
		o.Quota = 1 << 30
	}
	if o.PerUser <= 0 {
		o.PerUser = 4
	}
	if o.AtOnce <= 0 {
		o.AtOnce = 64
	}
	if o.MaxPixels <= 0 {
		o.MaxPixels = 50_000_000
	}
	if o.Types == nil {
		o.Types = DefaultTypes()
	}
	if o.LinkTime <= 0 {
		o.LinkTime = time.Hour
	}
	if o.Unattached <= 0 {
		o.Unattached = 24 * time.Hour
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Service is the file service. Its methods may be called from any goroutine.
type Service struct {
	// Immutable.
	store  Store
	bucket *Bucket
	opts   Options
	types  *types
	log    *slog.Logger
	ids    *ulid.LockedMonotonicReader
	memory *semaphore.Weighted // of thumbMemory

	mu      sync.Mutex
	all     int            // uploads under way; guarded by mu
	perUser map[string]int // guarded by mu; as many as uploads at most
}

// New makes the service. It panics when the key is too short to sign with.
func New(store Store, bucket *Bucket, o Options) *Service {
	if len(o.Key) < 32 {
		panic("files: a key has at least 32 bytes")
	}
	o = o.WithDefaults()
	return &Service{
		store: store, bucket: bucket, opts: o, types: newTypes(o.Types), log: o.Log,
		ids:    &ulid.LockedMonotonicReader{MonotonicReader: ulid.Monotonic(rand.Reader, 0)},
		memory: semaphore.NewWeighted(thumbMemory), perUser: map[string]int{},
	}
}

// MaxSize is how many bytes a file may have.
func (s *Service) MaxSize() int64 { return s.opts.MaxSize }

// now is Unix milliseconds.
func (s *Service) now() int64 { return s.opts.Clock().UnixMilli() }

// acquireUpload takes one of the slots for uploads; releaseUpload gives it back.
func (s *Service) acquireUpload(user string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.perUser[user] >= s.opts.PerUser:
		return retryLater(codec.CodeTooMany,
			"you are uploading %d files already; wait until one of them is done", s.opts.PerUser)
	case s.all >= s.opts.AtOnce:
		return retryLater(codec.CodeUnavailable, "too many files are being uploaded now; try again in a few seconds")
	}
	s.all++
	s.perUser[user]++
	return nil
}

func (s *Service) releaseUpload(user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all--
	if s.perUser[user]--; s.perUser[user] == 0 {
		delete(s.perUser, user)
	}
}

// retryLater is an error of a request that can succeed in a few seconds.
func retryLater(code int, format string, args ...any) error {
	e := codec.Errorf(code, format, args...)
	e.RetryAfter = 5 * time.Second
	return e
}

func forbidden(format string, args ...any) error {
	return codec.Errorf(codec.CodeForbidden, format, args...)
}
