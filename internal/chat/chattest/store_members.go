package chattest

import (
	"context"
	"maps"
	"slices"

	"pushd/internal/chat"
	"pushd/internal/codec"
	"pushd/internal/delivery"
)

// AddMembers implements chat.Groups.
func (s *Store) AddMembers(
	_ context.Context, id string, users []string, in int, now int64,
) (c delivery.MemberChange, err error) {
	if err := s.begin("AddMembers"); err != nil {
		return c, err
	}
	defer s.mu.Unlock()
	c.Joined, err = s.addMembers(id, users, in, now)
	return s.revised(id, c, err)
}

// revised is a change with the revision that it makes, if it is one.
func (s *Store) revised(id string, c delivery.MemberChange, err error) (delivery.MemberChange, error) {
	if err != nil {
		return delivery.MemberChange{}, err
	}
	c.Group = id
	if len(c.Joined)+len(c.Left) > 0 {
		s.revisions[id]++
		c.Revision = s.revisions[id]
	}
	return c, nil
}

func (s *Store) addMembers(id string, users []string, in int, now int64) ([]string, error) {
	g, c, err := s.group(id)
	if err != nil {
		return nil, err
	}
	fresh := []string{}
	for _, u := range slices.Compact(slices.Sorted(slices.Values(users))) {
		if c.members[u] == nil {
			fresh = append(fresh, u)
		}
	}
	if err := s.checkRoom(g, fresh, in); err != nil {
		return nil, err
	}
	for _, u := range fresh {
		c.add(u, chat.RoleMember, now)
		delete(s.requests, [2]string{id, u})
	}
	s.count(id, len(fresh))
	return fresh, nil
}

// count adds to a group's number of members.
func (s *Store) count(id string, more int) {
	g := s.groups[id]
	g.Members += more
	s.groups[id] = g
}

// RemoveMembers implements chat.Groups.
func (s *Store) RemoveMembers(
	_ context.Context, id string, users []string, below chat.Role,
) (change delivery.MemberChange, err error) {
	if err := s.begin("RemoveMembers"); err != nil {
		return change, err
	}
	defer s.mu.Unlock()
	_, c, err := s.group(id)
	if err != nil {
		return change, err
	}
	var highest chat.Member
	for _, u := range users {
		if m := c.members[u]; m != nil && m.Role > highest.Role {
			highest = *m
		}
	}
	if err := refuseRole(highest, below); err != nil {
		return change, err
	}
	change.Left = s.removeMembers(id, c, users)
	return s.revised(id, change, nil)
}

// refuseRole is the error of a member whose role is not below the one given.
func refuseRole(m chat.Member, below chat.Role) error {
	switch {
	case m.Role < below:
		return nil
	case m.Role == chat.RoleOwner && below >= chat.RoleOwner:
		return codec.Errorf(codec.CodeConflict, "%s owns the group: transfer or dismiss it first", m.User)
	}
	return codec.Errorf(codec.CodeForbidden, "%s is an admin of this group, or its owner: only the owner can do that",
		m.User)
}

func (s *Store) removeMembers(id string, c *conversation, users []string) []string {
	removed := []string{}
	for _, u := range slices.Compact(slices.Sorted(slices.Values(users))) {
		if c.members[u] != nil {
			c.remove(u)
			removed = append(removed, u)
		}
	}
	s.count(id, -len(removed))
	return removed
}

// SetMembers implements chat.Groups.
func (s *Store) SetMembers(
	_ context.Context, id string, users []string, now int64,
) (change delivery.MemberChange, err error) {
	if err := s.begin("SetMembers"); err != nil {
		return change, err
	}
	defer s.mu.Unlock()
	g, c, err := s.group(id)
	if err != nil {
		return change, err
	}
	var leave []string
	after := map[string]bool{}
	for _, u := range users {
		after[u] = true
	}
	for u, m := range c.members {
		if m.Role == chat.RoleOwner {
			after[u] = true
		} else if !after[u] {
			leave = append(leave, u)
		}
	}
	if len(after) > g.Limit {
		return change, codec.Errorf(codec.CodeTooMany, "the group is full: at most %d members", g.Limit)
	}
	change.Left = s.removeMembers(id, c, leave)
	change.Joined, err = s.addMembers(id, users, 0, now)
	return s.revised(id, change, err)
}

// Members implements chat.Groups.
func (s *Store) Members(_ context.Context, id string, limit int, cursor string) ([]chat.Member, string, error) {
	if err := s.begin("Members"); err != nil {
		return nil, "", err
	}
	defer s.mu.Unlock()
	_, c, err := s.group(id)
	if err != nil {
		return nil, "", err
	}
	var all []chat.Member
	for _, u := range slices.Sorted(maps.Keys(c.members)) {
		all = append(all, *c.members[u])
	}
	return pageOf(all, limit, cursor)
}

// MemberIDs implements chat.Groups.
func (s *Store) MemberIDs(_ context.Context, id string) (users []string, revision uint64, err error) {
	if err := s.begin("MemberIDs"); err != nil {
		return nil, 0, err
	}
	defer s.mu.Unlock()
	_, c, err := s.group(id)
	if err != nil {
		return nil, 0, err
	}
	return slices.AppendSeq([]string{}, slices.Values(slices.Sorted(maps.Keys(c.members)))), s.revisions[id], nil
}

// Admins implements chat.Groups.
func (s *Store) Admins(_ context.Context, id string) ([]string, error) {
	return s.memberNames("Admins", id, func(m *chat.Member) bool { return m.Role >= chat.RoleAdmin })
}

// JoinedAfter implements chat.Groups.
func (s *Store) JoinedAfter(_ context.Context, id string, seq uint64) ([]string, error) {
	return s.memberNames("JoinedAfter", id, func(m *chat.Member) bool { return m.JoinSeq >= seq })
}

func (s *Store) memberNames(operation, id string, in func(*chat.Member) bool) ([]string, error) {
	if err := s.begin(operation); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	_, c, err := s.group(id)
	if err != nil {
		return nil, err
	}
	users := []string{}
	for _, u := range slices.Sorted(maps.Keys(c.members)) {
		if in(c.members[u]) {
			users = append(users, u)
		}
	}
	return users, nil
}

func memberNotFound(user string) error {
	return codec.Errorf(codec.CodeNotFound, "%s is not a member of this group", user)
}

// changeMember changes one member below a role.
func (s *Store) changeMember(
	operation, id, user string, below chat.Role, change func(c *conversation, m *chat.Member) error,
) error {
	if err := s.begin(operation); err != nil {
		return err
	}
	defer s.mu.Unlock()
	_, c, err := s.group(id)
	if err != nil {
		return err
	}
	m := c.members[user]
	if m == nil {
		return memberNotFound(user)
	}
	if err := refuseRole(*m, below); err != nil {
		return err
	}
	return change(c, m)
}

// SetRole implements chat.Groups.
func (s *Store) SetRole(_ context.Context, id, user string, role chat.Role, admins int) error {
	return s.changeMember("SetRole", id, user, chat.RoleOwner, func(c *conversation, m *chat.Member) error {
		n := 0
		for _, o := range c.members {
			if o != m && o.Role == chat.RoleAdmin {
				n++
			}
		}
		if role == chat.RoleAdmin && admins > 0 && n >= admins {
			return codec.Errorf(codec.CodeTooMany, "a group has at most %d admins", admins)
		}
		m.Role = role
		return nil
	})
}

// MuteMember implements chat.Groups.
func (s *Store) MuteMember(_ context.Context, id, user string, until int64, below chat.Role) error {
	return s.changeMember("MuteMember", id, user, below, func(_ *conversation, m *chat.Member) error {
		m.MutedUntil = until
		return nil
	})
}

// RemarkMember implements chat.Groups.
func (s *Store) RemarkMember(_ context.Context, id, user, remark string) error {
	return s.changeMember("RemarkMember", id, user, chat.RoleOwner+1, func(_ *conversation, m *chat.Member) error {
		m.Remark = remark
		return nil
	})
}

// TransferGroup implements chat.Groups.
func (s *Store) TransferGroup(_ context.Context, id, from, to string, owned int) error {
	if err := s.begin("TransferGroup"); err != nil {
		return err
	}
	defer s.mu.Unlock()
	g, c, err := s.group(id)
	switch {
	case err != nil:
		return err
	case g.Owner != from:
		return codec.Errorf(codec.CodeConflict, "the group has another owner by now")
	case from == to:
		return nil
	case c.members[to] == nil:
		return memberNotFound(to)
	case owned > 0 && s.owned(to) >= owned:
		return codec.Errorf(codec.CodeTooMany, "%s owns %d groups already", to, owned)
	}
	if m := c.members[from]; m != nil {
		m.Role = chat.RoleAdmin
	}
	c.members[to].Role = chat.RoleOwner
	g.Owner = to
	s.groups[id] = g
	return nil
}
