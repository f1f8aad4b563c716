package chat

import (
	"context"
	"slices"

	"pushd/internal/account"
)

// GroupUsersRequest names users of a group.
type GroupUsersRequest struct {
	Group string   `json:"group"`
	Users []string `json:"users"`
}

// GroupInviteReply tells who came in; the others were in.
type GroupInviteReply struct {
	Added []string `json:"added"`
}

// GroupRemoveRequest names who is to be removed: one user, or several.
type GroupRemoveRequest struct {
	Group string   `json:"group"`
	User  string   `json:"user,omitempty"`
	Users []string `json:"users,omitempty"`
}

// GroupRemoveReply tells who was in.
type GroupRemoveReply struct {
	Removed []string `json:"removed"`
}

// GroupRemarkRequest gives the caller a name of their own in the group, "" for none.
type GroupRemarkRequest struct {
	Group  string `json:"group"`
	As     string `json:"as,omitempty" jsonschema:"-"` // the user that a backend does it for
	Remark string `json:"remark"`
}

// GroupMembersReply is a page of members in ascending order of user ids.
type GroupMembersReply struct {
	Members    []Member `json:"members"`
	NextCursor string   `json:"next_cursor,omitempty"`
}

// GroupMembers lists the members.
func (s *Service) GroupMembers(
	ctx context.Context, id account.Identity, r GroupPageRequest,
) (rep GroupMembersReply, err error) {
	defer s.audit("group.members", traceRefusal, id, r.Group, &err)
	if _, err := s.authorizeGroup(ctx, id, r.Group, RoleMember); err != nil {
		return rep, err
	}
	rep.Members, rep.NextCursor, err = s.store.Members(ctx, r.Group, pageLimit(r.Limit), r.Cursor)
	return rep, err
}

// GroupInvite brings users in at once: every member can in an open group, admins
// in the others. 403 for a user who has blocked the caller.
func (s *Service) GroupInvite(
	ctx context.Context, id account.Identity, r GroupUsersRequest,
) (rep GroupInviteReply, err error) {
	defer s.audit("group.invite", traceChange, id, r.Group, &err)
	m, err := s.authorizeGroup(ctx, id, r.Group, RoleMember)
	if err != nil {
		return rep, err
	}
	if m.group.Join != JoinOpen && m.member.Role < RoleAdmin {
		return rep, rolesOnly()
	}
	if err := s.checkNamed(m.caller, r.Users); err != nil {
		return rep, err
	}
	if err := s.authorizeAdding(ctx, m.caller, r.Users); err != nil {
		return rep, err
	}
	rep.Added, err = s.addMembers(ctx, m.caller, m.group, r.Users)
	return rep, err
}

func (s *Service) checkNamed(c caller, users []string) error {
	most := MaxInvited
	if c.backend {
		most = max(s.opts.MaxGroup, MaxBackendGroup)
	}
	switch {
	case len(users) == 0:
		return malformed("users is empty: name at least one")
	case len(users) > most:
		return tooLarge("users has at most %d users, not %d: send several requests", most, len(users))
	}
	return account.ValidUserIDs(users)
}

// GroupRemove takes members out: an admin those without a role, the owner all
// others. Either all of them go or nobody does.
func (s *Service) GroupRemove(
	ctx context.Context, id account.Identity, r GroupRemoveRequest,
) (rep GroupRemoveReply, err error) {
	defer s.audit("group.remove", traceChange, id, r.Group, &err)
	m, err := s.authorizeGroup(ctx, id, r.Group, RoleAdmin)
	if err != nil {
		return rep, err
	}
	users := slices.Clone(r.Users)
	if r.User != "" {
		users = append(users, r.User)
	}
	if err := s.checkNamed(m.caller, users); err != nil {
		return rep, err
	}
	rep.Removed, err = s.removeMembers(ctx, m.caller, m.group, users, m.rolesBelow())
	return rep, err
}

// GroupRemark names the caller in the group.
func (s *Service) GroupRemark(
	ctx context.Context, id account.Identity, r GroupRemarkRequest,
) (_ struct{}, err error) {
	defer s.audit("group.remark", traceChange, id, r.Group, &err)
	if err := checkText("remark", r.Remark, MaxGroupName, false); err != nil {
		return struct{}{}, err
	}
	_, user, err := authorizeFor(id, r.As)
	if err != nil {
		return struct{}{}, err
	}
	m, err := s.authorizeGroup(ctx, id, r.Group, RoleMember)
	if err != nil {
		return struct{}{}, err
	}
	if err := s.store.RemarkMember(ctx, r.Group, user, r.Remark); err != nil {
		return struct{}{}, err
	}
	s.tellMemberChanged(ctx, m.caller, m.group, user)
	return struct{}{}, nil
}
