package push

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
)

// Idempotency remembers for a window of time what became of pushes, by the keys
// that backends gave them, so that a retry is not a second push. MemoryIdempotency
// is one; several nodes need one that they share. Package pushtest holds this
// contract as tests.
//
// Of all who claim a key at once, one gets the claim and delivers; the others wait
// for what becomes of it. Whoever has a claim ends it, with Remember or with Forget.
// A claim that nobody ends, as its node died, is forgotten by itself at the end of
// the window at the latest, and the key can be claimed again. Ending a claim that is
// forgotten changes nothing for a later one of the same key, and is no error. An
// implementation may forget keys before their window is over when it has too many.
//
// Nothing of the arguments is retained, except copies. An implementation that can't
// answer returns an error: 503 (temporary) when its store doesn't answer before ctx is
// done.
type Idempotency interface {
	// Claim asks for a key. With a nil reply the caller has the claim. Else somebody
	// claimed the key within the window for a push of the same fingerprint, and the
	// reply is what was remembered. Claim waits for a claim that is not ended, and
	// returns the error that it was forgotten with, or an error that wraps ctx's when
	// that is done first. 409 at once for another fingerprint than the key's.
	Claim(ctx context.Context, key IdempotencyKey, fingerprint Fingerprint) (Claim, *PushReply, error)
	// Remember ends a claim: the reply goes to all who come with the key until the
	// window is over, which began with the claim, and to those that wait.
	Remember(ctx context.Context, claim Claim, reply PushReply) error
	// Forget ends a claim whose push failed. Those that wait get the error, at least
	// its code, text and whether it is temporary; who comes later may claim the key.
	Forget(ctx context.Context, claim Claim, failure error) error
}

// IdempotencyKey is a backend's key for a push. Each API key has its own keys.
type IdempotencyKey struct{ APIKey, Key string }

// Fingerprint tells one push from another.
type Fingerprint [sha256.Size]byte

// Claim is the right, and the duty, to say what became of a key.
type Claim struct {
	Key IdempotencyKey
	// Number tells claims of the same key apart; what it is belongs to the
	// implementation.
	Number uint64
}

// fingerprintOf leaves the key itself out.
func fingerprintOf(item BatchItem) (Fingerprint, error) {
	item.IdempotencyKey = ""
	b, err := json.Marshal(item)
	if err != nil {
		return Fingerprint{}, fmt.Errorf("fingerprint of a push: %w", err)
	}
	return sha256.Sum256(b), nil
}

var errUnfinished = errors.New("the first push of this idempotency key did not finish")

// once calls deliver for the first who comes with the key, and gives its reply to
// all who come later or wait meanwhile. A failure is given to those that wait and
// then forgotten, so that a retry tries again.
func (s *pushService) once(
	ctx context.Context, key IdempotencyKey, fingerprint Fingerprint, deliver func() (PushReply, error),
) (PushReply, error) {
	claim, known, err := s.keys.Claim(ctx, key, fingerprint)
	switch {
	case err != nil:
		return PushReply{}, err
	case known != nil:
		return *known, nil
	}
	failure := errUnfinished // for those that wait, should deliver panic
	var reply PushReply
	defer func() {
		ending := context.WithoutCancel(ctx) // others wait for it, also when this caller went away
		var err error
		if failure != nil {
			err = s.keys.Forget(ending, claim, failure)
		} else {
			err = s.keys.Remember(ending, claim, reply)
		}
		if err != nil {
			s.log.Error("the outcome of an idempotency key is not remembered: a retry may push again, or wait in vain",
				slog.String("key", key.APIKey), slog.Any("error", err))
		}
	}()
	reply, failure = deliver()
	return reply, failure
}
