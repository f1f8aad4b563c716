package push

import (
	"context"

	"pushd/internal/account"
	"pushd/internal/codec"
	"pushd/internal/delivery"
)

// RosterRequest asks who is in a topic.
type RosterRequest struct {
	Topic  string `json:"topic"`
	Limit  int    `json:"limit,omitempty"` // 50 if 0; 200 at most
	Cursor string `json:"cursor,omitempty"`
}

// RosterReply is a page of who is in a topic.
type RosterReply struct {
	Topic       string       `json:"topic"`
	Users       []OnlineUser `json:"users"`
	Count       int          `json:"count"`       // users in all
	Subscribers int          `json:"subscribers"` // sessions in all
	NextCursor  string       `json:"next_cursor,omitempty"`
}

// TopicPresence tells a client who is in a topic. 403 where
// Options.TopicPresence doesn't say that they may know of each other.
func (s *topicService) TopicPresence(ctx context.Context, id account.Identity, r RosterRequest) (RosterReply, error) {
	if err := socketOnTopic(id, r.Topic); err != nil {
		return RosterReply{}, err
	}
	if !s.rosterOpen(r.Topic) {
		return RosterReply{}, codec.Errorf(codec.CodeForbidden, "who is in this topic is not told (option topics.presence)")
	}
	page, err := s.topics.Roster(ctx, r.Topic, clampPage(r.Limit), r.Cursor)
	if err != nil {
		return RosterReply{}, err
	}
	return RosterReply{
		Topic: r.Topic, Users: notNil(page.Users), Count: page.Count, Subscribers: page.Subscribers, NextCursor: page.Next,
	}, nil
}

// TopicDigest is the data of the push topic.Presence.
type TopicDigest struct {
	Topic  string   `json:"topic"`
	Joined []string `json:"joined"`
	Left   []string `json:"left"`
	Count  int      `json:"count"`          // users in the topic now
	More   bool     `json:"more,omitempty"` // too many came and went to name them
	Time   int64    `json:"time"`
}

// topicDigests tells the members of topics who joined them and left.
func (s *topicService) topicDigests(ctx context.Context) {
	for _, c := range s.topics.TopicChanges() {
		d := TopicDigest{
			Topic: c.Topic, Joined: notNil(c.Joined), Left: notNil(c.Left),
			Count: c.Users, More: c.More, Time: s.clock.Now().UnixMilli(),
		}
		left := digestBudget(c.Subscribers)
		for _, list := range [][]string{c.Joined, c.Left} {
			for _, u := range list {
				left -= len(u) + 3
			}
		}
		if left < 0 {
			// A part of them is of no use to a client that has a list: it must ask anyway.
			d.Joined, d.Left, d.More = []string{}, []string{}, true
		}
		sendDigest(ctx, s.deliverer, s.log, delivery.Target{Topics: []string{c.Topic}}, topicPresencePush.With(d))
	}
}
