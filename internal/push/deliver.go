package push

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"pushd/internal/account"
	"pushd/internal/codec"
	"pushd/internal/delivery"
)

// target checks who an item names.
func (s *pushService) target(item BatchItem) (delivery.Target, uint64, error) {
	names, set, err := s.platforms.parse(item.Platforms)
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
		return delivery.Target{}, 0, codec.Errorf(codec.CodeTooLarge,
			"a push names at most %d users, groups, topics and sessions, not %d", MaxTargets, n)
	}
	if err := account.ValidUserIDs(item.Users); err != nil {
		return delivery.Target{}, 0, err
	}
	for _, id := range item.Sessions {
		if err := validSession(id); err != nil {
			return delivery.Target{}, 0, err
		}
	}
	if err := validNames("group", item.Groups); err != nil {
		return delivery.Target{}, 0, err
	}
	if err := validNames("topic", item.Topics); err != nil {
		return delivery.Target{}, 0, err
	}
	return delivery.Target{
		Users: item.Users, Groups: item.Groups, Topics: item.Topics, Sessions: item.Sessions, Platforms: names,
	}, set, nil
}

// deliver sends to who is connected, and has the push wait for who is not.
func (s *pushService) deliver(
	ctx context.Context, to delivery.Target, platforms uint64, item BatchItem,
) (PushReply, error) {
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
		receipt, err = s.deliverer.Deliver(ctx, to, frame)
	}
	reply := PushReply{ID: id, Sessions: receipt.Sessions, Users: receipt.Users, Offline: notNil(receipt.Offline)}
	for _, topic := range remembered {
		// A loop that was busy before is no reason to leave a gap in the history.
		at, publishErr := s.intoHistory(ctx, topic, item.Message, &reply)
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
func (s *pushService) split(to delivery.Target) (plain, remembered []string) {
	if len(to.Platforms) > 0 {
		return to.Topics, nil
	}
	for _, t := range to.Topics {
		switch {
		case !s.history.Remembers(t):
			plain = append(plain, t)
		case !slices.Contains(remembered, t):
			remembered = append(remembered, t)
		}
	}
	return plain, remembered
}

// intoHistory gives a backend's message its place in a topic.
func (s *pushService) intoHistory(ctx context.Context, topic string, m Message, reply *PushReply) (Position, error) {
	stamp, err := messagePush.With(m).Stamp(topic)
	if err != nil {
		return Position{}, err
	}
	receipt, at, err := s.history.Publish(ctx, topic, "", stamp)
	reply.Sessions += receipt.Sessions
	reply.Users += receipt.Users
	return at, err
}

// newID is a ULID: 26 characters that sort by the time they were made, also
// within a millisecond.
func (s *pushService) newID() (string, error) {
	id, err := ulid.New(ulid.Timestamp(s.clock.Now()), s.ids)
	if err != nil {
		return "", fmt.Errorf("make a push id: %w", err)
	}
	return id.String(), nil
}
