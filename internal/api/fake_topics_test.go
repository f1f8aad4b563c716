package api_test

import (
	"context"

	"pushd/internal/codec"
	"pushd/internal/delivery"
	"pushd/internal/push"
)

// The node remembers the topic "room", where two messages were sent.

func (n *node) Remembers(topic string) bool { return topic == "room" }

func (n *node) Publish(context.Context, string, string, codec.Stamp) (delivery.Receipt, push.Position, error) {
	return delivery.Receipt{Sessions: 1, Users: 1}, push.Position{Offset: 3, Epoch: "e1"}, nil
}

func (n *node) Join(context.Context, string, string, *push.Position, int) (push.Past, error) {
	return push.Past{}, nil
}

func (n *node) History(_ context.Context, _ string, after *uint64, _, _ int) (push.Past, error) {
	p := push.Past{Position: push.Position{Offset: 2, Epoch: "e1"}, First: 1}
	if after != nil {
		p.After = *after
	}
	for range 2 - p.After {
		p.Frames = append(p.Frames, codec.NewFrame([]byte(`{"Module":"push","Action":"Message","Data":{}}`)))
	}
	return p, nil
}

func (n *node) Roster(context.Context, string, int, string) (push.Roster, error) {
	return push.Roster{}, nil
}
func (n *node) TopicChanges() []push.TopicChange { return nil }

func (n *node) ListTopics(_ context.Context, limit int, _ string) ([]push.TopicCount, string, error) {
	return []push.TopicCount{{Topic: "room", Subscribers: limit}}, "", nil
}

func (n *node) TopicUsers(context.Context, string) ([]push.OnlineUser, error) {
	return []push.OnlineUser{{User: "alice", Platforms: []string{"web"}}, {User: "bob", Platforms: []string{"ios"}}}, nil
}
