package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"pushd/internal/account"
	"pushd/internal/codec"
	"pushd/internal/delivery"
)

// tellTimeout bounds how long it may take to tell clients what was done.
const tellTimeout = 5 * time.Second

// whenDone is the context of what follows a change that is committed: it goes on when
// the request that caused it is given up.
func whenDone(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), tellTimeout)
}

// toEverybody is the audience of a conversation, except one session, "" for none.
func toEverybody(conv, except string) delivery.Target {
	to := delivery.Target{Conversation: conv, Except: except}
	kind, a, b, _ := ParseKey(conv)
	switch kind {
	case KindSingle:
		to.Users = []string{a, b}
	case KindNotice:
		to.Users = []string{a}
	case KindGroup:
		to.Groups = []string{a}
	case KindBroadcast:
		to.Everyone = true
	}
	return to
}

// toUsers is the audience of some users; conv is what it is about, "" for no
// conversation.
func toUsers(conv string, users ...string) delivery.Target {
	return delivery.Target{Conversation: conv, Users: users}
}

// toOwnDevices is the audience of one user's sessions, except the one that caused it.
func toOwnDevices(conv, user, except string) delivery.Target {
	return delivery.Target{Conversation: conv, Users: []string{user}, Except: except}
}

// toReaders is the audience of what repeats a message: everybody in its conversation,
// and in a group only those who were in when it was sent. Nobody, when these can't be
// found out.
func (s *Service) toReaders(ctx context.Context, in *membership, m Message) delivery.Target {
	to := toEverybody(in.conv, in.Session)
	if in.kind == KindGroup {
		ctx, cancel := whenDone(ctx)
		defer cancel()
		late, err := s.store.JoinedAfter(ctx, in.group.ID, m.Seq)
		if err != nil {
			s.notTold(in.conv, err)
			return delivery.Target{}
		}
		to.Without = late
	}
	return to
}

// tell pushes what was done to an audience. It is done already and clients find it out
// when they next ask, so an error is for the log alone.
func (s *Service) tell(ctx context.Context, to delivery.Target, p codec.Push) {
	ctx, cancel := whenDone(ctx)
	defer cancel()
	s.notTold(to.Conversation, s.deliverPush(ctx, to, p))
}

// deliverPush encodes a push and hands it over. It is for those who tell one change by
// several pushes, in the time that ctx leaves for all of them.
func (s *Service) deliverPush(ctx context.Context, to delivery.Target, p codec.Push) error {
	if to.Empty() {
		return nil
	}
	f, err := p.Frame()
	if err == nil {
		_, err = s.deliver(ctx, to, f)
	}
	return err
}

// deliver is the one place where this package hands frames over. It returns those of
// the audience's users who have no session.
func (s *Service) deliver(ctx context.Context, to delivery.Target, f codec.Frame) (offline []string, err error) {
	r, err := s.deliverer.Deliver(ctx, to, f)
	return r.Offline, err
}

// notTold logs, once for each change, why clients were not told of it; conv is "" where
// it was about no conversation. It does nothing without an error.
func (s *Service) notTold(conv string, err error) {
	if err == nil {
		return
	}
	s.log.Warn("a change is stored, but not all clients were told: they get it when they next sync or ask",
		slog.String("conversation", conv), slog.Any("error", err))
}

// messageFrame is a message as others than its sender see it.
func messageFrame(m Message) (codec.Frame, error) {
	m.ClientID = ""
	return messagePush.With(m).Frame()
}

// tellMessage delivers a message that is committed to every session of everybody in its
// conversation, except one, in its turn. A nil turn is that of a message which was there
// already: nobody is told of it again. Subscribers are told when it is delivered: a bot's answer
// would otherwise reach clients before what it answers.
func (s *Service) tellMessage(ctx context.Context, m Message, turn *turn, except string) {
	if turn == nil {
		return
	}
	defer s.events.sent.Publish(MessageSent{m})
	ctx, cancel := whenDone(ctx)
	defer cancel()
	defer turn.end()
	turn.wait(ctx)
	f, err := messageFrame(m)
	if err == nil {
		err = s.deliverMessage(ctx, m, except, f)
	}
	s.notTold(m.Conv, err)
}

func (s *Service) deliverMessage(ctx context.Context, m Message, except string, f codec.Frame) (err error) {
	kind, a, b, _ := ParseKey(m.Conv)
	switch kind {
	case KindSingle:
		if a == m.From {
			a = b
		}
		if !isBot(a) { // which has no session, and hears MessageSent
			err = s.deliverToReceiver(ctx, m, a, f)
		}
		_, ownErr := s.deliver(ctx, toOwnDevices(m.Conv, m.From, except), f)
		return errors.Join(err, ownErr)
	case KindNotice:
		return s.deliverToReceiver(ctx, m, a, f)
	}
	_, err = s.deliver(ctx, toEverybody(m.Conv, except), f)
	return err
}

// deliverToReceiver delivers a message to the one user that it is for.
func (s *Service) deliverToReceiver(ctx context.Context, m Message, user string, f codec.Frame) error {
	to := toUsers(m.Conv, user)
	if m.OneDevice {
		to.OneDevice = true
		s.oneDevice.sent(m.Conv, user, m.Seq)
	}
	offline, err := s.deliver(ctx, to, f)
	if len(offline) > 0 {
		s.events.missed.Publish(MessageMissed{m, []string{user}})
	}
	return err
}

// tellJoined tells the group, the new members among it, who came.
func (s *Service) tellJoined(ctx context.Context, by caller, g GroupInfo, users []string) {
	if len(users) == 0 {
		return
	}
	ctx, cancel := whenDone(ctx)
	defer cancel()
	named := users[:min(len(users), maxNamed)]
	err := s.deliverPush(ctx, toEverybody(g.Conv, by.Session), groupJoinedPush.With(
		GroupJoined{Group: g.ID, Conv: g.Conv, Users: named, Count: len(users), By: by.User}))
	s.notTold(g.Conv, errors.Join(err, s.deliverNotice(ctx, g, Notice{EventJoined, named, len(users), by.User})))
}

// tellLeft tells those who are out, and the rest of the group.
func (s *Service) tellLeft(ctx context.Context, by caller, g GroupInfo, users []string) {
	if len(users) == 0 {
		return
	}
	ctx, cancel := whenDone(ctx)
	defer cancel()
	named := users[:min(len(users), maxNamed)]
	e := GroupLeft{Group: g.ID, Conv: g.Conv, Users: named, Count: len(users), Event: EventRemoved, By: by.User}
	if len(users) == 1 && users[0] == by.User {
		e.Event = EventLeft
	}
	err := s.deliverPush(ctx, toEverybody(g.Conv, by.Session), groupLeftPush.With(e))
	err = errors.Join(err, s.deliverNotice(ctx, g, Notice{e.Event, named, len(users), by.User}))
	for _, u := range users {
		if ctx.Err() != nil { // there is a time for all of them together
			err = errors.Join(err, ctx.Err())
			break
		}
		// Each is told of themselves: a long list would leave out those at its end.
		own := e
		own.Users, own.Count = []string{u}, 1
		ownErr := s.deliverPush(ctx, toOwnDevices(g.Conv, u, by.Session), groupLeftPush.With(own))
		if err == nil { // the first one says enough of a long list
			err = ownErr
		}
	}
	s.notTold(g.Conv, err)
}

// deliverNotice writes what happened into the group's conversation and delivers that.
func (s *Service) deliverNotice(ctx context.Context, g GroupInfo, n Notice) error {
	data, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("encode a notice: %w", err)
	}
	now := s.now()
	id, err := s.newID(now)
	if err != nil {
		return fmt.Errorf("make the id of a notice: %w", err)
	}
	m, turn, err := s.commit(ctx, account.Identity{}, Draft{
		ID: id, Conv: g.Conv, From: fromServer, Body: Body{Type: TypeNotice, Data: data}, Time: now,
	})
	if err != nil {
		return err
	}
	defer turn.end() // there is one: without a client id nothing is a duplicate
	turn.wait(ctx)
	return s.deliverPush(ctx, toEverybody(g.Conv, ""), messagePush.With(m))
}

// tellGroupChanged shows everybody in a group what it is now.
func (s *Service) tellGroupChanged(ctx context.Context, by caller, g GroupInfo) {
	s.tell(ctx, toEverybody(g.Conv, by.Session), groupChangedPush.With(
		GroupChanged{Group: g.ID, Conv: g.Conv, By: by.User, Info: &g}))
}

// tellMemberChanged shows everybody in a group how one of its members is now.
func (s *Service) tellMemberChanged(ctx context.Context, by caller, g GroupInfo, user string) {
	ctx, cancel := whenDone(ctx)
	defer cancel()
	_, member, err := s.store.GroupMembership(ctx, g.ID, user)
	if err == nil {
		err = s.deliverPush(ctx, toEverybody(g.Conv, by.Session), groupChangedPush.With(
			GroupChanged{Group: g.ID, Conv: g.Conv, By: by.User, Member: &member}))
	}
	s.notTold(g.Conv, err)
}

// tellAdmins tells those who can answer it that a user asks to join.
func (s *Service) tellAdmins(ctx context.Context, r GroupRequested) {
	ctx, cancel := whenDone(ctx)
	defer cancel()
	admins, err := s.store.Admins(ctx, r.Group)
	if err == nil {
		err = s.deliverPush(ctx, toUsers("", admins...), groupRequestedPush.With(r))
	}
	s.notTold(r.Conv, err)
}

// tellFriends tells both users what one of them did: the other one, and the user's own
// other devices.
func (s *Service) tellFriends(ctx context.Context, c caller, user, other string, push func(FriendEvent) codec.Push) {
	e := FriendEvent{User: user, By: user, Time: s.now()}
	s.tell(ctx, toUsers("", other), push(e))
	e.User = other
	s.tell(ctx, toOwnDevices("", user, c.Session), push(e))
}

// tellFriendChanged shows a change that is nobody else's business to the user's own
// other devices.
func (s *Service) tellFriendChanged(ctx context.Context, c caller, user string, f Friend) {
	s.tell(ctx, toOwnDevices("", user, c.Session), friendChangedPush.With(
		FriendChanged{User: f.User, By: user, Friend: f, Time: s.now()}))
}
