package push

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

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

// PushRequest says what is pushed to whom. The union of the lists receives it,
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

// Push delivers one message. 413 for a message or a list over its bound, 409
// for an idempotency key that was used for something else, 503 when an event
// loop can't take more: some sessions may then have got it.
func (s *Service) Push(ctx context.Context, id account.Identity, r PushRequest) (PushReply, error) {
	if err := s.allow(id, account.ScopePush, "push"); err != nil {
		return PushReply{}, err
	}
	return s.push(ctx, id, BatchItem{PushRequest: r})
}

// Broadcast delivers one message to every session, with the errors of Push.
func (s *Service) Broadcast(ctx context.Context, id account.Identity, r BroadcastRequest) (PushReply, error) {
	if err := s.allow(id, account.ScopePush, "broadcast"); err != nil {
		return PushReply{}, err
	}
	return s.push(ctx, id, BatchItem{Everyone: true, PushRequest: PushRequest{
		Platforms: r.Platforms, Message: r.Message, Durable: r.Durable, TTL: r.TTL, IdempotencyKey: r.IdempotencyKey,
	}})
}

// Batch delivers up to MaxBatch messages in their order. It fails as a whole
// only when it can't be read; else each item has its own result.
func (s *Service) Batch(ctx context.Context, id account.Identity, r BatchRequest) (BatchReply, error) {
	if err := s.allow(id, account.ScopePush, "batch"); err != nil {
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
			if reply, err = s.push(ctx, id, item); err == nil {
				results[i].PushReply = &reply
				continue
			}
		}
		e := codec.AsError(err)
		if e.Code == codec.CodeInternal {
			s.log.Error("item of a batch failed", slog.Int("item", i), slog.Any("cause", err))
		}
		results[i].Error = &ItemError{Code: e.Code, Message: e.Msg, Temporary: e.Temporary}
	}
	return BatchReply{Results: results}, nil
}

// push checks an item, then delivers it, once for an idempotency key.
func (s *Service) push(ctx context.Context, id account.Identity, item BatchItem) (PushReply, error) {
	target, set, err := s.target(item)
	if err != nil {
		return PushReply{}, err
	}
	if err := s.checkMessage("message", item.Message); err != nil {
		return PushReply{}, err
	}
	deliver := func() (PushReply, error) { return s.deliver(ctx, target, set, item) }
	if item.Durable {
		to, err := s.durable(item)
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
	sum, err := fingerprint(item)
	if err != nil {
		return PushReply{}, err
	}
	return s.keys.once(ctx, idempotencyKey{id.Key, item.IdempotencyKey}, sum, deliver)
}

func (s *Service) deliver(ctx context.Context, to delivery.Target, platforms uint64, item BatchItem) (PushReply, error) {
	frame, err := messagePush.With(item.Message).Frame()
	if err != nil {
		return PushReply{}, err
	}
	id, err := s.newID()
	if err != nil {
		return PushReply{}, err
	}
	var remembered []string
	to.Topics, remembered = s.split(to)
	var receipt delivery.Receipt
	if len(remembered) == 0 || !to.Empty() {
		receipt, err = s.ports.Deliverer.Deliver(ctx, to, frame)
	}
	reply := PushReply{ID: id, Sessions: receipt.Sessions, Users: receipt.Users, Offline: notNil(receipt.Offline)}
	for _, topic := range remembered {
		// A loop that was busy before is no reason to leave a gap in the history.
		at, publishErr := s.publish(ctx, topic, item.Message, &reply)
		err = errors.Join(err, publishErr)
		reply.Topics = append(reply.Topics, TopicPosition{topic, at})
	}
	if err != nil {
		return PushReply{}, err
	}
	if item.TTL > 0 && len(reply.Offline) > 0 {
		reply.Held = s.hold(ctx, reply.Offline, to.Platforms, platforms, frame, time.Duration(item.TTL)*time.Second)
	}
	return reply, nil
}

// split takes those topics out that have a history. What is for some platforms
// only is remembered nowhere: others would find a gap.
func (s *Service) split(to delivery.Target) (plain, remembered []string) {
	if len(to.Platforms) > 0 {
		return to.Topics, nil
	}
	for _, t := range to.Topics {
		switch {
		case !s.ports.Topics.Remembers(t):
			plain = append(plain, t)
		case !slices.Contains(remembered, t):
			remembered = append(remembered, t)
		}
	}
	return plain, remembered
}

// publish gives a backend's message its place in a topic.
func (s *Service) publish(ctx context.Context, topic string, m Message, reply *PushReply) (Position, error) {
	stamp, err := messagePush.With(m).Stamp(topic)
	if err != nil {
		return Position{}, err
	}
	receipt, at, err := s.ports.Topics.Publish(ctx, topic, "", stamp)
	reply.Sessions += receipt.Sessions
	reply.Users += receipt.Users
	return at, err
}

// target checks whom an item names.
func (s *Service) target(item BatchItem) (delivery.Target, uint64, error) {
	names, set, err := s.platformNames(item.Platforms)
	if err != nil {
		return delivery.Target{}, 0, err
	}
	n := len(item.Users) + len(item.Groups) + len(item.Topics) + len(item.Sessions)
	switch {
	case item.Everyone && n > 0:
		return delivery.Target{}, 0, malformed("everyone is everyone: leave users, groups, topics and sessions out")
	case item.Everyone:
		return delivery.Target{Everyone: true, Platforms: names}, set, nil
	case n == 0:
		return delivery.Target{}, 0, malformed("nobody is named: give users, groups, topics or sessions")
	case n > MaxTargets:
		return delivery.Target{}, 0, codec.Errorf(codec.CodeTooLarge, "a push names at most %d users, groups, topics and sessions, not %d", MaxTargets, n)
	}
	for _, u := range item.Users {
		if err := account.ValidUserID(u); err != nil {
			return delivery.Target{}, 0, err
		}
	}
	for _, id := range item.Sessions {
		if err := validSession(id); err != nil {
			return delivery.Target{}, 0, err
		}
	}
	if err := validAll("group", item.Groups); err != nil {
		return delivery.Target{}, 0, err
	}
	if err := validAll("topic", item.Topics); err != nil {
		return delivery.Target{}, 0, err
	}
	return delivery.Target{Users: item.Users, Groups: item.Groups, Topics: item.Topics, Sessions: item.Sessions, Platforms: names}, set, nil
}

// checkMessage checks an object that is relayed as it came.
func (s *Service) checkMessage(field string, m Message) error {
	switch {
	case len(m) == 0 || string(m) == "null":
		return malformed("%s is missing", field)
	case len(m) > s.opts.MaxMessage:
		return codec.Errorf(codec.CodeTooLarge, "%s is at most %d bytes long, not %d", field, s.opts.MaxMessage, len(m))
	}
	if err := codec.ValidObject(m); err != nil {
		return malformed("%s: %s", field, codec.AsError(err).Msg)
	}
	return nil
}

// cloned copies what outlives the request.
func cloned(names []string) []string {
	names = slices.Clone(names)
	for i, n := range names {
		names[i] = strings.Clone(n)
	}
	return names
}
