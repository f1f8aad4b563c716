package chat

import (
	"context"
	"strings"

	"pushd/internal/account"
	"pushd/internal/codec"
	"pushd/internal/delivery"
)

// GroupJoinRequest asks to be let in; text is for the admins who answer.
type GroupJoinRequest struct {
	Group string `json:"group"`
	Text  string `json:"text,omitempty"`
}

// GroupJoinReply tells whether the caller is in, or waits for an answer.
type GroupJoinReply struct {
	Joined bool `json:"joined"`
}

// GroupAnswerRequest answers a request to join.
type GroupAnswerRequest struct {
	Group  string `json:"group"`
	User   string `json:"user"`
	Accept bool   `json:"accept"`
}

// GroupUsersRequest names users of a group.
type GroupUsersRequest struct {
	Group string   `json:"group"`
	Users []string `json:"users"`
}

// GroupInviteReply tells who came in; the others were in.
type GroupInviteReply struct {
	Added []string `json:"added"`
}

// GroupPageRequest asks for a page of something of a group.
type GroupPageRequest struct {
	Group  string `json:"group"`
	Limit  int    `json:"limit,omitempty"`
	Cursor string `json:"cursor,omitempty"`
}

// GroupRequestsReply is a page of requests to join, in ascending order of users.
type GroupRequestsReply struct {
	Requests   []JoinRequest `json:"requests"`
	NextCursor string        `json:"next_cursor,omitempty"`
}

// GroupJoin lets a user into an open group, and asks the admins of one that needs
// their approval. 403 where only admins bring members, 429 when the group is full or
// too much waits.
func (s *Service) GroupJoin(ctx context.Context, id account.Identity, r GroupJoinRequest) (rep GroupJoinReply, err error) {
	defer s.audit("group.Join", id, r.Group, &err)
	if err := checkText("text", r.Text, MaxRequestText, true); err != nil {
		return rep, err
	}
	p, err := s.placeOf(ctx, id, r.Group)
	switch {
	case err != nil:
		return rep, err
	case p.backend:
		return rep, forbidden("an API key is no user: add members instead")
	case p.me.Role > 0:
		return GroupJoinReply{true}, nil
	case p.group.Join == JoinInvite:
		return rep, forbidden("members are brought into this group by its admins: ask one of them")
	case p.group.Join == JoinOpen:
		_, err := s.addMembers(ctx, p, []string{p.User})
		return GroupJoinReply{err == nil}, err
	}
	ask := JoinRequest{Group: r.Group, User: p.User, Text: r.Text, Time: s.now()}
	fresh, err := s.store.AskToJoin(ctx, ask, maxGroupRequests, maxOwnJoinAsked)
	if err != nil || !fresh {
		return rep, err
	}
	admins, err := s.store.Admins(ctx, r.Group)
	switch {
	case err != nil:
		s.untoldOf(p.group.Conv, err)
	case len(admins) > 0:
		e := GroupRequested{Group: r.Group, Conv: p.group.Conv, User: ask.User, Text: ask.Text, Time: ask.Time}
		s.pushUsers(ctx, "", groupRequestedPush.With(e), "", admins...)
	}
	return rep, nil
}

// addMembers brings users in and tells the group.
func (s *Service) addMembers(ctx context.Context, p place, users []string) (added []string, err error) {
	in := s.opts.GroupsIn
	if p.backend {
		in = 0
	}
	c, err := s.changeMembers(p.changes(p.group.ID), func() (delivery.MemberChange, error) {
		return s.store.AddMembers(ctx, p.group.ID, users, in, s.now())
	})
	if err != nil {
		return nil, err
	}
	s.tellJoined(ctx, p.actor, p.group, c.Joined)
	return list(c.Joined), nil
}

// GroupRequests lists who waits for an answer.
func (s *Service) GroupRequests(ctx context.Context, id account.Identity, r GroupPageRequest) (rep GroupRequestsReply, err error) {
	defer s.refused("group.Requests", id, r.Group, &err)
	if _, err := s.groupAs(ctx, id, r.Group, RoleAdmin); err != nil {
		return rep, err
	}
	rep.Requests, rep.NextCursor, err = s.store.JoinRequests(ctx, r.Group, pageLimit(r.Limit), r.Cursor)
	return rep, err
}

// GroupAnswer accepts or refuses a request to join. 404 when there is none; 429
// when the group is full, and the request then goes on waiting.
func (s *Service) GroupAnswer(ctx context.Context, id account.Identity, r GroupAnswerRequest) (_ struct{}, err error) {
	defer s.audit("group.Answer", id, r.Group, &err)
	p, err := s.groupAs(ctx, id, r.Group, RoleAdmin)
	if err != nil {
		return struct{}{}, err
	}
	var was bool
	c, err := s.changeMembers(p.changes(r.Group), func() (c delivery.MemberChange, err error) {
		was, c, err = s.store.AnswerJoin(ctx, r.Group, r.User, r.Accept, s.opts.GroupsIn, s.now())
		return c, err
	})
	switch {
	case err != nil:
		return struct{}{}, err
	case !was:
		return struct{}{}, codec.Errorf(codec.CodeNotFound, "no request of %.128s waits for an answer in this group", r.User)
	}
	if !r.Accept {
		e := GroupEvent{Group: r.Group, Conv: p.group.Conv, By: p.User}
		s.pushUsers(ctx, "", groupRefusedPush.With(e), "", r.User)
	}
	s.tellJoined(ctx, p.actor, p.group, c.Joined)
	return struct{}{}, nil
}

// GroupInvite brings users in at once: every member can in an open group, admins
// in the others. 403 for a user who has blocked the caller.
func (s *Service) GroupInvite(ctx context.Context, id account.Identity, r GroupUsersRequest) (rep GroupInviteReply, err error) {
	defer s.audit("group.Invite", id, r.Group, &err)
	p, err := s.groupAs(ctx, id, r.Group, RoleMember)
	if err != nil {
		return rep, err
	}
	if p.group.Join != JoinOpen && p.me.Role < RoleAdmin {
		return rep, forbidden("only the owner and the admins of the group can do that")
	}
	if err := s.namedUsers(p.actor, r.Users); err != nil {
		return rep, err
	}
	if err := s.mayBring(ctx, p.actor, r.Users); err != nil {
		return rep, err
	}
	rep.Added, err = s.addMembers(ctx, p, r.Users)
	return rep, err
}

func (s *Service) namedUsers(a actor, users []string) error {
	most := MaxInvited
	if a.backend {
		most = max(s.opts.MaxGroup, MaxBackendGroup)
	}
	switch {
	case len(users) == 0:
		return malformed("users is empty")
	case len(users) > most:
		return tooLarge("users has at most %d users, not %d: take several calls", most, len(users))
	}
	return account.ValidUserIDs(users)
}

// mayBring is 403 when one of the users has blocked who brings them.
func (s *Service) mayBring(ctx context.Context, a actor, users []string) error {
	if a.backend || len(users) == 0 {
		return nil
	}
	blocking, err := s.store.Blocking(ctx, a.User, users)
	if err != nil || len(blocking) == 0 {
		return err
	}
	return forbidden("%s can't be brought in by you: leave them out", strings.Join(blocking[:min(len(blocking), 5)], ", "))
}

// GroupLeave ends the caller's membership, or takes back his request to join. 409
// for the owner.
func (s *Service) GroupLeave(ctx context.Context, id account.Identity, r GroupRef) (_ struct{}, err error) {
	defer s.audit("group.Leave", id, r.Group, &err)
	p, err := s.placeOf(ctx, id, r.Group)
	switch {
	case err != nil:
		return struct{}{}, err
	case p.backend:
		return struct{}{}, forbidden("an API key is no user: remove members instead")
	case p.me.Role == RoleOwner:
		return struct{}{}, codec.Errorf(codec.CodeConflict, "you own the group: transfer or dismiss it first")
	case p.me.Role == 0:
		was, _, err := s.store.AnswerJoin(ctx, r.Group, p.User, false, 0, s.now())
		if err == nil && !was {
			err = notMember()
		}
		return struct{}{}, err
	}
	_, err = s.removeMembers(ctx, p, []string{p.User}, RoleOwner)
	return struct{}{}, err
}

// removeMembers takes out those below a role and tells them and the group.
func (s *Service) removeMembers(ctx context.Context, p place, users []string, below Role) (removed []string, err error) {
	c, err := s.changeMembers(p.changes(p.group.ID), func() (delivery.MemberChange, error) {
		return s.store.RemoveMembers(ctx, p.group.ID, users, below)
	})
	if err != nil {
		return nil, err
	}
	s.tellLeft(ctx, p.actor, p.group, c.Left)
	return c.Left, nil
}
