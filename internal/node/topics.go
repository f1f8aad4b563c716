package node

import (
	"context"
	"errors"

	"pushd/internal/codec"
	"pushd/internal/delivery"
	"pushd/internal/hub"
	"pushd/internal/push"
)

// Subscribe implements push.Membership.
func (n *Node) Subscribe(ctx context.Context, session, topic string) error {
	return n.withSession(ctx, session, func(s *Session) error {
		return topicError(n.hub.Subscribe(&s.login, topic))
	})
}

// Unsubscribe implements push.Membership.
func (n *Node) Unsubscribe(ctx context.Context, session, topic string) error {
	return n.withSession(ctx, session, func(s *Session) error {
		n.hub.Unsubscribe(&s.login, topic)
		return nil
	})
}

// Subscribers implements push.Membership.
func (n *Node) Subscribers(_ context.Context, topic string) (int, error) {
	return n.hub.Subscribers(topic), nil
}

func topicError(err error) error {
	switch {
	case errors.Is(err, hub.ErrTopicName):
		return codec.Errorf(codec.CodeMalformed, "a topic's name is at most %d bytes", hub.MaxTopicName)
	case errors.Is(err, hub.ErrSessionTopics):
		return codec.Errorf(codec.CodeTooMany, "this session is in too many topics")
	case errors.Is(err, hub.ErrUserTopics):
		return codec.Errorf(codec.CodeTooMany, "the sessions of this user are in too many topics together")
	case errors.Is(err, hub.ErrTopicsFull):
		return codec.Errorf(codec.CodeTooMany, "the server has too many topics")
	}
	return err
}

// Remembers implements push.Memory.
func (n *Node) Remembers(topic string) bool { return n.hub.Remembers(topic) }

// Publish implements push.Memory.
func (n *Node) Publish(_ context.Context, topic, except string, stamp codec.Stamp) (delivery.Receipt, push.Position, error) {
	var leave uint64
	if except != "" {
		var err error
		if leave, err = sessionID(except); err != nil {
			return delivery.Receipt{}, push.Position{}, err
		}
	}
	r, at, err := n.hub.Publish(topic, leave, func(p hub.Position) []byte {
		return stamp.At(p.Offset, hub.FormatID(p.Epoch))
	})
	return delivery.Receipt{Sessions: r.Sessions, Users: r.Users}, position(at), n.busy(err)
}

// Join implements push.Memory.
func (n *Node) Join(ctx context.Context, session, topic string, since *push.Position, maxBytes int) (past push.Past, err error) {
	var from *hub.Position
	if since != nil {
		// An epoch that doesn't parse is none that was ever given: the zero.
		epoch, _ := hub.ParseID(since.Epoch)
		from = &hub.Position{Offset: since.Offset, Epoch: epoch}
	}
	err = n.withSession(ctx, session, func(s *Session) error {
		p, err := n.hub.Join(&s.login, topic, from, maxBytes)
		past = pastOf(p)
		return topicError(err)
	})
	return past, err
}

// History implements push.Memory.
func (n *Node) History(_ context.Context, topic string, after *uint64, count, maxBytes int) (push.Past, error) {
	return pastOf(n.hub.ReadHistory(topic, after, count, maxBytes)), nil
}

func position(p hub.Position) push.Position {
	if p.Epoch == 0 {
		return push.Position{}
	}
	return push.Position{Offset: p.Offset, Epoch: hub.FormatID(p.Epoch)}
}

func pastOf(p hub.Past) push.Past {
	past := push.Past{Position: position(p.Position), First: p.First, After: p.After, Recovered: p.Recovered}
	for _, f := range p.Frames {
		past.Frames = append(past.Frames, f)
	}
	return past
}

// Roster implements push.Rosters.
func (n *Node) Roster(_ context.Context, topic string, limit int, cursor string) (push.Roster, error) {
	page, err := n.hub.Roster(topic, limit, cursor)
	if err != nil {
		return push.Roster{}, cursorError(err)
	}
	return push.Roster{Users: n.onlineUsers(page.Users), Next: page.Next, Count: page.Count, Subscribers: page.Sessions}, nil
}

// TopicChanges implements push.Rosters.
func (n *Node) TopicChanges() (all []push.TopicChange) {
	for _, c := range n.hub.TopicChanges() {
		all = append(all, push.TopicChange{
			Topic: c.Topic, Joined: c.Joined, Left: c.Left, More: c.More, Users: c.Users, Subscribers: c.Sessions,
		})
	}
	return all
}

// ListTopics implements push.Rosters.
func (n *Node) ListTopics(_ context.Context, limit int, cursor string) (topics []push.TopicCount, next string, err error) {
	list, next := n.hub.ListTopics(limit, cursor)
	for _, t := range list {
		topics = append(topics, push.TopicCount{Topic: t.Name, Subscribers: t.Sessions})
	}
	return topics, next, nil
}

// TopicUsers implements push.Rosters.
func (n *Node) TopicUsers(ctx context.Context, topic string) ([]push.OnlineUser, error) {
	users, err := n.hub.TopicUsers(ctx, topic)
	if errors.Is(err, hub.ErrBusy) {
		return nil, codec.Errorf(codec.CodeUnavailable, "the server is busy: try again")
	}
	return n.onlineUsers(users), err
}
