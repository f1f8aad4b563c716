package push_test

import (
	"context"
	"strings"

	"pushd/internal/codec"
	"pushd/internal/delivery"
	"pushd/internal/push"
)

// The node remembers topics that begin with "r", in the life "e1". Rosters and
// changes are what the test puts there.

func (n *node) Remembers(topic string) bool { return strings.HasPrefix(topic, "r") }

func (n *node) Publish(ctx context.Context, topic, except string, stamp codec.Stamp) (delivery.Receipt, push.Position, error) {
	n.mu.Lock()
	at := push.Position{Offset: uint64(len(n.history[topic]) + 1), Epoch: "e1"}
	frame := stamp.At(at.Offset, at.Epoch)
	if n.history == nil {
		n.history = map[string][]codec.Frame{}
	}
	n.history[topic] = append(n.history[topic], frame)
	n.mu.Unlock()
	receipt, err := n.Deliver(ctx, delivery.Target{Topics: []string{topic}, Except: except}, frame)
	if topic == "r.busy" {
		return delivery.Receipt{}, at, codec.Errorf(codec.CodeUnavailable, "busy")
	}
	return receipt, at, err
}

func (n *node) Join(ctx context.Context, session, topic string, since *push.Position, maxBytes int) (push.Past, error) {
	if err := n.Subscribe(ctx, session, topic); err != nil || !n.Remembers(topic) {
		return push.Past{}, err
	}
	past, err := n.History(ctx, topic, nil, 0, maxBytes)
	if since != nil && since.Epoch == past.Epoch && since.Offset <= past.Offset {
		past, err = n.History(ctx, topic, &since.Offset, 1<<20, maxBytes)
		past.Recovered = true
	}
	return past, err
}

func (n *node) History(_ context.Context, topic string, after *uint64, count, _ int) (push.Past, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := n.history[topic]
	p := push.Past{Position: push.Position{Offset: uint64(len(all)), Epoch: "e1"}, First: 1}
	from := max(0, len(all)-count)
	if after != nil {
		from = min(int(*after), len(all))
	}
	p.After = uint64(from)
	p.Frames = all[from:min(len(all), from+count)]
	return p, nil
}

func (n *node) Roster(_ context.Context, _ string, limit int, cursor string) (push.Roster, error) {
	if cursor == "bad" {
		return push.Roster{}, codec.Errorf(codec.CodeMalformed, "bad cursor")
	}
	return push.Roster{Users: make([]push.OnlineUser, limit), Next: cursor, Count: 7, Subscribers: 9}, nil
}

// change is what TopicChanges tells next.
func (n *node) change(all ...push.TopicChange) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.moves = all
}

func (n *node) TopicChanges() []push.TopicChange {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := n.moves
	n.moves = nil
	return c
}

func (n *node) ListTopics(_ context.Context, limit int, cursor string) ([]push.TopicCount, string, error) {
	return make([]push.TopicCount, limit), cursor, nil
}

func (n *node) TopicUsers(_ context.Context, topic string) ([]push.OnlineUser, error) {
	var all []push.OnlineUser
	for u := range strings.FieldsSeq("ann bob cyd dee") {
		all = append(all, push.OnlineUser{User: u, Platforms: []string{"web"}})
	}
	if topic == "busy" {
		return nil, codec.Errorf(codec.CodeUnavailable, "busy")
	}
	return all, nil
}
