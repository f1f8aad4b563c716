package chat

import (
	"context"

	"pushd/internal/codec"
	"pushd/internal/delivery"
)

// MemberSource tells nodes who is in stored groups.
type MemberSource struct{ store Memberships }

var _ delivery.MemberSource = (*MemberSource)(nil)

// NewMemberSource makes one over a store.
func NewMemberSource(store Memberships) *MemberSource { return &MemberSource{store} }

// Members implements delivery.MemberSource.
func (m *MemberSource) Members(ctx context.Context, group string) (users []string, revision uint64, err error) {
	return m.store.MemberIDs(ctx, group)
}

// addMembers brings users in and tells the group.
func (s *Service) addMembers(
	ctx context.Context, by caller, g GroupInfo, users []string,
) (added []string, err error) {
	_, in := s.groupBounds(by)
	c, err := s.changeMembers(by.changes(g.ID), func() (delivery.MemberChange, error) {
		return s.store.AddMembers(ctx, g.ID, users, in, s.now())
	})
	if err != nil {
		return nil, err
	}
	s.tellJoined(ctx, by, g, c.Joined)
	return orEmpty(c.Joined), nil
}

// removeMembers takes out those below a role and tells them and the group.
func (s *Service) removeMembers(
	ctx context.Context, by caller, g GroupInfo, users []string, below Role,
) (removed []string, err error) {
	c, err := s.changeMembers(by.changes(g.ID), func() (delivery.MemberChange, error) {
		return s.store.RemoveMembers(ctx, g.ID, users, below)
	})
	if err != nil {
		return nil, err
	}
	s.tellLeft(ctx, by, g, c.Left)
	return c.Left, nil
}

// changeMembers makes a change of a group's members, and tells those who hold them
// and those who subscribe.
func (s *Service) changeMembers(
	event MembersChanged, change func() (delivery.MemberChange, error),
) (delivery.MemberChange, error) {
	c, err := change()
	switch {
	case err == nil:
		if c.Revision != 0 {
			if event.Dismissed { // no empty list of a group that is gone is held
				s.members.MembersChanged(delivery.MemberChange{Group: c.Group})
			} else {
				s.members.MembersChanged(c)
			}
			event.MemberChange = c
			s.events.membersChanged(event)
		}
	case codec.AsError(err).Code >= codec.CodeInternal:
		// It may have been done all the same: who sends next reads the members again.
		s.members.MembersChanged(delivery.MemberChange{Group: event.Group})
	}
	return c, err
}

// Deleting finds the groups of a user who is about to be deleted, and returns what
// drops these groups' members from memory once that is done: the user's name is among
// them, and somebody else may register it. They are read again when they are next needed.
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
		// Also of groups that the user has joined since.
		s.members.UserDeleted(user)
		for _, g := range groups {
			s.events.membersChanged(MembersChanged{MemberChange: delivery.MemberChange{Group: g, Left: []string{user}}})
		}
	}, nil
}
