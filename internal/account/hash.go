package account

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/argon2"

	"pushd/internal/codec"
)

// Lengths of a password, in bytes.
const (
	minPassword = 8
	maxPassword = 128
)

// HashOptions say how passwords are hashed, by argon2id (RFC 9106). The zero value
// is what OWASP's Password Storage Cheat Sheet asks for at least.
type HashOptions struct {
	Memory  uint32 // KiB
	Passes  uint32
	Threads uint8
	// Parallel is how many are computed at the same time: half of the processors
	// by default, so that event loops always find one.
	Parallel int
	// Queue is how many wait for that. Beyond it the answer is 503.
	Queue int
}

func (o HashOptions) withDefaults() HashOptions {
	if o.Memory == 0 {
		o.Memory = 19 << 10
	}
	if o.Passes == 0 {
		o.Passes = 2
	}
	if o.Threads == 0 {
		o.Threads = 1
	}
	if o.Parallel <= 0 {
		o.Parallel = max(1, runtime.GOMAXPROCS(0)/2)
	}
	if o.Queue <= 0 {
		o.Queue = 64
	}
	return o
}

// hasher computes passwords' hashes, a few at a time.
type hasher struct {
	opts    HashOptions
	slots   chan struct{}
	waiting atomic.Int64
	dummy   string // the hash of a password that nobody has
}

func newHasher(o HashOptions) (*hasher, error) {
	if o.Memory < 8*uint32(o.Threads) || o.Memory > maxMemory || o.Passes > maxPasses {
		return nil, fmt.Errorf("a password hash takes %d KiB to %d KiB and at most %d passes, not %d KiB and %d",
			8*uint32(o.Threads), maxMemory, maxPasses, o.Memory, o.Passes)
	}
	h := &hasher{opts: o, slots: make(chan struct{}, o.Parallel)}
	var err error
	h.dummy, err = h.hash(context.Background(), rand.Text())
	return h, err
}

// acquire waits for a turn; leave gives it back.
func (h *hasher) acquire(ctx context.Context) error {
	select {
	case h.slots <- struct{}{}:
		return nil
	default:
	}
	defer h.waiting.Add(-1)
	if h.waiting.Add(1) > int64(h.opts.Queue) {
		e := codec.Errorf(codec.CodeUnavailable, "too many passwords are being checked; try again in a moment")
		e.RetryAfter = time.Second
		return e
	}
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *hasher) release() { <-h.slots }

// phc is a hash in the PHC string format,
// https://github.com/P-H-C/phc-string-format.
type phc struct {
	memory, passes uint32
	threads        uint8
	salt, key      []byte
}

const (
	saltBytes = 16
	keyBytes  = 32
	// What a stored hash may ask for: a row of the database can't take all memory.
	maxMemory = 4 << 20 // KiB
	maxPasses = 100
)

func (p phc) String() string {
	enc := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s",
		argon2.Version, p.memory, p.passes, p.threads, enc(p.salt), enc(p.key))
}

func parsePHC(text string) (p phc, err error) {
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return p, errors.New("not a hash of argon2id")
	}
	if _, err = fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.memory, &p.passes, &p.threads); err != nil {
		return p, fmt.Errorf("parameters of a hash: %w", err)
	}
	if p.memory == 0 || p.memory > maxMemory || p.passes == 0 || p.passes > maxPasses || p.threads == 0 {
		return p, errors.New("parameters of a hash: out of bounds")
	}
	if p.salt, err = base64.RawStdEncoding.DecodeString(parts[4]); err != nil {
		return p, fmt.Errorf("salt of a hash: %w", err)
	}
	if p.key, err = base64.RawStdEncoding.DecodeString(parts[5]); err != nil || len(p.key) < 16 || len(p.key) > 64 {
		return p, fmt.Errorf("key of a hash, %d bytes: %w", len(p.key), err)
	}
	return p, nil
}

// hash makes the text that is stored in place of a password.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	p := phc{memory: h.opts.Memory, passes: h.opts.Passes, threads: h.opts.Threads, salt: make([]byte, saltBytes)}
	rand.Read(p.salt) // never fails, by its documentation
	if err := h.acquire(ctx); err != nil {
		return "", err
	}
	defer h.release()
	p.key = argon2.IDKey([]byte(password), p.salt, p.passes, p.memory, p.threads, keyBytes)
	return p.String(), nil
}

// compare tells whether a password is the one of the stored hash. With no hash, "",
// it takes as long and is false. outdated tells that the hash was made with other
// parameters.
func (h *hasher) compare(ctx context.Context, stored, password string) (ok, outdated bool, err error) {
	noPassword := stored == ""
	if noPassword {
		stored = h.dummy
	}
	p, err := parsePHC(stored)
	if err != nil {
		return false, false, err
	}
	if err := h.acquire(ctx); err != nil {
		return false, false, err
	}
	defer h.release()
	key := argon2.IDKey([]byte(password), p.salt, p.passes, p.memory, p.threads, uint32(len(p.key)))
	ok = subtle.ConstantTimeCompare(key, p.key) == 1 && !noPassword
	return ok, p.memory != h.opts.Memory || p.passes != h.opts.Passes || p.threads != h.opts.Threads, nil
}

// validPassword is 400 for a password that is too short or too long.
func validPassword(password string) error {
	if len(password) < minPassword || len(password) > maxPassword {
		return passwordLength()
	}
	return nil
}

func passwordLength() error {
	return codec.Errorf(codec.CodeMalformed, "a password is %d to %d bytes long", minPassword, maxPassword)
}
