package push_test

import (
	"context"

	"pushd/internal/codec"
	"pushd/internal/delivery"
	"pushd/internal/push"
)

// Counts tells of as many sessions as the test says.
func (n *node) Counts(ctx context.Context) (push.Counts, error) {
	c, err := n.Node.Counts(ctx)
	if n.sessions > 0 {
		c.Sessions = n.sessions
	}
	return c, err
}

// Publish doesn't reach all of the topic "r.busy".
func (n *node) Publish(
	ctx context.Context, topic, except string, stamp codec.Stamp,
) (delivery.Receipt, push.Position, error) {
	receipt, at, err := n.Node.Publish(ctx, topic, except, stamp)
	if topic == "r.busy" {
		return delivery.Receipt{}, at, codec.Errorf(codec.CodeUnavailable, "busy")
	}
	return receipt, at, err
}

// TopicUsers fails for the topic "busy".
func (n *node) TopicUsers(ctx context.Context, topic string) ([]push.OnlineUser, error) {
	if topic == "busy" {
		return nil, codec.Errorf(codec.CodeUnavailable, "busy")
	}
	return n.Node.TopicUsers(ctx, topic)
}

// change is what TopicChanges tells next: of topics larger than a test can make.
func (n *node) change(all ...push.TopicChange) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.moves = all
}

// TopicChanges tells what change says, before those of the node's own topics.
func (n *node) TopicChanges() []push.TopicChange {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := n.moves
	n.moves = nil
	return append(c, n.Node.TopicChanges()...)
}
