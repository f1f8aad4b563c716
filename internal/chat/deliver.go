package chat

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"pushd/internal/codec"
	"pushd/internal/delivery"
)

// telling bounds how long delivery of what is committed may take. It goes on when
// the request that caused it is given up.
const telling = 5 * time.Second

// messageFrame is a message as others than its sender see it.
func messageFrame(m Message) (codec.Frame, error) {
	m.ClientID = ""
	return messagePush.With(m).Frame()
}

// spread delivers a message that is committed to every session of everybody in its
// conversation, except one. What can't be delivered now is there for Sync, so an
// error is for the log alone.
func (s *Service) spread(ctx context.Context, m Message, except string) {
	s.events.sent.Publish(MessageSent{m})
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), telling)
	defer cancel()
	f, err := messageFrame(m)
	if err != nil {
		s.untoldOf(m.Conv, err)
		return
	}
	kind, a, b, _ := ParseKey(m.Conv)
	switch kind {
	case KindSingle:
		if a == m.From {
			a = b
		}
		err = s.spreadSingle(ctx, m, a, except, f)
	case KindNotice:
		err = s.spreadTo(ctx, m, a, f)
	case KindGroup:
		err = s.deliverTo(ctx, m.Conv, delivery.Target{Groups: []string{a}, Except: except}, f)
	case KindBroadcast:
		err = s.deliverTo(ctx, m.Conv, delivery.Target{Everyone: true}, f)
	}
	if err != nil {
		s.untoldOf(m.Conv, err)
	}
}

// deliverTo queues a frame about a conversation, in the order of what is about it.
func (s *Service) deliverTo(ctx context.Context, conv string, to delivery.Target, f codec.Frame) error {
	to.Conversation = conv
	_, err := s.deliver.Deliver(ctx, to, f)
	return err
}

func (s *Service) spreadSingle(ctx context.Context, m Message, peer, except string, f codec.Frame) error {
	if strings.HasPrefix(peer, botPrefix) { // which has no session, and hears MessageSent
		return s.deliverTo(ctx, m.Conv, delivery.Target{Users: []string{m.From}, Except: except}, f)
	}
	return errors.Join(
		s.spreadTo(ctx, m, peer, f),
		s.deliverTo(ctx, m.Conv, delivery.Target{Users: []string{m.From}, Except: except}, f),
	)
}

// spreadTo delivers to one user, who is not the sender.
func (s *Service) spreadTo(ctx context.Context, m Message, user string, f codec.Frame) error {
	away, err := s.toOne(ctx, m, user, f)
	if away {
		s.events.missed.Publish(MessageMissed{m, []string{user}})
	}
	return err
}

// toOne tells whether the user has no session.
func (s *Service) toOne(ctx context.Context, m Message, user string, f codec.Frame) (away bool, err error) {
	if m.OneDevice {
		s.alone.sent(m.Conv, user, m.Seq)
	}
	r, err := s.deliver.Deliver(ctx, delivery.Target{Users: []string{user}, OneDevice: m.OneDevice, Conversation: m.Conv}, f)
	return len(r.Offline) > 0, err
}

// reach pushes to every session of everybody in a conversation, except one and
// those of some users.
func (s *Service) reach(ctx context.Context, conv, except string, p codec.Push, without ...string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), telling)
	defer cancel()
	f, err := p.Frame()
	if err == nil {
		to := audience(conv)
		to.Except, to.Without = except, without
		err = s.deliverTo(ctx, conv, to, f)
	}
	if err != nil {
		s.untoldOf(conv, err)
	}
}

// audience is everybody in a conversation.
func audience(conv string) delivery.Target {
	kind, a, b, _ := ParseKey(conv)
	switch kind {
	case KindSingle:
		return delivery.Target{Users: []string{a, b}}
	case KindNotice:
		return delivery.Target{Users: []string{a}}
	case KindGroup:
		return delivery.Target{Groups: []string{a}}
	case KindBroadcast:
		return delivery.Target{Everyone: true}
	}
	return delivery.Target{}
}

// reachReaders is reach for what repeats a message: in a group only those get it who
// were in when it was sent.
func (s *Service) reachReaders(ctx context.Context, p seat, m Message, except string, push codec.Push) {
	var late []string
	if p.kind == KindGroup {
		var err error
		if late, err = s.store.JoinedAfter(context.WithoutCancel(ctx), p.id, m.Seq); err != nil {
			s.untoldOf(p.conv, err)
			return
		}
	}
	s.reach(ctx, p.conv, except, push, late...)
}

// reachUsers pushes to every session of some users of a conversation, except one.
func (s *Service) reachUsers(ctx context.Context, conv string, users []string, except string, p codec.Push) {
	f, err := p.Frame()
	if err == nil {
		err = s.deliverTo(context.WithoutCancel(ctx), conv, delivery.Target{Users: users, Except: except}, f)
	}
	if err != nil {
		s.untoldOf(conv, err)
	}
}

// untoldOf logs that something was done, and who should know was not told now.
func (s *Service) untoldOf(conv string, err error) {
	s.log.Warn("done, and not told now", slog.String("target", conv), slog.Any("error", err))
}
