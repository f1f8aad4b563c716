package push_test

import (
	"context"
	"strings"

	"pushd/internal/codec"
	"pushd/internal/push"
)

// The node remembers topics that begin with "r", in the life "e1". Rosters and
// changes are what the test puts there.

func (n *node) Remembers(topic string) bool { return strings.HasPrefix(topic, "r") }

func (n *node) Publish(_ context.Context, topic, except string, stamp codec.Stamp) (push.Receipt, push.Position, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	at := push.Position{Offset: uint64(len(n.history[topic]) + 1), Epoch: "e1"}
	frame := stamp.At(at.Offset, at.Epoch)
	if n.history == nil {
		n.history = map[string][]codec.Frame{}
	}
	n.history[topic] = append(n.history[topic], frame)
	to := push.Target{Topics: []string{topic}, Except: except}
	n.deliveries = append(n.deliveries, delivery{to, string(frame.Payload())})
	if topic == "r.busy" {
		return push.Receipt{}, at, codec.Errorf(codec.CodeUnavailable, "busy")
	}
	return push.Receipt{Sessions: len(n.topics[topic]), Users: len(n.topics[topic])}, at, nil
}

func (n *node) Join(ctx context.Context, session, topic string, since *push.Position, maxBytes int) (push.Past, error) {
	if err := n.Subscribe(ctx, session, topic); err != nil || !n.Remembers(topic) {
		return push.Past{}, err
	}
	past := n.History(topic, nil, 0, maxBytes)
	if since != nil && since.Epoch == past.Epoch && since.Offset <= past.Offset {
		past = n.History(topic, &since.Offset, 1<<20, maxBytes)
		past.Recovered = true
	}
	return past, nil
}

func (n *node) History(topic string, after *uint64, count, _ int) push.Past {
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
	return p
}

func (n *node) Roster(_ string, limit int, cursor string) (push.Roster, error) {
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

func (n *node) ListTopics(limit int, cursor string) ([]push.TopicCount, string) {
	return make([]push.TopicCount, limit), cursor
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
