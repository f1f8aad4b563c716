package push

import (
	"context"
	"sort"

	"pushd/internal/account"
	"pushd/internal/codec"
	"pushd/internal/delivery"
)

// TopicsRequest asks for a page of the topics that have subscribers.
type TopicsRequest struct {
	Limit  int    `json:"limit,omitempty"` // DefaultTopicPage if 0; clamped to 1..MaxTopicPage
	Cursor string `json:"cursor,omitempty"`
}

// TopicsReply is a page of topics.
type TopicsReply struct {
	Topics     []TopicCount `json:"topics"`
	NextCursor string       `json:"next_cursor,omitempty"`
}

// TopicInfoRequest names a topic.
type TopicInfoRequest struct {
	Topic string `json:"topic"`
}

// TopicInfoReply describes a topic. Without a history its epoch is empty.
type TopicInfoReply struct {
	TopicCount
	Position
	First uint64 `json:"first"` // the oldest message that is remembered; offset + 1 when none is
}

// TopicUsersReply is a page of who is in a topic, ascending by user.
type TopicUsersReply struct {
	Topic      string       `json:"topic"`
	Users      []OnlineUser `json:"users"`
	NextCursor string       `json:"next_cursor,omitempty"`
}

// ListTopics lists the topics that have subscribers, without the server's own.
func (s *topicService) ListTopics(ctx context.Context, id account.Identity, r TopicsRequest) (TopicsReply, error) {
	if err := allow(s.log, id, account.ScopeRead, "topic.list"); err != nil {
		return TopicsReply{}, err
	}
	if r.Cursor != "" {
		if err := delivery.ValidName("cursor", r.Cursor); err != nil {
			return TopicsReply{}, err
		}
	}
	topics, next, err := s.topics.ListTopics(ctx, clampPage(r.Limit), r.Cursor)
	if err != nil {
		return TopicsReply{}, err
	}
	return TopicsReply{Topics: notNil(topics), NextCursor: next}, nil
}

// TopicInfo describes one topic. 404 when nobody is in it and nothing of it is
// remembered.
func (s *topicService) TopicInfo(ctx context.Context, id account.Identity, r TopicInfoRequest) (TopicInfoReply, error) {
	if err := allow(s.log, id, account.ScopeRead, "topic.info"); err != nil {
		return TopicInfoReply{}, err
	}
	if err := validTopic(r.Topic); err != nil {
		return TopicInfoReply{}, err
	}
	subscribers, err := s.topics.Subscribers(ctx, r.Topic)
	if err != nil {
		return TopicInfoReply{}, err
	}
	reply := TopicInfoReply{TopicCount: TopicCount{r.Topic, subscribers}, First: 1}
	if s.topics.Remembers(r.Topic) {
		past, err := s.topics.History(ctx, r.Topic, nil, 0, 0)
		if err != nil {
			return TopicInfoReply{}, err
		}
		reply.Position, reply.First = past.Position, past.First
	}
	if reply.Subscribers == 0 && reply.Offset == 0 {
		return TopicInfoReply{}, codec.Errorf(codec.CodeNotFound, "nobody is in topic %s, and nothing of it is remembered", r.Topic)
	}
	return reply, nil
}

// TopicUsers lists who is in a topic. It asks the event loops for all of them,
// so a page of a large topic is not for every second.
func (s *topicService) TopicUsers(ctx context.Context, id account.Identity, r RosterRequest) (TopicUsersReply, error) {
	if err := allow(s.log, id, account.ScopeRead, "topic.users"); err != nil {
		return TopicUsersReply{}, err
	}
	if err := validTopic(r.Topic); err != nil {
		return TopicUsersReply{}, err
	}
	if r.Cursor != "" {
		if err := account.ValidUserID(r.Cursor); err != nil {
			return TopicUsersReply{}, malformed("the cursor is not one that this server gave")
		}
	}
	users, err := s.topics.TopicUsers(ctx, r.Topic)
	if err != nil {
		return TopicUsersReply{}, err
	}
	users = users[sort.Search(len(users), func(i int) bool { return users[i].User > r.Cursor }):]
	reply := TopicUsersReply{Topic: r.Topic}
	if limit := clampPage(r.Limit); len(users) > limit {
		users = users[:limit]
		reply.NextCursor = users[limit-1].User
	}
	reply.Users = notNil(users)
	return reply, nil
}
