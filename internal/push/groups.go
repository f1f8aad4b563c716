package push

import (
	"context"
	"log/slog"
	"slices"

	"pushd/internal/account"
	"pushd/internal/codec"
)

// GroupRequest names a group.
type GroupRequest struct {
	Group string `json:"group"`
}

// PutGroupRequest is a group and all of its members.
type PutGroupRequest struct {
	Group string   `json:"group"`
	Users []string `json:"users"`
}

// GroupReply tells a group's size.
type GroupReply struct {
	Group string `json:"group"`
	Size  int    `json:"size"`
}

// GroupMembersReply lists a group's members in ascending order.
type GroupMembersReply struct {
	Group string   `json:"group"`
	Size  int      `json:"size"`
	Users []string `json:"users"`
}

// PutGroup creates or replaces a group. It lives in the store, or in memory
// where there is none. 429 over a bound on groups or members.
func (s *Service) PutGroup(ctx context.Context, id account.Identity, r PutGroupRequest) (GroupReply, error) {
	if err := s.allow(id, account.ScopeAdmin, "group.set"); err != nil {
		return GroupReply{}, err
	}
	if err := validName("group", r.Group); err != nil {
		return GroupReply{}, err
	}
	if r.Users == nil {
		return GroupReply{}, malformed("users is missing; an empty list makes an empty group")
	}
	for _, u := range r.Users {
		if err := account.ValidUserID(u); err != nil {
			return GroupReply{}, err
		}
	}
	users := cloned(r.Users)
	slices.Sort(users)
	users = slices.Compact(users)
	if err := s.ports.Groups.SetGroup(ctx, r.Group, users); err != nil {
		return GroupReply{}, err
	}
	s.audit("group.set", id, r.Group, len(users))
	return GroupReply{Group: r.Group, Size: len(users)}, nil
}

// GroupFromOnline adds everybody who is online to a group, creating it.
func (s *Service) GroupFromOnline(ctx context.Context, id account.Identity, r GroupRequest) (GroupReply, error) {
	if err := s.allow(id, account.ScopeAdmin, "group.add_online"); err != nil {
		return GroupReply{}, err
	}
	if err := validName("group", r.Group); err != nil {
		return GroupReply{}, err
	}
	online, err := s.ports.Directory.AllOnline(ctx, s.opts.MaxGroupMembers)
	if err != nil {
		return GroupReply{}, err
	}
	n, err := s.ports.Groups.AddMembers(ctx, r.Group, online)
	if err != nil {
		return GroupReply{}, err
	}
	s.audit("group.add_online", id, r.Group, n)
	return GroupReply{Group: r.Group, Size: n}, nil
}

// Group lists a group's members; 404 when there is no such group.
func (s *Service) Group(ctx context.Context, id account.Identity, r GroupRequest) (GroupMembersReply, error) {
	if err := s.allow(id, account.ScopeAdmin, "group.get"); err != nil {
		return GroupMembersReply{}, err
	}
	if err := validName("group", r.Group); err != nil {
		return GroupMembersReply{}, err
	}
	users, ok, err := s.ports.Groups.Group(ctx, r.Group)
	if err != nil {
		return GroupMembersReply{}, err
	}
	if !ok {
		return GroupMembersReply{}, noGroup(r.Group)
	}
	return GroupMembersReply{Group: r.Group, Size: len(users), Users: notNil(users)}, nil
}

// DeleteGroup forgets a group; 404 when there is none.
func (s *Service) DeleteGroup(ctx context.Context, id account.Identity, r GroupRequest) (struct{}, error) {
	if err := s.allow(id, account.ScopeAdmin, "group.delete"); err != nil {
		return struct{}{}, err
	}
	if err := validName("group", r.Group); err != nil {
		return struct{}{}, err
	}
	was, err := s.ports.Groups.DeleteGroup(ctx, r.Group)
	if err != nil {
		return struct{}{}, err
	}
	if !was {
		return struct{}{}, noGroup(r.Group)
	}
	s.audit("group.delete", id, r.Group, 0)
	return struct{}{}, nil
}

func noGroup(group string) error {
	return codec.Errorf(codec.CodeNotFound, "no group %s", group)
}

func (s *Service) audit(operation string, id account.Identity, group string, size int) {
	s.log.Info("group changed", slog.String("operation", operation), slog.String("key", id.Key),
		slog.String("group", group), slog.Int("size", size))
}
