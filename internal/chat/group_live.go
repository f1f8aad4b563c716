package chat

import (
	"context"
	"encoding/json"

	"pushd/internal/codec"
	"pushd/internal/delivery"
)

// Events of notices.
const (
	EventJoined  = "joined"
	EventLeft    = "left"    // by themselves
	EventRemoved = "removed" // by somebody else
)

// Notice is the data of a message of TypeNotice: what happened in a group.
type Notice struct {
	Event string   `json:"event"`
	Users []string `json:"users"`        // at most 100 of them
	Count int      `json:"count"`        // all of them
	By    string   `json:"by,omitempty"` // absent when a backend did it
}

// tellJoined tells the group, the new ones among it, who came.
func (s *Service) tellJoined(ctx context.Context, by actor, g GroupInfo, users []string) {
	if len(users) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), telling)
	defer cancel()
	e := GroupJoined{Group: g.ID, Conv: g.Conv, Users: some(users), Count: len(users), By: by.User}
	s.pushGroup(ctx, g, groupJoinedPush.With(e), by.Session)
	s.appendNotice(ctx, g, Notice{EventJoined, some(users), len(users), by.User})
}

// tellLeft tells those who are out, and the rest of the group.
func (s *Service) tellLeft(ctx context.Context, by actor, g GroupInfo, users []string) {
	if len(users) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), telling)
	defer cancel()
	e := GroupLeft{Group: g.ID, Conv: g.Conv, Users: some(users), Count: len(users), Event: EventRemoved, By: by.User}
	if len(users) == 1 && users[0] == by.User {
		e.Event = EventLeft
	}
	s.pushGroup(ctx, g, groupLeftPush.With(e), by.Session)
	for _, u := range users {
		// Each is told of himself: a long list would leave out those at its end.
		own := e
		own.Users, own.Count = []string{u}, 1
		s.pushUsers(ctx, g.Conv, groupLeftPush.With(own), by.Session, u)
	}
	s.appendNotice(ctx, g, Notice{e.Event, some(users), len(users), by.User})
}

// tellChanged shows everybody in the group what is different.
func (s *Service) tellChanged(ctx context.Context, by actor, g GroupInfo, info *GroupInfo, m *Member) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), telling)
	defer cancel()
	e := GroupChanged{Group: g.ID, Conv: g.Conv, By: by.User, Info: info, Member: m}
	s.pushGroup(ctx, g, groupChangedPush.With(e), by.Session)
}

// appendNotice writes what happened into the conversation. It has happened, so an
// error is for the log alone.
func (s *Service) appendNotice(ctx context.Context, g GroupInfo, n Notice) {
	err := func() error {
		data, err := json.Marshal(n)
		if err != nil {
			return err
		}
		now := s.now()
		id, err := s.newID(now)
		if err != nil {
			return err
		}
		m, _, err := s.store.Append(ctx, Draft{ID: id, Conv: g.Conv, From: fromServer, Body: Body{Type: TypeNotice, Data: data}, Time: now})
		if err != nil {
			return err
		}
		frame, err := messageFrame(m)
		if err != nil {
			return err
		}
		return s.deliverTo(ctx, g.Conv, audience(g.Conv), frame)
	}()
	if err != nil {
		s.untoldOf(g.Conv, err)
	}
}

func (s *Service) pushGroup(ctx context.Context, g GroupInfo, p codec.Push, except string) {
	frame, err := p.Frame()
	if err == nil {
		err = s.deliverTo(ctx, g.Conv, delivery.Target{Groups: []string{g.ID}, Except: except}, frame)
	}
	if err != nil {
		s.untoldOf(g.Conv, err)
	}
}

// pushUsers pushes to every session of some users, except one. conv is what it is
// about, "" for no conversation.
func (s *Service) pushUsers(ctx context.Context, conv string, p codec.Push, except string, users ...string) {
	frame, err := p.Frame()
	if err == nil {
		err = s.deliverTo(ctx, conv, delivery.Target{Users: users, Except: except}, frame)
	}
	if err != nil {
		s.untoldOf(users[0], err)
	}
}

// Deleting finds the groups of a user who is about to be deleted, and returns what
// forgets their live copies once he is: they hold his name, which somebody else may
// register. They are loaded anew when they are next sent to.
func (s *Service) Deleting(ctx context.Context, user string) (deleted func(), err error) {
	var groups []string
	for cursor := ""; ; {
		page, next, err := s.store.GroupsOf(ctx, user, maxPage, cursor)
		if err != nil {
			return nil, err
		}
		for _, g := range page {
			groups = append(groups, g.ID)
		}
		if cursor = next; cursor == "" {
			break
		}
	}
	return func() {
		for _, g := range groups {
			s.members.MembersChanged(delivery.MemberChange{Group: g})
			s.events.membersChanged(MembersChanged{MemberChange: delivery.MemberChange{Group: g, Left: []string{user}}})
		}
	}, nil
}
