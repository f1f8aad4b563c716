package push

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"pushd/internal/account"
	"pushd/internal/codec"
	"pushd/internal/delivery"
)

// TopicRequest names the topic that a socket client leaves.
type TopicRequest struct {
	Topic string `json:"topic"`
}

// SubscribeRequest names the topic that a socket client joins and, where it was
// in before, up to where it has its messages.
type SubscribeRequest struct {
	Topic   string    `json:"topic"`
	Recover *Position `json:"recover,omitempty"`
}

// SubscribeReply tells where a topic with a history is: what is delivered from
// now on comes after that. Messages are what came after the position asked for,
// each as it was pushed: all of it when Recovered, and else none.
type SubscribeReply struct {
	Topic string `json:"topic"`
	Position
	Recovered bool              `json:"recovered"`
	Messages  []json.RawMessage `json:"messages"`
}

// PublishRequest is a client's message to a topic.
type PublishRequest struct {
	Topic string  `json:"topic"`
	Data  Message `json:"data"`
	// ExceptSelf leaves out the session that publishes; it receives its own
	// message otherwise, if it subscribed.
	ExceptSelf bool `json:"except_self,omitempty"`
}

// PublishReply tells how many sessions the message was queued for.
type PublishReply struct {
	Sessions int    `json:"sessions"`
	Time     int64  `json:"time"`             // as in the message
	Offset   uint64 `json:"offset,omitempty"` // these two in a topic with a history
	Epoch    string `json:"epoch,omitempty"`
}

// TopicMessage is what the members of a topic receive of a client's message.
type TopicMessage struct {
	Topic string  `json:"topic"`
	From  string  `json:"from"`
	Data  Message `json:"data"`
	Time  int64   `json:"time"`
}

// Subscribe lets a client's session join a topic; joining twice is joining
// once. 429 over a bound on topics.
func (s *Service) Subscribe(ctx context.Context, id account.Identity, r SubscribeRequest) (SubscribeReply, error) {
	if err := socketOnly(id); err != nil {
		return SubscribeReply{}, err
	}
	if err := validName("topic", r.Topic); err != nil {
		return SubscribeReply{}, err
	}
	past, err := s.ports.Topics.Join(ctx, id.Session, strings.Clone(r.Topic), r.Recover, s.opts.MaxRecover)
	if err != nil {
		return SubscribeReply{}, err
	}
	return SubscribeReply{Topic: r.Topic, Position: past.Position, Recovered: past.Recovered, Messages: messages(past.Frames)}, nil
}

// Unsubscribe lets a client's session leave a topic.
func (s *Service) Unsubscribe(ctx context.Context, id account.Identity, r TopicRequest) (struct{}, error) {
	if err := socketOnly(id); err != nil {
		return struct{}{}, err
	}
	if err := validName("topic", r.Topic); err != nil {
		return struct{}{}, err
	}
	return struct{}{}, s.ports.Topics.Unsubscribe(ctx, id.Session, r.Topic)
}

// Publish delivers a client's message to a topic's members as push
// topic.Message. 403 unless Options.ClientPublish has a prefix of the topic.
func (s *Service) Publish(ctx context.Context, id account.Identity, r PublishRequest) (PublishReply, error) {
	if err := socketOnly(id); err != nil {
		return PublishReply{}, err
	}
	if err := validName("topic", r.Topic); err != nil {
		return PublishReply{}, err
	}
	if !s.mayPublish(r.Topic) {
		return PublishReply{}, codec.Errorf(codec.CodeForbidden, "clients may not publish to this topic")
	}
	if err := s.checkMessage("data", r.Data); err != nil {
		return PublishReply{}, err
	}
	now := s.clock().UnixMilli()
	publish := topicMessagePush.With(TopicMessage{Topic: r.Topic, From: id.User, Data: r.Data, Time: now})
	var except string
	if r.ExceptSelf {
		except = id.Session
	}
	if s.ports.Topics.Remembers(r.Topic) {
		stamp, err := publish.Stamp(r.Topic)
		if err != nil {
			return PublishReply{}, err
		}
		receipt, at, err := s.ports.Topics.Publish(ctx, r.Topic, except, stamp)
		if err != nil {
			return PublishReply{}, err
		}
		return PublishReply{Sessions: receipt.Sessions, Time: now, Offset: at.Offset, Epoch: at.Epoch}, nil
	}
	frame, err := publish.Frame()
	if err != nil {
		return PublishReply{}, err
	}
	receipt, err := s.ports.Deliverer.Deliver(ctx, delivery.Target{Topics: []string{r.Topic}, Except: except}, frame)
	if err != nil {
		return PublishReply{}, err
	}
	return PublishReply{Sessions: receipt.Sessions, Time: now}, nil
}

func (s *Service) mayPublish(topic string) bool {
	return slices.ContainsFunc(s.opts.ClientPublish, func(prefix string) bool {
		return prefix == "*" || strings.HasPrefix(topic, prefix)
	})
}

// socketOnly refuses callers that have no session to act on.
func socketOnly(id account.Identity) error {
	if id.Session == "" {
		return codec.Errorf(codec.CodeForbidden, "only a logged-in WebSocket session can do this")
	}
	return nil
}
