package push

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"

	"github.com/jonboulle/clockwork"

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

// topicService is the topics: who is in them, what is published there and what is
// remembered of it.
type topicService struct {
	// Immutable.
	topics        Topics
	deliverer     delivery.Deliverer
	clientPublish func(topic string) bool // nil: none
	rosterOpen    func(topic string) bool // clients may see who is in the topic
	maxMessage    int
	maxRecover    int
	clock         clockwork.Clock
	log           *slog.Logger
}

func newTopicService(ports Ports, o Options) *topicService {
	open := o.TopicPresence
	if open == nil {
		open = func(string) bool { return false }
	}
	return &topicService{
		topics: ports.Topics, deliverer: ports.Deliverer,
		clientPublish: o.ClientPublish, rosterOpen: open, maxMessage: o.MaxMessage, maxRecover: o.MaxRecover,
		clock: o.Clock, log: o.Log,
	}
}

// Subscribe lets a client's session join a topic; joining twice is joining
// once. 429 over a bound on topics.
func (s *topicService) Subscribe(ctx context.Context, id account.Identity, r SubscribeRequest) (SubscribeReply, error) {
	if err := socketOnTopic(id, r.Topic); err != nil {
		return SubscribeReply{}, err
	}
	past, err := s.topics.Join(ctx, id.Session, strings.Clone(r.Topic), r.Recover, s.maxRecover)
	if err != nil {
		return SubscribeReply{}, err
	}
	return SubscribeReply{
		Topic: r.Topic, Position: past.Position, Recovered: past.Recovered, Messages: messages(past.Frames),
	}, nil
}

// Unsubscribe lets a client's session leave a topic.
func (s *topicService) Unsubscribe(ctx context.Context, id account.Identity, r TopicRequest) (struct{}, error) {
	if err := socketOnTopic(id, r.Topic); err != nil {
		return struct{}{}, err
	}
	return struct{}{}, s.topics.Unsubscribe(ctx, id.Session, r.Topic)
}

// Publish delivers a client's message to a topic's members as push
// topic.Message. 403 unless Options.ClientPublish allows it.
func (s *topicService) Publish(ctx context.Context, id account.Identity, r PublishRequest) (PublishReply, error) {
	if err := socketOnTopic(id, r.Topic); err != nil {
		return PublishReply{}, err
	}
	if s.clientPublish == nil || !s.clientPublish(r.Topic) {
		return PublishReply{}, codec.Errorf(codec.CodeForbidden, "clients may not publish to this topic")
	}
	if err := validMessage("data", r.Data, s.maxMessage); err != nil {
		return PublishReply{}, err
	}
	now := s.clock.Now().UnixMilli()
	publish := topicMessagePush.With(TopicMessage{Topic: r.Topic, From: id.User, Data: r.Data, Time: now})
	var except string
	if r.ExceptSelf {
		except = id.Session
	}
	if s.topics.Remembers(r.Topic) {
		stamp, err := publish.Stamp(r.Topic)
		if err != nil {
			return PublishReply{}, err
		}
		receipt, at, err := s.topics.Publish(ctx, r.Topic, except, stamp)
		if err != nil {
			return PublishReply{}, err
		}
		return PublishReply{Sessions: receipt.Sessions, Time: now, Offset: at.Offset, Epoch: at.Epoch}, nil
	}
	frame, err := publish.Frame()
	if err != nil {
		return PublishReply{}, err
	}
	receipt, err := s.deliverer.Deliver(ctx, delivery.Target{Topics: []string{r.Topic}, Except: except}, frame)
	if err != nil {
		return PublishReply{}, err
	}
	return PublishReply{Sessions: receipt.Sessions, Time: now}, nil
}
