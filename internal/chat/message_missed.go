package chat

import (
	"context"
	"log/slog"
	"slices"

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
				s.findMissed(ctx, group, messages)
			}
		},
	})
}

// findMissed publishes which members of a group have no session, and so miss messages.
func (s *Service) findMissed(ctx context.Context, group string, messages []Message) {
	ctx, cancel := context.WithTimeout(ctx, tellTimeout)
	defer cancel()
	away, err := s.away(ctx, group)
	if err != nil {
		s.missedUnknown(GroupKey(group), err)
		return
	}
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

// away are the members of a group who have no session; bots, which never have one, are
// not among them. Nobody, when the group is gone.
func (s *Service) away(ctx context.Context, group string) ([]string, error) {
	members, _, err := s.store.MemberIDs(ctx, group)
	if isNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	online, err := s.presence.Online(ctx, members)
	if err != nil {
		return nil, err
	}
	slices.Sort(online)
	return slices.DeleteFunc(members, func(u string) bool {
		_, on := slices.BinarySearch(online, u)
		return on || isBot(u)
	}), nil
}

// missedUnknown logs why MessageMissed is not published.
func (s *Service) missedUnknown(conv string, err error) {
	s.log.Warn("it is not known who missed messages: nobody is notified of them",
		slog.String("conversation", conv), slog.Any("error", err))
}
