package push

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"pushd/internal/account"
	"pushd/internal/codec"
	"pushd/internal/delivery"
)

// Durable stores pushes until their receivers have them. *chat.Service is one.
type Durable interface {
	// StorePush commits a message for a receiver, who is notice:USER, group:ID or all, and
	// returns what clients are pushed, and which; the frame is nil when the same key was
	// used for the same receiver before. With a ttl its content goes after that time; 0
	// is never. The target names the conversation, so that the push keeps its order with
	// what chat sends about it.
	StorePush(
		ctx context.Context, id account.Identity, to string, data Message, ttl time.Duration, key string,
	) (delivery.Target, codec.Frame, error)
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

// deliverDurable commits the push for each receiver and delivers what was
// committed. After an error part of them may have it; the same push with the same
// idempotency key then goes to the others alone.
func (s *pushService) deliverDurable(
	ctx context.Context, id account.Identity, to []string, item BatchItem,
) (PushReply, error) {
	pushID, err := s.newID()
	if err != nil {
		return PushReply{}, err
	}
	reply := PushReply{ID: pushID, Offline: []string{}}
	for part := range slices.Chunk(to, maxCommits) {
		stored, failure := s.commit(ctx, id, part, item)
		for _, m := range stored {
			if m.frame == nil {
				continue
			}
			got, err := s.deliverer.Deliver(ctx, m.to, m.frame)
			// What can't be delivered is stored, and comes with the next Sync; the others are
			// not to wait for theirs until then.
			failure = errors.Join(failure, err)
			reply.Sessions += got.Sessions
			reply.Users += got.Users
			reply.Offline = append(reply.Offline, got.Offline...)
		}
		if failure != nil {
			return PushReply{}, failure
		}
	}
	return reply, nil
}

// stored is a push that is committed for one receiver, as it goes to clients.
type stored struct {
	to    delivery.Target
	frame codec.Frame // nil when it was stored before, or could not be
}

// commit stores a push for each receiver, all at once. The error is that of the first
// receiver that has one.
func (s *pushService) commit(
	ctx context.Context, id account.Identity, to []string, item BatchItem,
) ([]stored, error) {
	ttl := time.Duration(item.TTL) * time.Second
	all, errs := make([]stored, len(to)), make([]error, len(to))
	var commits sync.WaitGroup
	for i := range to {
		commits.Go(func() {
			defer func() {
				if p := recover(); p != nil { // as in a request, which this is a part of
					errs[i] = fmt.Errorf("store a push: panic: %v\n%s", p, debug.Stack())
				}
			}()
			all[i].to, all[i].frame, errs[i] = s.durable.StorePush(ctx, id, to[i], item.Message, ttl, item.IdempotencyKey)
		})
	}
	commits.Wait()
	for _, err := range errs {
		if err != nil {
			return all, err
		}
	}
	return all, nil
}
