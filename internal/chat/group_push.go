package chat

import (
	"context"

	"pushd/internal/codec"
	"pushd/internal/delivery"
)

// PushGroups are the stored groups as backends know them: a name and its users,
// to be pushed to. It implements push.Groups, whose service has checked who asks.
type PushGroups struct {
	service *Service
}

// NewPushGroups makes it.
func NewPushGroups(s *Service) *PushGroups { return &PushGroups{s} }

var backend = actor{backend: true}

// create makes a group for a backend: whom it names is in, and nobody else gets in.
func (g *PushGroups) create(ctx context.Context, group string, users []string) (GroupInfo, error) {
	limit := max(g.service.opts.MaxGroup, MaxBackendGroup)
	info := GroupInfo{ID: group, Name: "", Join: JoinInvite, Limit: limit, Created: g.service.now()}
	return g.service.createGroup(ctx, backend, info, users, 0, 0)
}

// SetGroup implements push.Groups. An owner whom it doesn't name stays a member.
func (g *PushGroups) SetGroup(ctx context.Context, group string, users []string) error {
	s := g.service
	info, err := s.store.Group(ctx, group)
	if missing(err) {
		if _, err = g.create(ctx, group, users); !conflicts(err) {
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

// AddMembers implements push.Groups.
func (g *PushGroups) AddMembers(ctx context.Context, group string, users []string) (size int, err error) {
	s := g.service
	info, err := s.store.Group(ctx, group)
	if missing(err) {
		if info, err = g.create(ctx, group, users); !conflicts(err) {
			return info.Members, err
		}
		info, err = s.store.Group(ctx, group)
	}
	if err != nil {
		return 0, err
	}
	if _, err := s.addMembers(ctx, place{backend, info, Member{Role: roleBackend}}, users); err != nil {
		return 0, err
	}
	info, err = s.store.Group(ctx, group)
	return info.Members, err
}

// Group implements push.Groups.
func (g *PushGroups) Group(ctx context.Context, group string) (users []string, ok bool, err error) {
	users, _, err = g.service.store.MemberIDs(ctx, group)
	if missing(err) {
		return nil, false, nil
	}
	return users, err == nil, err
}

// DeleteGroup implements push.Groups.
func (g *PushGroups) DeleteGroup(ctx context.Context, group string) (bool, error) {
	info, err := g.service.store.Group(ctx, group)
	if err == nil {
		err = g.service.dismiss(ctx, backend, info)
	}
	if missing(err) {
		return false, nil
	}
	return err == nil, err
}

func conflicts(err error) bool {
	return err != nil && codec.AsError(err).Code == codec.CodeConflict
}
