package push

import (
	"context"
	"crypto/rand"
	"log/slog"
	"time"

	"github.com/jonboulle/clockwork"
	"github.com/oklog/ulid/v2"

	"pushd/internal/account"
	"pushd/internal/codec"
	"pushd/internal/delivery"
)

// Bounds of one push.
const (
	MaxTargets        = 10_000 // names in all the lists of one push
	MaxBatch          = 1_000  // items of one batch
	MaxTTL            = 24 * time.Hour
	maxIdempotencyKey = 128
)

// PushRequest says what is pushed, and to which receivers. The union of the lists receives it,
// each session once; platforms narrows the result. A topic with a history is by
// itself: its members receive the message there, also if they are named
// elsewhere, unless platforms narrows it: then it has no place in the history.
type PushRequest struct {
	Users     []string         `json:"users,omitempty"`
	Groups    []string         `json:"groups,omitempty"`
	Topics    []string         `json:"topics,omitempty"`
	Sessions  []string         `json:"sessions,omitempty"`
	Platforms []account.PlatID `json:"platforms,omitempty"`
	Message   Message          `json:"message"`
	// Durable asks for storage before the reply: users get it as a notification that
	// stays in their conversations, groups as a message. It is refused where there
	// is no store, with topics, sessions and platforms.
	Durable bool `json:"durable,omitempty"`
	// TTL is how many seconds a push waits in memory for those of the named
	// users that have no matching session; 0 is not at all. A durable one waits in
	// the store, and its content goes after that time; 0 is never.
	TTL int64 `json:"ttl,omitempty"`
	// IdempotencyKey makes a retry safe: the same key of the same API key within
	// the window gives the first reply again and delivers nothing.
	IdempotencyKey string `json:"idempotency_key,omitempty"`
}

// BroadcastRequest is a push to every session.
type BroadcastRequest struct {
	Platforms      []account.PlatID `json:"platforms,omitempty"`
	Message        Message          `json:"message"`
	Durable        bool             `json:"durable,omitempty"`
	TTL            int64            `json:"ttl,omitempty"` // checked; nobody is named, so nothing is held
	IdempotencyKey string           `json:"idempotency_key,omitempty"`
}

// PushReply tells what was known when the push had been queued.
type PushReply struct {
	ID       string   `json:"id"`
	Sessions int      `json:"sessions"`       // sessions that it was queued for
	Users    int      `json:"users"`          // distinct users among them
	Offline  []string `json:"offline"`        // named users with no matching session
	Held     int      `json:"held,omitempty"` // how many of those it waits for
	// Topics are the places that the message has in topics with a history.
	Topics []TopicPosition `json:"topics,omitempty"`
}

// TopicPosition is a place in a topic.
type TopicPosition struct {
	Topic string `json:"topic"`
	Position
}

// BatchItem is one push, or with Everyone one broadcast.
type BatchItem struct {
	Everyone bool `json:"everyone,omitempty"`
	PushRequest
}

// BatchRequest is up to MaxBatch pushes in one call.
type BatchRequest struct {
	Items []BatchItem `json:"items"`
}

// BatchResult is a reply or an error, for the item at the same index.
type BatchResult struct {
	*PushReply
	Error *ItemError `json:"error,omitempty"`
}

// ItemError is why one item failed.
type ItemError struct {
	Code      int    `json:"code"`
	Message   string `json:"message"`
	Temporary bool   `json:"temporary"`
}

// BatchReply has one result for each item, in their order.
type BatchReply struct {
	Results []BatchResult `json:"results"`
}

// pushService pushes what backends send.
type pushService struct {
	// Immutable.
	deliverer  delivery.Deliverer
	directory  Directory
	history    Memory
	durable    Durable // nil without a store
	keys       Idempotency
	platforms  platformNames
	maxMessage int
	clock      clockwork.Clock
	log        *slog.Logger

	ids  *ulid.LockedMonotonicReader
	held *heldPushes
}

func newPushService(ports Ports, platforms platformNames, o Options) *pushService {
	keys := ports.Idempotency
	if keys == nil {
		keys = NewMemoryIdempotency(o)
	}
	return &pushService{
		deliverer:  ports.Deliverer,
		directory:  ports.Directory,
		history:    ports.Topics,
		durable:    ports.Durable,
		keys:       keys,
		platforms:  platforms,
		maxMessage: o.MaxMessage,
		clock:      o.Clock,
		log:        o.Log,
		ids:        &ulid.LockedMonotonicReader{MonotonicReader: ulid.Monotonic(rand.Reader, 0)},
		held:       newHeldPushes(o.MaxHeld, o.MaxHeldBytes, o.Clock, o.Drops),
	}
}

// Push delivers one message. 413 for a message or a list over its bound, 409
// for an idempotency key that was used for something else, 503 when an event
// loop can't take more: some sessions may then have got it.
func (s *pushService) Push(ctx context.Context, id account.Identity, r PushRequest) (PushReply, error) {
	if err := allow(s.log, id, account.ScopePush, "push.send"); err != nil {
		return PushReply{}, err
	}
	return s.pushItem(ctx, id, BatchItem{PushRequest: r})
}

// Broadcast delivers one message to every session, with the errors of Push.
func (s *pushService) Broadcast(ctx context.Context, id account.Identity, r BroadcastRequest) (PushReply, error) {
	if err := allow(s.log, id, account.ScopePush, "push.broadcast"); err != nil {
		return PushReply{}, err
	}
	return s.pushItem(ctx, id, BatchItem{Everyone: true, PushRequest: PushRequest{
		Platforms: r.Platforms, Message: r.Message, Durable: r.Durable, TTL: r.TTL, IdempotencyKey: r.IdempotencyKey,
	}})
}

// Batch delivers up to MaxBatch messages in their order. It fails as a whole
// only when it can't be read; else each item has its own result.
func (s *pushService) Batch(ctx context.Context, id account.Identity, r BatchRequest) (BatchReply, error) {
	if err := allow(s.log, id, account.ScopePush, "push.batch"); err != nil {
		return BatchReply{}, err
	}
	switch {
	case len(r.Items) == 0:
		return BatchReply{}, malformed("items is empty")
	case len(r.Items) > MaxBatch:
		return BatchReply{}, codec.Errorf(codec.CodeTooLarge, "a batch has at most %d items, not %d", MaxBatch, len(r.Items))
	}
	results := make([]BatchResult, len(r.Items))
	for i, item := range r.Items {
		err := ctx.Err()
		if err == nil {
			var reply PushReply
			if reply, err = s.pushItem(ctx, id, item); err == nil {
				results[i].PushReply = &reply
				continue
			}
		}
		e := codec.AsError(err)
		if e.Code == codec.CodeInternal {
			s.log.Error("item of a batch failed", slog.Int("item", i), slog.Any("error", err))
		}
		results[i].Error = &ItemError{Code: e.Code, Message: e.Msg, Temporary: e.Temporary}
	}
	return BatchReply{Results: results}, nil
}

// pushItem checks an item, then delivers it, once for an idempotency key.
func (s *pushService) pushItem(ctx context.Context, id account.Identity, item BatchItem) (PushReply, error) {
	target, set, err := s.target(item)
	if err != nil {
		return PushReply{}, err
	}
	if err := validMessage("message", item.Message, s.maxMessage); err != nil {
		return PushReply{}, err
	}
	deliver := func() (PushReply, error) { return s.deliver(ctx, target, set, item) }
	if item.Durable {
		to, err := s.receivers(item)
		if err != nil {
			return PushReply{}, err
		}
		deliver = func() (PushReply, error) { return s.deliverDurable(ctx, id, to, item) }
	}
	switch {
	case item.TTL < 0 || item.TTL > int64(MaxTTL/time.Second):
		return PushReply{}, malformed("ttl is 0 to %d seconds, not %d", int64(MaxTTL/time.Second), item.TTL)
	case len(item.IdempotencyKey) > maxIdempotencyKey:
		return PushReply{}, malformed("idempotency_key is at most %d bytes long, not %d", maxIdempotencyKey, len(item.IdempotencyKey))
	case item.IdempotencyKey == "":
		return deliver()
	}
	fingerprint, err := fingerprintOf(item)
	if err != nil {
		return PushReply{}, err
	}
	return s.once(ctx, IdempotencyKey{APIKey: id.Key, Key: item.IdempotencyKey}, fingerprint, deliver)
}
