package gateway

import (
	"context"
	"errors"

	"pushd/internal/codec"
	"pushd/internal/hub"
	"pushd/internal/push"
)

// Subscribe implements push.Membership.
func (g *Gateway) Subscribe(ctx context.Context, session, topic string) error {
	return g.withSession(ctx, session, func(s *Session) error {
		return topicError(g.hub.Subscribe(&s.login, topic))
	})
}

// Unsubscribe implements push.Membership.
func (g *Gateway) Unsubscribe(ctx context.Context, session, topic string) error {
	return g.withSession(ctx, session, func(s *Session) error {
		g.hub.Unsubscribe(&s.login, topic)
		return nil
	})
}

// Subscribers implements push.Membership.
func (g *Gateway) Subscribers(topic string) int { return g.hub.Subscribers(topic) }

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
func (g *Gateway) Remembers(topic string) bool { return g.hub.Remembers(topic) }

// Publish implements push.Memory.
func (g *Gateway) Publish(_ context.Context, topic, except string, stamp codec.Stamp) (push.Receipt, push.Position, error) {
	var leave uint64
	if except != "" {
		var err error
		if leave, err = sessionID(except); err != nil {
			return push.Receipt{}, push.Position{}, err
		}
	}
	r, at, err := g.hub.Publish(topic, leave, func(p hub.Position) []byte {
		return stamp.At(p.Offset, hub.FormatID(p.Epoch))
	})
	return push.Receipt{Sessions: r.Sessions, Users: r.Users}, position(at), g.busy(err)
}

// Join implements push.Memory.
func (g *Gateway) Join(ctx context.Context, session, topic string, since *push.Position, maxBytes int) (past push.Past, err error) {
	var from *hub.Position
	if since != nil {
		// An epoch that doesn't parse is none that was ever given: the zero.
		epoch, _ := hub.ParseID(since.Epoch)
		from = &hub.Position{Offset: since.Offset, Epoch: epoch}
	}
	err = g.withSession(ctx, session, func(s *Session) error {
		p, err := g.hub.Join(&s.login, topic, from, maxBytes)
		past = pastOf(p)
		return topicError(err)
	})
	return past, err
}

// History implements push.Memory.
func (g *Gateway) History(topic string, after *uint64, count, maxBytes int) push.Past {
	return pastOf(g.hub.ReadHistory(topic, after, count, maxBytes))
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
func (g *Gateway) Roster(topic string, limit int, cursor string) (push.Roster, error) {
	page, err := g.hub.Roster(topic, limit, cursor)
	if errors.Is(err, hub.ErrCursor) {
		return push.Roster{}, codec.Errorf(codec.CodeMalformed, "the cursor is not one that this server gave")
	}
	return push.Roster{Users: g.onlineUsers(page.Users), Next: page.Next, Count: page.Count, Subscribers: page.Sessions}, err
}

// TopicChanges implements push.Rosters.
func (g *Gateway) TopicChanges() (all []push.TopicChange) {
	for _, c := range g.hub.TopicChanges() {
		all = append(all, push.TopicChange{
			Topic: c.Topic, Joined: c.Joined, Left: c.Left, More: c.More, Users: c.Users, Subscribers: c.Sessions,
		})
	}
	return all
}

// ListTopics implements push.Rosters.
func (g *Gateway) ListTopics(limit int, cursor string) (topics []push.TopicCount, next string) {
	list, next := g.hub.ListTopics(limit, cursor)
	for _, t := range list {
		topics = append(topics, push.TopicCount{Topic: t.Name, Subscribers: t.Sessions})
	}
	return topics, next
}

// TopicUsers implements push.Rosters.
func (g *Gateway) TopicUsers(ctx context.Context, topic string) ([]push.OnlineUser, error) {
	users, err := g.hub.TopicUsers(ctx, topic)
	if errors.Is(err, hub.ErrBusy) {
		return nil, codec.Errorf(codec.CodeUnavailable, "the server is busy")
	}
	return g.onlineUsers(users), err
}

func (g *Gateway) onlineUsers(list []hub.OnlineUser) []push.OnlineUser {
	users := make([]push.OnlineUser, len(list))
	for i, u := range list {
		users[i] = push.OnlineUser{User: u.User, Platforms: g.platformNames(u.Platforms)}
	}
	return users
}
