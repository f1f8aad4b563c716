package chat

import (
	"context"
	"slices"

	"pushd/internal/account"
)

// GroupRemoveRequest names whom to remove: one user, or several.
type GroupRemoveRequest struct {
	Group string   `json:"group"`
	User  string   `json:"user,omitempty"`
	Users []string `json:"users,omitempty"`
}

// GroupRemoveReply tells who was in.
type GroupRemoveReply struct {
	Removed []string `json:"removed"`
}

// GroupRoleRequest makes a member an admin, or an admin a member.
type GroupRoleRequest struct {
	Group string `json:"group"`
	User  string `json:"user"`
	Role  Role   `json:"role"`
}

// GroupUserRequest names one user of a group.
type GroupUserRequest struct {
	Group string `json:"group"`
	User  string `json:"user"`
}

// GroupMuteRequest silences a member; 0 seconds lets him speak again.
type GroupMuteRequest struct {
	Group   string `json:"group"`
	User    string `json:"user"`
	Seconds int64  `json:"seconds"`
}

// GroupMuteReply tells until when.
type GroupMuteReply struct {
	MutedUntil int64 `json:"muted_until"` // Unix milliseconds; 0 is not muted
}

// GroupRemarkRequest gives the caller a name of his own in the group, "" for none.
type GroupRemarkRequest struct {
	Group  string `json:"group"`
	As     string `json:"as,omitempty" jsonschema:"-"` // for whom a backend does it
	Remark string `json:"remark"`
}

// GroupMembersReply is a page of members in ascending order of user ids.
type GroupMembersReply struct {
	Members    []Member `json:"members"`
	NextCursor string   `json:"next_cursor,omitempty"`
}

// GroupMembers lists the members.
func (s *Service) GroupMembers(ctx context.Context, id account.Identity, r GroupPageRequest) (rep GroupMembersReply, err error) {
	defer s.refused("group.Members", id, r.Group, &err)
	if _, err := s.groupAs(ctx, id, r.Group, RoleMember); err != nil {
		return rep, err
	}
	rep.Members, rep.NextCursor, err = s.store.Members(ctx, r.Group, pageLimit(r.Limit), r.Cursor)
	return rep, err
}

// GroupRemove takes members out: an admin those without a role, the owner all
// others. Either all of them go or nobody does.
func (s *Service) GroupRemove(ctx context.Context, id account.Identity, r GroupRemoveRequest) (rep GroupRemoveReply, err error) {
	defer s.audit("group.Remove", id, r.Group, &err)
	p, err := s.groupAs(ctx, id, r.Group, RoleAdmin)
	if err != nil {
		return rep, err
	}
	users := slices.Clone(r.Users)
	if r.User != "" {
		users = append(users, r.User)
	}
	if err := s.namedUsers(p.actor, users); err != nil {
		return rep, err
	}
	rep.Removed, err = s.removeMembers(ctx, p, users, p.below())
	return rep, err
}

// GroupSetRole makes an admin or takes that back. 404 for who isn't in, 409 for
// the owner, 429 for more than MaxAdmins.
func (s *Service) GroupSetRole(ctx context.Context, id account.Identity, r GroupRoleRequest) (_ struct{}, err error) {
	defer s.audit("group.SetRole", id, r.Group, &err)
	p, err := s.groupAs(ctx, id, r.Group, RoleOwner)
	switch {
	case err != nil:
		return struct{}{}, err
	case r.Role == 0:
		return struct{}{}, malformed("role is missing: it is member or admin")
	case r.Role == RoleOwner:
		return struct{}{}, malformed("a group has one owner: transfer the group instead")
	}
	if err := s.store.SetRole(ctx, r.Group, r.User, r.Role, MaxAdmins); err != nil {
		return struct{}{}, err
	}
	s.tellMember(ctx, p, r.User)
	return struct{}{}, nil
}

// tellMember shows the group how one of its members is now.
func (s *Service) tellMember(ctx context.Context, p place, user string) {
	_, m, err := s.store.Place(context.WithoutCancel(ctx), p.group.ID, user)
	if err != nil {
		s.untoldOf(p.group.Conv, err)
		return
	}
	s.tellChanged(ctx, p.actor, p.group, nil, &m)
}

// GroupTransfer gives the group to another member; who had it becomes an admin.
func (s *Service) GroupTransfer(ctx context.Context, id account.Identity, r GroupUserRequest) (_ struct{}, err error) {
	defer s.audit("group.Transfer", id, r.Group, &err)
	p, err := s.groupAs(ctx, id, r.Group, RoleOwner)
	if err != nil {
		return struct{}{}, err
	}
	owned := s.opts.GroupsOwned
	if p.backend {
		owned = 0
	}
	if err := s.store.TransferGroup(ctx, r.Group, p.group.Owner, r.User, owned); err != nil {
		return struct{}{}, err
	}
	p.group.Owner = r.User
	s.tellChanged(ctx, p.actor, p.group, &p.group, nil)
	return struct{}{}, nil
}

// GroupMute silences a member for a time: an admin those without a role, the
// owner also admins.
func (s *Service) GroupMute(ctx context.Context, id account.Identity, r GroupMuteRequest) (rep GroupMuteReply, err error) {
	defer s.audit("group.Mute", id, r.Group, &err)
	p, err := s.groupAs(ctx, id, r.Group, RoleAdmin)
	if err != nil {
		return rep, err
	}
	if r.Seconds < 0 || r.Seconds > MaxMuteSeconds {
		return rep, malformed("seconds is 0 to %d, not %d", MaxMuteSeconds, r.Seconds)
	}
	if r.Seconds > 0 {
		rep.MutedUntil = s.now() + r.Seconds*1000
	}
	if err := s.store.MuteMember(ctx, r.Group, r.User, rep.MutedUntil, p.below()); err != nil {
		return GroupMuteReply{}, err
	}
	s.tellMember(ctx, p, r.User)
	return rep, nil
}

// GroupRemark names the caller in the group.
func (s *Service) GroupRemark(ctx context.Context, id account.Identity, r GroupRemarkRequest) (_ struct{}, err error) {
	defer s.audit("group.Remark", id, r.Group, &err)
	if err := checkText("remark", r.Remark, MaxGroupName, false); err != nil {
		return struct{}{}, err
	}
	_, user, err := actingFor(id, r.As)
	if err != nil {
		return struct{}{}, err
	}
	p, err := s.groupAs(ctx, id, r.Group, RoleMember)
	if err != nil {
		return struct{}{}, err
	}
	if err := s.store.RemarkMember(ctx, r.Group, user, r.Remark); err != nil {
		return struct{}{}, err
	}
	s.tellMember(ctx, p, user)
	return struct{}{}, nil
}
