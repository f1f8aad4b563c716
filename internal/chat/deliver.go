package chat

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"pushd/internal/codec"
)

// telling bounds how long delivery of what is committed may take. It goes on when
// the request that caused it is given up.
const telling = 5 * time.Second

// messageFrame is a message as others than its sender see it.
func messageFrame(m Message) (codec.Frame, error) {
	m.ClientID = ""
	return codec.Push("chat", "Message", m)
}

// spread delivers a message that is committed to every session of everybody in its
// conversation, except one. What can't be delivered now is there for Sync, so an
// error is for the log alone.
func (s *Service) spread(ctx context.Context, m Message, except string) {
	s.after(m)
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
		s.wake(m, a)
		err = s.reachGroup(ctx, a, except, f)
	case KindBroadcast:
		err = s.deliver.ToEveryone(ctx, f)
	}
	if err != nil {
		s.untoldOf(m.Conv, err)
	}
}

func (s *Service) spreadSingle(ctx context.Context, m Message, peer, except string, f codec.Frame) error {
	if name, ok := strings.CutPrefix(peer, botPrefix); ok {
		// Bots don't answer bots, or two of them would never stop.
		if s.bots != nil && !strings.HasPrefix(m.From, botPrefix) {
			s.bots.Said(m, name)
		}
		_, err := s.deliver.ToUsers(ctx, []string{m.From}, except, f)
		return err
	}
	err := s.spreadTo(ctx, m, peer, f)
	if _, own := s.deliver.ToUsers(ctx, []string{m.From}, except, f); err == nil {
		err = own
	}
	return err
}

// spreadTo delivers to one user, who is not the sender.
func (s *Service) spreadTo(ctx context.Context, m Message, user string, f codec.Frame) error {
	away, err := s.toOne(ctx, m, user, f)
	if away && s.offline != nil {
		s.offline.Missed(m, []string{user})
	}
	return err
}

// toOne tells whether the user has no session.
func (s *Service) toOne(ctx context.Context, m Message, user string, f codec.Frame) (away bool, err error) {
	if m.OneDevice {
		s.alone.sent(m.Conv, user, m.Seq)
		session, err := s.deliver.ToOneDevice(ctx, user, f)
		return session == "" && err == nil, err
	}
	offline, err := s.deliver.ToUsers(ctx, []string{user}, "", f)
	return len(offline) > 0, err
}

// reach pushes to every session of everybody in a conversation, except one.
func (s *Service) reach(ctx context.Context, conv, except, action string, data any) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), telling)
	defer cancel()
	f, err := codec.Push("chat", action, data)
	if err == nil {
		kind, a, b, _ := ParseKey(conv)
		switch kind {
		case KindSingle:
			_, err = s.deliver.ToUsers(ctx, []string{a, b}, except, f)
		case KindNotice:
			_, err = s.deliver.ToUsers(ctx, []string{a}, except, f)
		case KindGroup:
			err = s.reachGroup(ctx, a, except, f)
		case KindBroadcast:
			err = s.deliver.ToEveryone(ctx, f)
		}
	}
	if err != nil {
		s.untoldOf(conv, err)
	}
}

// reachReaders is reach for what repeats a message: in a group only those get it who
// were in when it was sent.
func (s *Service) reachReaders(ctx context.Context, p seat, m Message, except, action string, data any) {
	if p.kind != KindGroup {
		s.reach(ctx, p.conv, except, action, data)
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), telling)
	defer cancel()
	late, err := s.store.JoinedAfter(ctx, p.id, m.Seq)
	if err == nil && len(late) == 0 {
		s.reach(ctx, p.conv, except, action, data)
		return
	}
	var members []string
	if err == nil {
		members, err = s.store.MemberIDs(ctx, p.id)
	}
	if err != nil {
		s.untoldOf(p.conv, err)
		return
	}
	slices.Sort(late)
	members = slices.DeleteFunc(members, func(u string) bool {
		_, is := slices.BinarySearch(late, u)
		return is
	})
	if len(members) > 0 {
		s.reachUsers(ctx, members, except, action, data)
	}
}

// reachUsers pushes to every session of some users, except one.
func (s *Service) reachUsers(ctx context.Context, users []string, except, action string, data any) {
	f, err := codec.Push("chat", action, data)
	if err == nil {
		_, err = s.deliver.ToUsers(context.WithoutCancel(ctx), users, except, f)
	}
	if err != nil {
		s.untoldOf(users[0], err)
	}
}

// reachGroup pushes to a group, whose members are loaded if they aren't yet.
func (s *Service) reachGroup(ctx context.Context, group, except string, f codec.Frame) error {
	for again := false; ; again = true {
		if err := s.LoadGroup(ctx, group); err != nil {
			return err
		}
		err := s.deliver.ToGroup(ctx, group, except, f)
		if err == nil || again || s.deliver.Loaded(group) {
			return err
		}
		// It was forgotten in between: once more.
	}
}

// LoadGroup makes sure that the live copy of a stored group is there, by which the
// node's sessions of its members are reached. 404 when there is no such group.
func (s *Service) LoadGroup(ctx context.Context, group string) error {
	if s.deliver.Loaded(group) {
		return nil
	}
	return s.deliver.LoadGroup(ctx, group, func() ([]string, error) { return s.store.MemberIDs(ctx, group) })
}

// LoadGroups is LoadGroup for several, of which some may not exist.
func (s *Service) LoadGroups(ctx context.Context, groups []string) error {
	for _, g := range groups {
		if err := s.LoadGroup(ctx, g); err != nil && !missing(err) {
			return err
		}
	}
	return nil
}

// untoldOf logs that something was done, and who should know was not told now.
func (s *Service) untoldOf(conv string, err error) {
	s.log.Warn("done, and not told now", slog.String("target", conv), slog.Any("cause", err))
}
