package push

import (
	"container/list"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jonboulle/clockwork"

	"pushd/internal/codec"
)

// maxIdempotencyBytes bounds what the remembered replies take: one that lists
// 10,000 users that are offline is not small.
const maxIdempotencyBytes = 64 << 20

// MemoryIdempotency is the Idempotency of one server: it ends with the process. All
// entries live equally long, so the order of arrival is the order of expiry, and at
// the bound the oldest goes first.
type MemoryIdempotency struct {
	// Immutable.
	limit  int
	window time.Duration
	clock  clockwork.Clock
	drops  Drops

	mu      sync.Mutex
	entries map[IdempotencyKey]*list.Element // guarded by mu
	order   list.List                        // guarded by mu; of *idempotent, oldest first
	bytes   int                              // guarded by mu
	claims  map[uint64]*idempotent           // guarded by mu; not ended yet, also of keys that were dropped
	last    uint64                           // guarded by mu; the number of the newest claim
}

// idempotent is one claimed key. reply and err are written before ended is closed.
type idempotent struct {
	claim       Claim
	fingerprint Fingerprint
	expires     time.Time
	ended       chan struct{}
	reply       PushReply
	err         error
	size        int // guarded by MemoryIdempotency.mu
}

var _ Idempotency = (*MemoryIdempotency)(nil)

// NewMemoryIdempotency has no keys yet. Of the options it takes the two about
// idempotency, the clock and what counts drops.
func NewMemoryIdempotency(o Options) *MemoryIdempotency {
	o = o.WithDefaults()
	return &MemoryIdempotency{
		limit: o.IdempotencyKeys, window: o.IdempotencyWindow, clock: o.Clock, drops: o.Drops,
		entries: map[IdempotencyKey]*list.Element{}, claims: map[uint64]*idempotent{},
	}
}

// Claim implements Idempotency.
func (m *MemoryIdempotency) Claim(
	ctx context.Context, key IdempotencyKey, fingerprint Fingerprint,
) (Claim, *PushReply, error) {
	e, first := m.enter(key, fingerprint)
	if first {
		return e.claim, nil, nil
	}
	if e.fingerprint != fingerprint {
		return Claim{}, nil, codec.Errorf(codec.CodeConflict, "this idempotency_key was used for a different push")
	}
	select {
	case <-e.ended:
	case <-ctx.Done():
		return Claim{}, nil, fmt.Errorf("wait for the first push of an idempotency key: %w", ctx.Err())
	}
	if e.err != nil {
		return Claim{}, nil, e.err
	}
	reply := e.reply
	return Claim{}, &reply, nil
}

// enter finds the entry of a key, or makes it.
func (m *MemoryIdempotency) enter(key IdempotencyKey, fingerprint Fingerprint) (e *idempotent, first bool) {
	now := m.clock.Now()
	dropped := 0
	m.mu.Lock()
	for f := m.order.Front(); f != nil && !now.Before(entry(f).expires); f = m.order.Front() {
		m.removeLocked(f)
	}
	if known := m.entries[key]; known != nil {
		m.mu.Unlock()
		return entry(known), false
	}
	for len(m.entries) > 0 && (len(m.entries) >= m.limit || m.bytes > maxIdempotencyBytes) {
		m.removeLocked(m.order.Front())
		dropped++
	}
	m.last++
	e = &idempotent{
		claim:       Claim{IdempotencyKey{strings.Clone(key.APIKey), strings.Clone(key.Key)}, m.last},
		fingerprint: fingerprint, expires: now.Add(m.window), ended: make(chan struct{}),
	}
	e.size = 256 + len(key.APIKey) + len(key.Key)
	m.bytes += e.size
	m.entries[e.claim.Key] = m.order.PushBack(e)
	m.claims[e.claim.Number] = e
	m.mu.Unlock()
	for range dropped {
		m.drops.Dropped(DropIdempotency)
	}
	return e, true
}

// Remember implements Idempotency.
func (m *MemoryIdempotency) Remember(_ context.Context, claim Claim, reply PushReply) error {
	reply.Offline, reply.Topics = cloned(reply.Offline), slices.Clone(reply.Topics)
	more := 0
	for _, u := range reply.Offline {
		more += len(u) + 16
	}
	for i, t := range reply.Topics {
		reply.Topics[i].Topic, reply.Topics[i].Epoch = strings.Clone(t.Topic), strings.Clone(t.Epoch)
		more += len(t.Topic) + len(t.Epoch) + 40
	}
	m.end(claim, reply, nil, more)
	return nil
}

// Forget implements Idempotency.
func (m *MemoryIdempotency) Forget(_ context.Context, claim Claim, failure error) error {
	m.end(claim, PushReply{}, failure, 0)
	return nil
}

// end publishes the outcome, which takes so many more bytes.
func (m *MemoryIdempotency) end(claim Claim, reply PushReply, err error, more int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.claims[claim.Number]
	if e == nil { // ended before
		return
	}
	delete(m.claims, claim.Number)
	e.reply, e.err = reply, err
	close(e.ended)
	el := m.entries[e.claim.Key]
	switch {
	case el == nil || entry(el) != e: // went at the bound, and may be back as another
	case err != nil:
		m.removeLocked(el)
	default:
		e.size += more
		m.bytes += more
	}
}

func (m *MemoryIdempotency) removeLocked(el *list.Element) {
	e := entry(el)
	m.order.Remove(el)
	delete(m.entries, e.claim.Key)
	m.bytes -= e.size
}

func entry(el *list.Element) *idempotent { return el.Value.(*idempotent) }
