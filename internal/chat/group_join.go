package chat

import (
	"context"

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
func (s *Service) GroupJoin(
	ctx context.Context, id account.Identity, r GroupJoinRequest,
) (rep GroupJoinReply, err error) {
	defer s.audit("group.join", traceChange, id, r.Group, &err)
	if err := checkText("text", r.Text, MaxRequestText, true); err != nil {
		return rep, err
	}
	m, err := s.authorizeGroup(ctx, id, r.Group, anyRole)
	switch {
	case err != nil:
		return rep, err
	case m.backend:
		return rep, forbidden("an API key is not a user and can't join a group: add members instead")
	case m.member.Role > 0:
		return GroupJoinReply{true}, nil
	case m.group.Join == JoinInvite:
		return rep, forbidden("this group takes members by invitation only: ask one of its admins")
	case m.group.Join == JoinOpen:
		_, err := s.addMembers(ctx, m.caller, m.group, []string{m.User})
		return GroupJoinReply{err == nil}, err
	}
	ask := JoinRequest{Group: r.Group, User: m.User, Text: r.Text, Time: s.now()}
	fresh, err := s.store.AskToJoin(ctx, ask, maxGroupRequests, maxOwnJoinAsked)
	if err != nil || !fresh {
		return rep, err
	}
	s.tellAdmins(ctx, GroupRequested{
		Group: r.Group, Conv: m.group.Conv, User: ask.User, Text: ask.Text, Time: ask.Time,
	})
	return rep, nil
}

// GroupRequests lists who waits for an answer.
func (s *Service) GroupRequests(
	ctx context.Context, id account.Identity, r GroupPageRequest,
) (rep GroupRequestsReply, err error) {
	defer s.audit("group.requests", traceRefusal, id, r.Group, &err)
	if _, err := s.authorizeGroup(ctx, id, r.Group, RoleAdmin); err != nil {
		return rep, err
	}
	rep.Requests, rep.NextCursor, err = pageThatFits(pageLimit(r.Limit), func(n int) ([]JoinRequest, string, error) {
		return s.store.JoinRequests(ctx, r.Group, n, r.Cursor)
	}, func(j JoinRequest) int { return 150 + len(j.Group) + len(j.User) + len(j.Text) })
	return rep, err
}

// GroupAnswer accepts or refuses a request to join. 404 when there is none; 429
// when the group is full, and the request then goes on waiting.
func (s *Service) GroupAnswer(
	ctx context.Context, id account.Identity, r GroupAnswerRequest,
) (_ struct{}, err error) {
	defer s.audit("group.answer", traceChange, id, r.Group, &err)
	m, err := s.authorizeGroup(ctx, id, r.Group, RoleAdmin)
	if err != nil {
		return struct{}{}, err
	}
	var was bool
	_, in := s.groupBounds(m.caller)
	c, err := s.changeMembers(m.caller.changes(r.Group), func() (c delivery.MemberChange, err error) {
		was, c, err = s.store.AnswerJoin(ctx, r.Group, r.User, r.Accept, in, s.now())
		return c, err
	})
	switch {
	case err != nil:
		return struct{}{}, err
	case !was:
		return struct{}{}, codec.Errorf(codec.CodeNotFound, "no request of %.128s waits for an answer in this group", r.User)
	}
	if !r.Accept {
		e := GroupEvent{Group: r.Group, Conv: m.group.Conv, By: m.User}
		s.tell(ctx, toUsers("", r.User), groupRefusedPush.With(e))
	}
	s.tellJoined(ctx, m.caller, m.group, c.Joined)
	return struct{}{}, nil
}

// GroupLeave ends the caller's membership, or takes back their request to join. 409
// for the owner.
func (s *Service) GroupLeave(ctx context.Context, id account.Identity, r GroupRef) (_ struct{}, err error) {
	defer s.audit("group.leave", traceChange, id, r.Group, &err)
	m, err := s.authorizeGroup(ctx, id, r.Group, anyRole)
	switch {
	case err != nil:
		return struct{}{}, err
	case m.backend:
		return struct{}{}, forbidden("an API key is not a user and can't leave a group: remove members instead")
	case m.member.Role == RoleOwner:
		return struct{}{}, codec.Errorf(codec.CodeConflict, "you own the group: transfer or dismiss it first")
	case m.member.Role == 0:
		was, _, err := s.store.AnswerJoin(ctx, r.Group, m.User, false, 0, s.now())
		if err == nil && !was {
			err = notInGroup()
		}
		return struct{}{}, err
	}
	_, err = s.removeMembers(ctx, m.caller, m.group, []string{m.User}, RoleOwner)
	return struct{}{}, err
}
