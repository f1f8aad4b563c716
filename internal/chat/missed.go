package chat

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"

	"pushd/internal/codec"
)

// Bounds of finding out who of a group is offline.
const (
	missedQueue = 1024 // messages that wait for it
	missedBatch = 64   // messages for which a group's members are read once
)

// missed is the messages of groups whose offline members are still to be told by
// other means. Who they are takes a look at each member, so the sender doesn't
// wait for it.
type missed struct {
	queue   chan waiting
	dropped atomic.Int64
}

type waiting struct {
	m     Message
	group string
}

func newMissed() *missed { return &missed{queue: make(chan waiting, missedQueue)} }

// put never blocks. What doesn't fit reaches offline members at their next Sync
// only, and is counted.
func (q *missed) put(m Message, group string) {
	select {
	case q.queue <- waiting{m, group}:
	default:
		q.dropped.Add(1)
	}
}

// wake has the offline members of a group told, if there is somebody to tell
// them.
func (s *Service) wake(m Message, group string) {
	if s.offline != nil {
		s.missed.put(m, group)
	}
}

// RunMissed tells Offline of messages of groups, until ctx ends. There is one for
// a service that has an Offline.
func (s *Service) RunMissed(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case first := <-s.missed.queue:
			for group, messages := range s.missed.batch(first) {
				s.tellMissed(ctx, group, messages)
			}
		}
		if n := s.missed.dropped.Swap(0); n > 0 {
			s.log.Warn("messages of groups for which nobody's phone is woken: too many at a time", slog.Int64("messages", n))
		}
	}
}

// batch is what waits, by group.
func (q *missed) batch(first waiting) map[string][]Message {
	groups := map[string][]Message{first.group: {first.m}}
	for range missedBatch - 1 {
		select {
		case next := <-q.queue:
			groups[next.group] = append(groups[next.group], next.m)
		default:
			return groups
		}
	}
	return groups
}

func (s *Service) tellMissed(ctx context.Context, group string, messages []Message) {
	ctx, cancel := context.WithTimeout(ctx, telling)
	defer cancel()
	members, _, err := s.store.MemberIDs(ctx, group)
	if err != nil {
		if codec.AsError(err).Code != codec.CodeNotFound {
			s.untoldOf(GroupKey(group), err)
		}
		return
	}
	online, err := s.presence.Online(ctx, members)
	if err != nil {
		s.untoldOf(GroupKey(group), err)
		return
	}
	slices.Sort(online)
	away := slices.DeleteFunc(members, func(u string) bool {
		_, on := slices.BinarySearch(online, u)
		return on || strings.HasPrefix(u, botPrefix)
	})
	for _, m := range messages {
		to := away
		if slices.Contains(away, m.From) {
			to = slices.DeleteFunc(slices.Clone(away), func(u string) bool { return u == m.From })
		}
		if len(to) > 0 {
			s.offline.Missed(m, to)
		}
	}
}
