package chat

import (
	"context"
	"slices"
	"strings"

	"pushd/internal/account"
	"pushd/internal/delivery"
)

// OnlineLister lists everybody who is online, on all nodes.
type OnlineLister interface {
	// AllOnline is every user that is online, in ascending order; 429 when there are
	// more than most, and 503 (temporary) when a node that has to be asked doesn't
	// answer before ctx is done.
	AllOnline(ctx context.Context, most int) ([]string, error)
}

// GroupAdmin is the stored groups as backends with the scope admin know them: a name
// and its users, to be pushed to. Users see the same groups through Service. A
// server without a store has groups in memory instead, and package push has the same
// for those.
type GroupAdmin struct {
	service *Service
	online  OnlineLister
}

// NewGroupAdmin administers the groups of this service.
func NewGroupAdmin(s *Service, online OnlineLister) *GroupAdmin { return &GroupAdmin{s, online} }

// SetGroup creates a group or replaces its members, and returns how many users it was
// given. An owner that is not among them stays a member. 429 over a bound.
func (a *GroupAdmin) SetGroup(
	ctx context.Context, id account.Identity, group string, users []string,
) (size int, err error) {
	defer a.service.audit("group.set", traceChange, id, group, &err)
	if err := authorizeGroupAdmin(id, group); err != nil {
		return 0, err
	}
	if users == nil {
		return 0, malformed("users is missing; an empty list makes an empty group")
	}
	if err := account.ValidUserIDs(users); err != nil {
		return 0, err
	}
	distinct := make([]string, len(users))
	for i, u := range users {
		distinct[i] = strings.Clone(u)
	}
	slices.Sort(distinct)
	distinct = slices.Compact(distinct)
	return len(distinct), a.set(ctx, group, distinct)
}

// AddOnline adds everybody who is online to a group, creating it, and returns its
// size. 429 over a bound.
func (a *GroupAdmin) AddOnline(ctx context.Context, id account.Identity, group string) (size int, err error) {
	defer a.service.audit("group.add_online", traceChange, id, group, &err)
	if err := authorizeGroupAdmin(id, group); err != nil {
		return 0, err
	}
	online, err := a.online.AllOnline(ctx, a.maxMembers())
	if err != nil {
		return 0, err
	}
	return a.add(ctx, group, online)
}

// GroupUsers are the members in ascending order; 404 when there is no such group.
func (a *GroupAdmin) GroupUsers(ctx context.Context, id account.Identity, group string) (users []string, err error) {
	defer a.service.audit("group.get", traceRefusal, id, group, &err)
	if err := authorizeGroupAdmin(id, group); err != nil {
		return nil, err
	}
	users, _, err = a.service.store.MemberIDs(ctx, group)
	return users, err
}

// DeleteGroup dismisses a group; 404 when there is none.
func (a *GroupAdmin) DeleteGroup(ctx context.Context, id account.Identity, group string) (err error) {
	defer a.service.audit("group.delete", traceChange, id, group, &err)
	if err := authorizeGroupAdmin(id, group); err != nil {
		return err
	}
	info, err := a.service.store.Group(ctx, group)
	if err != nil {
		return err
	}
	return a.service.dismiss(ctx, backend, info)
}

// maxMembers is the bound of a group that a backend makes.
func (a *GroupAdmin) maxMembers() int { return max(a.service.opts.MaxGroup, MaxBackendGroup) }

// create makes a group for a backend: who it names is in, and nobody else gets in.
func (a *GroupAdmin) create(ctx context.Context, group string, users []string) (GroupInfo, error) {
	info := GroupInfo{ID: group, Name: "", Join: JoinInvite, Limit: a.maxMembers(), Created: a.service.now()}
	return a.service.createGroup(ctx, backend, info, users)
}

// set gives a group these users, and makes it where it isn't.
func (a *GroupAdmin) set(ctx context.Context, group string, users []string) error {
	s := a.service
	info, err := s.store.Group(ctx, group)
	if isNotFound(err) {
		if _, err = a.create(ctx, group, users); !isConflict(err) {
			return err
		}
		info, err = s.store.Group(ctx, group) // somebody else made it meanwhile
	}
	if err != nil {
		return err
	}
	c, err := s.changeMembers(backend.changes(group), func() (delivery.MemberChange, error) {
		return s.store.SetMembers(ctx, group, users, s.now())
	})
	if err != nil {
		return err
	}
	s.tellLeft(ctx, backend, info, c.Left)
	s.tellJoined(ctx, backend, info, c.Joined)
	return nil
}

// add adds users to a group, and makes it where it isn't.
func (a *GroupAdmin) add(ctx context.Context, group string, users []string) (size int, err error) {
	s := a.service
	info, err := s.store.Group(ctx, group)
	if isNotFound(err) {
		if info, err = a.create(ctx, group, users); !isConflict(err) {
			return info.Members, err
		}
		info, err = s.store.Group(ctx, group)
	}
	if err != nil {
		return 0, err
	}
	if _, err := s.addMembers(ctx, backend, info, users); err != nil {
		return 0, err
	}
	info, err = s.store.Group(ctx, group)
	return info.Members, err
}
