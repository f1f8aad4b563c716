package chat

import (
	"context"

	"pushd/internal/account"
)

var roleNames = [...]string{RoleMember: "member", RoleAdmin: "admin", RoleOwner: "owner"}

// roleBackend is what an API key with scope admin acts as: more than an owner.
const roleBackend = RoleOwner + 1

// String is the role's name, "" for none.
func (r Role) String() string {
	if int(r) < len(roleNames) {
		return roleNames[r]
	}
	return ""
}

// MarshalText makes a role its name in JSON.
func (r Role) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads a name. The error is a *codec.Error with code 400.
func (r *Role) UnmarshalText(text []byte) error {
	for role, name := range roleNames {
		if name != "" && name == string(text) {
			*r = Role(role)
			return nil
		}
	}
	return malformed("role is member or admin, not %.32q", text)
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

// GroupMuteRequest silences a member; 0 seconds lets them write again.
type GroupMuteRequest struct {
	Group   string `json:"group"`
	User    string `json:"user"`
	Seconds int64  `json:"seconds"`
}

// GroupMuteReply tells until when.
type GroupMuteReply struct {
	MutedUntil int64 `json:"muted_until"` // Unix milliseconds; 0 is not muted
}

// GroupSetRole makes an admin or takes that back. 404 for who isn't in, 409 for
// the owner, 429 for more than MaxAdmins.
func (s *Service) GroupSetRole(ctx context.Context, id account.Identity, r GroupRoleRequest) (_ struct{}, err error) {
	defer s.audit("group.set_role", traceChange, id, r.Group, &err)
	m, err := s.authorizeGroup(ctx, id, r.Group, RoleOwner)
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
	s.tellMemberChanged(ctx, m.caller, m.group, r.User)
	return struct{}{}, nil
}

// GroupTransfer gives the group to another member; who had it becomes an admin.
func (s *Service) GroupTransfer(
	ctx context.Context, id account.Identity, r GroupUserRequest,
) (_ struct{}, err error) {
	defer s.audit("group.transfer", traceChange, id, r.Group, &err)
	m, err := s.authorizeGroup(ctx, id, r.Group, RoleOwner)
	if err != nil {
		return struct{}{}, err
	}
	owned, _ := s.groupBounds(m.caller)
	if err := s.store.TransferGroup(ctx, r.Group, m.group.Owner, r.User, owned); err != nil {
		return struct{}{}, err
	}
	m.group.Owner = r.User
	s.tellGroupChanged(ctx, m.caller, m.group)
	return struct{}{}, nil
}

// GroupMute silences a member for a time: an admin those without a role, the
// owner also admins.
func (s *Service) GroupMute(
	ctx context.Context, id account.Identity, r GroupMuteRequest,
) (rep GroupMuteReply, err error) {
	defer s.audit("group.mute", traceChange, id, r.Group, &err)
	m, err := s.authorizeGroup(ctx, id, r.Group, RoleAdmin)
	if err != nil {
		return rep, err
	}
	if r.Seconds < 0 || r.Seconds > MaxMuteSeconds {
		return rep, malformed("seconds is 0 to %d, not %d", MaxMuteSeconds, r.Seconds)
	}
	if r.Seconds > 0 {
		rep.MutedUntil = s.now() + r.Seconds*1000
	}
	if err := s.store.MuteMember(ctx, r.Group, r.User, rep.MutedUntil, m.rolesBelow()); err != nil {
		return GroupMuteReply{}, err
	}
	s.tellMemberChanged(ctx, m.caller, m.group, r.User)
	return rep, nil
}
