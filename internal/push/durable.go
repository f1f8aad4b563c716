package push

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"pushd/internal/account"
	"pushd/internal/delivery"
)

// Durable stores pushes until their receivers have them. *chat.Service is one.
type Durable interface {
	// SendPush commits a message for a receiver, who is notice:USER, group:ID or all, and
	// delivers it, in order with what else is sent in that conversation. Nobody is reached
	// when the same key was used for the same receiver before. With a ttl its content goes
	// after that time; 0 is never. After an error it may be committed all the same.
	SendPush(
		ctx context.Context, id account.Identity, to string, data Message, ttl time.Duration, key string,
	) (delivery.Receipt, error)
}

// maxCommits is how many commits one push waits for at the same time. They share
// transactions, so one after the other would take many times as long.
const maxCommits = 256

// receivers checks what a durable push can't be, and where it goes: a notification
// for each user, a message for each group, one row for everybody.
func (s *pushService) receivers(item BatchItem) (to []string, err error) {
	switch {
	case s.durable == nil:
		return nil, malformed("durable needs a store, and this server runs without one: " +
			"push without durable, or with ttl to wait for users that are offline")
	case len(item.Topics)+len(item.Sessions) > 0:
		return nil, malformed("durable is for users, groups and everyone: topics and sessions have nothing that lasts")
	case len(item.Platforms) > 0:
		return nil, malformed("durable reaches a user on all platforms, whenever they come: leave platforms out")
	case item.Everyone:
		return []string{"all"}, nil
	}
	for _, u := range item.Users {
		to = append(to, "notice:"+u)
	}
	for _, g := range item.Groups {
		to = append(to, "group:"+g)
	}
	slices.Sort(to)
	return slices.Compact(to), nil
}

// deliverDurable commits and delivers the push for each receiver. After an error part of
// them may have it; the same push with the same idempotency key then goes to the others
// alone.
func (s *pushService) deliverDurable(
	ctx context.Context, id account.Identity, to []string, item BatchItem,
) (PushReply, error) {
	pushID, err := s.newID()
	if err != nil {
		return PushReply{}, err
	}
	reply := PushReply{ID: pushID, Offline: []string{}}
	for part := range slices.Chunk(to, maxCommits) {
		receipts, err := s.sendDurable(ctx, id, part, item)
		if err != nil {
			return PushReply{}, err
		}
		for _, r := range receipts {
			reply.Sessions += r.Sessions
			reply.Users += r.Users
			reply.Offline = append(reply.Offline, r.Offline...)
		}
	}
	return reply, nil
}

// sendDurable stores and delivers a push for each receiver, all at once. The error is
// that of the first receiver that has one.
func (s *pushService) sendDurable(
	ctx context.Context, id account.Identity, to []string, item BatchItem,
) ([]delivery.Receipt, error) {
	ttl := time.Duration(item.TTL) * time.Second
	receipts, errs := make([]delivery.Receipt, len(to)), make([]error, len(to))
	var sending sync.WaitGroup
	for i := range to {
		sending.Go(func() {
			defer func() {
				if p := recover(); p != nil { // as in a request, which this is a part of
					errs[i] = fmt.Errorf("store a push: panic: %v\n%s", p, debug.Stack())
				}
			}()
			receipts[i], errs[i] = s.durable.SendPush(ctx, id, to[i], item.Message, ttl, item.IdempotencyKey)
		})
	}
	sending.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return receipts, nil
}
