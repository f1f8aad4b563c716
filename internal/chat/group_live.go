package chat

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"pushd/internal/codec"
)

// Server is who speaks in notices; no user id begins with "$".
const Server = "$server"

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

// GroupEvent is the data of the pushes of module group. Which fields it has
// follows from the action.
type GroupEvent struct {
	Group  string     `json:"group"`
	Conv   string     `json:"conv"`
	Users  []string   `json:"users,omitempty"`  // Joined, Left: at most 100 of them
	Count  int        `json:"count,omitempty"`  // Joined, Left: all of them
	Event  string     `json:"event,omitempty"`  // Left: left or removed
	By     string     `json:"by,omitempty"`     // absent when a backend did it
	Info   *GroupInfo `json:"info,omitempty"`   // Changed: the group as it is now
	Member *Member    `json:"member,omitempty"` // Changed: a member as he is now
	User   string     `json:"user,omitempty"`   // Requested: who
	Text   string     `json:"text,omitempty"`   // Requested: what came with it
	Time   int64      `json:"time,omitempty"`   // Requested: Unix milliseconds
}

// afterwards bounds the telling of what is done already. It goes on when the
// request is given up.
const afterwards = 5 * time.Second

// loadGroup makes sure that the live copy of a stored group is there, by which the
// node's sessions of its members are reached. 404 when there is no such group.
func (s *Service) loadGroup(ctx context.Context, group string) error {
	return s.deliver.LoadGroup(ctx, group, func() ([]string, error) { return s.store.MemberIDs(ctx, group) })
}

// changeMembers makes a change in the group's turn and follows it in the live copy.
func (s *Service) changeMembers(ctx context.Context, group string, change func() (joined, left []string, err error)) error {
	done, err := s.turns.take(ctx, group)
	if err != nil {
		return err
	}
	defer done()
	joined, left, err := change()
	switch {
	case err == nil:
		if len(left) > 0 {
			s.deliver.LeaveGroup(group, left...)
		}
		if len(joined) > 0 {
			s.deliver.JoinGroup(group, joined...)
		}
	case codec.AsError(err).Code >= codec.CodeInternal:
		// It may have been done all the same: who sends next reads the members again.
		s.deliver.ForgetGroup(group)
	}
	return err
}

// tellJoined tells the group, the new ones among it, who came.
func (s *Service) tellJoined(ctx context.Context, by actor, g GroupInfo, users []string) {
	if len(users) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), afterwards)
	defer cancel()
	s.pushGroup(ctx, "Joined", GroupEvent{Group: g.ID, Conv: g.Conv, Users: some(users), Count: len(users), By: by.User}, by.Session)
	s.appendNotice(ctx, g, Notice{EventJoined, some(users), len(users), by.User})
}

// tellLeft tells those who are out, and the rest of the group.
func (s *Service) tellLeft(ctx context.Context, by actor, g GroupInfo, users []string) {
	if len(users) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), afterwards)
	defer cancel()
	e := GroupEvent{Group: g.ID, Conv: g.Conv, Users: some(users), Count: len(users), Event: EventRemoved, By: by.User}
	if len(users) == 1 && users[0] == by.User {
		e.Event = EventLeft
	}
	s.pushGroup(ctx, "Left", e, by.Session)
	for _, u := range users {
		// Each is told of himself: a long list would leave out those at its end.
		own := e
		own.Users, own.Count = []string{u}, 1
		s.pushUsers(ctx, "group", "Left", own, by.Session, u)
	}
	s.appendNotice(ctx, g, Notice{e.Event, some(users), len(users), by.User})
}

// tellChanged shows everybody in the group what is different.
func (s *Service) tellChanged(ctx context.Context, by actor, g GroupInfo, info *GroupInfo, m *Member) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), afterwards)
	defer cancel()
	s.pushGroup(ctx, "Changed", GroupEvent{Group: g.ID, Conv: g.Conv, By: by.User, Info: info, Member: m}, by.Session)
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
		m, _, err := s.store.Append(ctx, Draft{ID: id, Conv: g.Conv, From: Server, Body: Body{Type: TypeNotice, Data: data}, Time: now})
		if err != nil {
			return err
		}
		frame, err := codec.Push("chat", "Message", m)
		if err != nil {
			return err
		}
		return s.toGroup(ctx, g.ID, "", frame)
	}()
	if err != nil {
		s.untold("notice", g.ID, err)
	}
}

func (s *Service) pushGroup(ctx context.Context, action string, e GroupEvent, except string) {
	frame, err := codec.Push("group", action, e)
	if err == nil {
		err = s.toGroup(ctx, e.Group, except, frame)
	}
	if err != nil {
		s.untold("group."+action, e.Group, err)
	}
}

func (s *Service) toGroup(ctx context.Context, group, except string, f codec.Frame) error {
	if err := s.loadGroup(ctx, group); err != nil {
		return err
	}
	return s.deliver.ToGroup(ctx, group, except, f)
}

func (s *Service) pushUsers(ctx context.Context, module, action string, data any, except string, users ...string) {
	frame, err := codec.Push(module, action, data)
	if err == nil {
		_, err = s.deliver.ToUsers(ctx, users, except, frame)
	}
	if err != nil {
		s.untold(module+"."+action, users[0], err)
	}
}

// untold logs that something was done, and who should know was not told.
func (s *Service) untold(what, target string, err error) {
	s.log.Warn("done, and not told", slog.String("push", what), slog.String("target", target), slog.Any("cause", err))
}
