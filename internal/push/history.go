package push

import (
	"context"
	"encoding/json"

	"pushd/internal/account"
	"pushd/internal/codec"
)

// Bounds of a page about a topic.
const (
	DefaultTopicPage = 50
	MaxTopicPage     = 200 // a greater limit is clamped to this
)

func clampPage(limit int) int {
	if limit == 0 {
		return DefaultTopicPage
	}
	return min(max(limit, 1), MaxTopicPage)
}

// messages are frames as a reply carries them.
func messages(frames []codec.Frame) []json.RawMessage {
	list := make([]json.RawMessage, len(frames))
	for i, f := range frames {
		list[i] = f.Payload()
	}
	return list
}

// HistoryRequest asks for messages of a topic with a history: those after an
// offset, or the newest.
type HistoryRequest struct {
	Topic string  `json:"topic"`
	After *uint64 `json:"after,omitempty"`
	Limit int     `json:"limit,omitempty"` // 50 if 0; 200 at most
}

// HistoryReply is a page of a topic's history, oldest first. Where First is
// greater than After + 1, what is in between is forgotten.
type HistoryReply struct {
	Topic string `json:"topic"`
	Position
	First    uint64            `json:"first"`    // the oldest that is remembered; offset + 1 when none is
	Messages []json.RawMessage `json:"messages"` // each as it was pushed
	More     bool              `json:"more"`     // there are newer ones than these
}

// History reads what a topic remembers, for a client's session or a backend
// with the scope read. 404 for a topic that has no history.
func (s *topicService) History(ctx context.Context, id account.Identity, r HistoryRequest) (HistoryReply, error) {
	if id.Key != "" {
		if err := allow(s.log, id, account.ScopeRead, "topic.history"); err != nil {
			return HistoryReply{}, err
		}
	} else if err := socketOnly(id); err != nil {
		return HistoryReply{}, err
	}
	if err := validTopic(r.Topic); err != nil {
		return HistoryReply{}, err
	}
	if !s.topics.Remembers(r.Topic) {
		return HistoryReply{}, codec.Errorf(codec.CodeNotFound, "this topic has no history (option topics.history)")
	}
	past, err := s.topics.History(ctx, r.Topic, r.After, clampPage(r.Limit), s.maxRecover)
	if err != nil {
		return HistoryReply{}, err
	}
	return HistoryReply{
		Topic: r.Topic, Position: past.Position, First: past.First, Messages: messages(past.Frames),
		More: past.After+uint64(len(past.Frames)) < past.Offset,
	}, nil
}
