package chat

import (
	"context"

	"pushd/internal/account"
	"pushd/internal/codec"
)

// FriendAskRequest asks a user to be friends.
type FriendAskRequest struct {
	As   string `json:"as,omitempty" jsonschema:"-"` // the user that a backend does it for; as in the others
	User string `json:"user"`
	Text string `json:"text,omitempty"`
}

// FriendRef names somebody in the caller's list.
type FriendRef struct {
	As   string `json:"as,omitempty" jsonschema:"-"`
	User string `json:"user"`
}

// FriendRemarkRequest gives a friend a name of one's own, "" for none.
type FriendRemarkRequest struct {
	As     string `json:"as,omitempty" jsonschema:"-"`
	User   string `json:"user"`
	Remark string `json:"remark"`
}

// FriendBlockRequest blocks a user, or with on false unblocks them.
type FriendBlockRequest struct {
	As   string `json:"as,omitempty" jsonschema:"-"`
	User string `json:"user"`
	On   *bool  `json:"on,omitempty"` // true if absent
}

// FriendListRequest asks for a page of the list: with a state those in it, with
// "blocked" those blocked.
type FriendListRequest struct {
	As     string `json:"as,omitempty" jsonschema:"-"`
	State  string `json:"state,omitempty"`
	Limit  int    `json:"limit,omitempty"`
	Cursor string `json:"cursor,omitempty"`
}

// FriendListReply is a page of friends in ascending order of user ids.
type FriendListReply struct {
	Friends    []Friend `json:"friends"`
	NextCursor string   `json:"next_cursor,omitempty"`
}

// FriendEvent is the data of the pushes friend.Accepted, friend.Refused and
// friend.Removed, as the receiver has to read it: User is always the other one.
type FriendEvent struct {
	User string `json:"user"` // the other one
	By   string `json:"by"`   // who did it: the other one, or the receiver on another device
	Time int64  `json:"time"` // Unix milliseconds
}

// FriendRequested is the data of the push friend.Requested.
type FriendRequested struct {
	User string `json:"user"`           // the other one
	By   string `json:"by"`             // who asked
	Text string `json:"text,omitempty"` // what came with the request
	Time int64  `json:"time"`           // Unix milliseconds
}

// FriendChanged is the data of the push friend.Changed.
type FriendChanged struct {
	User   string `json:"user"`   // the other one
	By     string `json:"by"`     // who did it: the receiver, on another device
	Friend Friend `json:"friend"` // the entry as it is now
	Time   int64  `json:"time"`   // Unix milliseconds
}

func (s *Service) friendBounds() FriendBounds {
	return FriendBounds{Entries: s.opts.MaxFriends, Requests: maxFriendRequests}
}

// FriendRequest asks another user to be friends; when that user has asked already, both
// are. 403 when they have blocked the caller, 409 when the caller has blocked them, 429
// when a list is full.
func (s *Service) FriendRequest(ctx context.Context, id account.Identity, r FriendAskRequest) (f Friend, err error) {
	defer s.audit("friend.request", traceChange, id, r.User, &err)
	if err := checkText("text", r.Text, MaxRequestText, true); err != nil {
		return f, err
	}
	c, user, err := authorizeFriend(id, r.As, r.User)
	if err != nil {
		return f, err
	}
	f, fresh, err := s.store.AskFriend(ctx, user, r.User, r.Text, s.friendBounds(), s.now())
	switch {
	case err != nil:
		return Friend{}, err
	case !fresh:
	case f.State == FriendYes:
		s.tellFriends(ctx, c, user, r.User, friendAcceptedPush.With)
	default:
		s.tellFriends(ctx, c, user, r.User, func(e FriendEvent) codec.Push {
			return friendRequestedPush.With(FriendRequested{User: e.User, By: e.By, Text: r.Text, Time: e.Time})
		})
	}
	return f, nil
}

// FriendAccept accepts another user's request. 404 when there is none, 429 when
// the caller's list is full.
func (s *Service) FriendAccept(ctx context.Context, id account.Identity, r FriendRef) (f Friend, err error) {
	defer s.audit("friend.accept", traceChange, id, r.User, &err)
	c, user, err := authorizeFriend(id, r.As, r.User)
	if err != nil {
		return f, err
	}
	if f, err = s.store.AcceptFriend(ctx, user, r.User, s.friendBounds(), s.now()); err != nil {
		return Friend{}, err
	}
	s.tellFriends(ctx, c, user, r.User, friendAcceptedPush.With)
	return f, nil
}

// FriendRefuse refuses another user's request. 404 when there is none.
func (s *Service) FriendRefuse(ctx context.Context, id account.Identity, r FriendRef) (_ struct{}, err error) {
	defer s.audit("friend.refuse", traceChange, id, r.User, &err)
	c, user, err := authorizeFriend(id, r.As, r.User)
	if err != nil {
		return struct{}{}, err
	}
	if err := s.store.RefuseFriend(ctx, user, r.User); err != nil {
		return struct{}{}, err
	}
	s.tellFriends(ctx, c, user, r.User, friendRefusedPush.With)
	return struct{}{}, nil
}

// FriendRemove ends a friendship, or takes a request back. 404 when there is none.
func (s *Service) FriendRemove(ctx context.Context, id account.Identity, r FriendRef) (_ struct{}, err error) {
	defer s.audit("friend.remove", traceChange, id, r.User, &err)
	c, user, err := authorizeFriend(id, r.As, r.User)
	if err != nil {
		return struct{}{}, err
	}
	was, err := s.store.RemoveFriend(ctx, user, r.User)
	switch {
	case err != nil:
		return struct{}{}, err
	case was == FriendNone:
		return struct{}{}, codec.Errorf(codec.CodeNotFound,
			"%.128s is not a friend of yours, and no request waits between you", r.User)
	}
	s.tellFriends(ctx, c, user, r.User, friendRemovedPush.With)
	return struct{}{}, nil
}

// FriendRemark names somebody in the caller's list. 404 for who isn't in it.
func (s *Service) FriendRemark(
	ctx context.Context, id account.Identity, r FriendRemarkRequest,
) (f Friend, err error) {
	defer s.audit("friend.remark", traceChange, id, r.User, &err)
	if err := checkText("remark", r.Remark, MaxGroupName, false); err != nil {
		return f, err
	}
	c, user, err := authorizeFriend(id, r.As, r.User)
	if err != nil {
		return f, err
	}
	if f, err = s.store.RemarkFriend(ctx, user, r.User, r.Remark); err != nil {
		return Friend{}, err
	}
	s.tellFriendChanged(ctx, c, user, f)
	return f, nil
}

// FriendBlock blocks a user, or ends that; the other user isn't told. A request
// between the two is taken away; a friendship stays.
func (s *Service) FriendBlock(ctx context.Context, id account.Identity, r FriendBlockRequest) (f Friend, err error) {
	defer s.audit("friend.block", traceChange, id, r.User, &err)
	c, user, err := authorizeFriend(id, r.As, r.User)
	if err != nil {
		return f, err
	}
	on := r.On == nil || *r.On
	if f, err = s.store.Block(ctx, user, r.User, on, s.friendBounds(), s.now()); err != nil {
		return Friend{}, err
	}
	s.tellFriendChanged(ctx, c, user, f)
	return f, nil
}

// FriendList lists the caller's friends, requests and blocks.
func (s *Service) FriendList(
	ctx context.Context, id account.Identity, r FriendListRequest,
) (rep FriendListReply, err error) {
	defer s.audit("friend.list", traceRefusal, id, r.As, &err)
	switch r.State {
	case "", FriendAsked, FriendAsking, FriendYes, FriendNone, FriendBlocked:
	default:
		return rep, malformed("state is friend, asked, asking, none or blocked, not %.32q", r.State)
	}
	_, user, err := authorizeFor(id, r.As)
	if err != nil {
		return rep, err
	}
	rep.Friends, rep.NextCursor, err = pageThatFits(pageLimit(r.Limit), func(n int) ([]Friend, string, error) {
		return s.store.FriendsOf(ctx, user, r.State, n, r.Cursor)
	}, func(f Friend) int { return 200 + len(f.User) + len(f.Remark) + len(f.Text) })
	return rep, err
}
