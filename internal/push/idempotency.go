package push

import (
	"container/list"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"pushd/internal/codec"
)

// maxIdempotencyBytes bounds what the remembered replies hold: one that lists
// 10,000 users that are offline is not small.
const maxIdempotencyBytes = 64 << 20

type idempotencyKey struct{ apiKey, key string }

// idempotency remembers replies by key for a window. All entries live equally
// long, so the order of arrival is the order of expiry, and at the bound the
// oldest goes first.
type idempotency struct {
	// Immutable.
	limit  int
	window time.Duration
	clock  Clock
	drops  Drops

	mu      sync.Mutex
	entries map[idempotencyKey]*list.Element // guarded by mu
	order   list.List                        // guarded by mu; of *idempotent, oldest first
	bytes   int                              // guarded by mu
}

// idempotent is one key. reply and err are written before done is closed.
type idempotent struct {
	key     idempotencyKey
	sum     [sha256.Size]byte
	expires time.Time
	done    chan struct{}
	reply   PushReply
	err     error
	size    int // guarded by idempotency.mu
}

func newIdempotency(limit int, window time.Duration, clock Clock, drops Drops) *idempotency {
	return &idempotency{limit: limit, window: window, clock: clock, drops: drops, entries: map[idempotencyKey]*list.Element{}}
}

// fingerprint tells one push from another.
func fingerprint(item BatchItem) ([sha256.Size]byte, error) {
	item.IdempotencyKey = ""
	b, err := json.Marshal(item)
	if err != nil {
		return [sha256.Size]byte{}, fmt.Errorf("fingerprint of a push: %w", err)
	}
	return sha256.Sum256(b), nil
}

var errUnfinished = errors.New("the first push of this idempotency key did not finish")

// once calls deliver for the first who comes with the key, and gives its reply
// to all who come later or wait meanwhile. A failure is given to those that
// wait and then forgotten, so that a retry tries again.
func (i *idempotency) once(ctx context.Context, key idempotencyKey, sum [sha256.Size]byte, deliver func() (PushReply, error)) (PushReply, error) {
	e, first := i.enter(key, sum)
	if !first {
		if e.sum != sum {
			return PushReply{}, codec.Errorf(codec.CodeConflict, "this idempotency_key was used for a different push")
		}
		select {
		case <-e.done:
			return e.reply, e.err
		case <-ctx.Done():
			return PushReply{}, fmt.Errorf("wait for the first push of an idempotency key: %w", ctx.Err())
		}
	}
	e.err = errUnfinished // for those that wait, should deliver panic
	defer i.leave(e)
	e.reply, e.err = deliver()
	return e.reply, e.err
}

func (i *idempotency) enter(key idempotencyKey, sum [sha256.Size]byte) (e *idempotent, first bool) {
	now := i.clock()
	dropped := 0
	i.mu.Lock()
	for f := i.order.Front(); f != nil && !now.Before(entry(f).expires); f = i.order.Front() {
		i.removeLocked(f)
	}
	if known := i.entries[key]; known != nil {
		i.mu.Unlock()
		return entry(known), false
	}
	for f := i.order.Front(); f != nil && (len(i.entries) >= i.limit || i.bytes > maxIdempotencyBytes); f = i.order.Front() {
		i.removeLocked(f)
		dropped++
	}
	e = &idempotent{
		key: idempotencyKey{strings.Clone(key.apiKey), strings.Clone(key.key)},
		sum: sum, expires: now.Add(i.window), done: make(chan struct{}),
	}
	e.size = 256 + len(e.key.apiKey) + len(e.key.key)
	i.bytes += e.size
	i.entries[e.key] = i.order.PushBack(e)
	i.mu.Unlock()
	for range dropped {
		i.drops.Dropped(DropIdempotency)
	}
	return e, true
}

// leave publishes the outcome.
func (i *idempotency) leave(e *idempotent) {
	more := 0
	e.reply.Offline = cloned(e.reply.Offline)
	for _, u := range e.reply.Offline {
		more += len(u) + 16
	}
	close(e.done)
	i.mu.Lock()
	defer i.mu.Unlock()
	el := i.entries[e.key]
	switch {
	case el == nil || entry(el) != e: // went at the bound, and may be back as another
	case e.err != nil:
		i.removeLocked(el)
	default:
		e.size += more
		i.bytes += more
	}
}

func (i *idempotency) removeLocked(el *list.Element) {
	e := entry(el)
	i.order.Remove(el)
	delete(i.entries, e.key)
	i.bytes -= e.size
}

func entry(el *list.Element) *idempotent { return el.Value.(*idempotent) }
