package chat

import (
	"context"
	"slices"
	"strings"

	"pushd/internal/codec"
	"pushd/internal/events"
)

// Bounds of finding out which members of a group are away.
const (
	missedQueue = 1024 // messages that wait for it
	missedBatch = 64   // messages for which a group's members are read once
)

// subscribeMissed has it found out which members of a group a message did not reach.
// That takes a look at each member, so the sender doesn't wait for it.
func (s *Service) subscribeMissed(bus *events.Bus) {
	events.OnBatch(bus.Queued("chat-missed", events.QueueOptions{
		Bound: missedQueue, AtBound: "phones stay silent, and hooks are not told",
	}), events.Batches[MessageSent]{
		Most: missedBatch,
		Keep: func(e MessageSent) bool { return s.events.missed.Wanted() && isGroup(e.Message.Conv) },
		Handle: func(ctx context.Context, batch []MessageSent) {
			groups := map[string][]Message{}
			for _, e := range batch {
				_, group, _, _ := ParseKey(e.Message.Conv)
				groups[group] = append(groups[group], e.Message)
			}
			for group, messages := range groups {
				s.tellMissed(ctx, group, messages)
			}
		},
	})
}

func isGroup(conv string) bool { return strings.HasPrefix(conv, KindGroup+":") }

// tellMissed publishes which members of a group have no session.
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
			s.events.missed.Publish(MessageMissed{m, to})
		}
	}
}
