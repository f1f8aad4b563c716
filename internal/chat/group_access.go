package chat

import (
	"context"

	"pushd/internal/account"
	"pushd/internal/delivery"
)

func checkGroupID(id string) error {
	if !groupIDFits(id) {
		return malformed("a group's id is 1 to %d bytes of printable characters without a leading $", delivery.MaxName)
	}
	return nil
}

// place is a group, who acts on it, and what he is there.
type place struct {
	actor
	group GroupInfo
	me    Member // Role is 0 for who isn't in, and roleBackend for a backend
}

// below is the role from which on the actor may not act on members: his own, and
// the owner's in any case.
func (p place) below() Role { return min(p.me.Role, RoleOwner) }

// placeOf finds out who acts on a group, whether or not he is in it.
func (s *Service) placeOf(ctx context.Context, id account.Identity, group string) (p place, err error) {
	if p.actor, err = acting(id); err != nil {
		return p, err
	}
	if err := checkGroupID(group); err != nil {
		return p, err
	}
	if p.backend {
		p.group, err = s.store.Group(ctx, group)
		p.me.Role = roleBackend
		return p, err
	}
	p.group, p.me, err = s.store.Place(ctx, group, p.User)
	return p, err
}

// groupAs is placeOf for who is at least the role given; 403 for others.
func (s *Service) groupAs(ctx context.Context, id account.Identity, group string, role Role) (place, error) {
	p, err := s.placeOf(ctx, id, group)
	switch {
	case err != nil:
		return p, err
	case p.me.Role == 0:
		return p, notMember()
	case p.me.Role < role && role == RoleOwner:
		return p, forbidden("only the owner of the group can do that")
	case p.me.Role < role:
		return p, forbidden("only the owner and the admins of the group can do that")
	}
	return p, nil
}

func notMember() error {
	return forbidden("you are not a member of this group")
}
