package chat

import (
	"cmp"
	"context"
	"slices"

	"pushd/internal/account"
	"pushd/internal/codec"
	"pushd/internal/delivery"
)

// GroupCreateRequest describes a new group. A user who makes one owns it; a
// backend may choose the id and name an owner.
type GroupCreateRequest struct {
	ID      string   `json:"id,omitempty" jsonschema:"-"`
	Owner   string   `json:"owner,omitempty" jsonschema:"-"`
	Name    string   `json:"name,omitempty"`
	Notice  string   `json:"notice,omitempty"`
	Avatar  string   `json:"avatar,omitempty"`
	Join    string   `json:"join,omitempty"`  // approval if ""
	Limit   int      `json:"limit,omitempty"` // the server's default if 0
	Members []string `json:"members,omitempty"`
}

// GroupRef names a group.
type GroupRef struct {
	Group string `json:"group"`
}

// GroupUpdateRequest names what to change.
type GroupUpdateRequest struct {
	Group string `json:"group"`
	GroupChange
}

// GroupListRequest asks for a page of groups: the caller's own, or for a backend
// those of a user, or all.
type GroupListRequest struct {
	User   string `json:"user,omitempty" jsonschema:"-"`
	Limit  int    `json:"limit,omitempty"`
	Cursor string `json:"cursor,omitempty"`
}

// GroupListReply is a page of groups in ascending order of ids.
type GroupListReply struct {
	Groups     []GroupInfo `json:"groups"`
	NextCursor string      `json:"next_cursor,omitempty"`
}

// GroupCreate makes a group with its first members. 403 for a member who has
// blocked the owner, 409 for an id that is taken, 429 over a bound.
func (s *Service) GroupCreate(
	ctx context.Context, id account.Identity, r GroupCreateRequest,
) (g GroupInfo, err error) {
	defer s.audit("group.create", traceChange, id, r.ID, &err)
	c, err := authorizeCaller(id)
	if err != nil {
		return g, err
	}
	if g, err = s.newGroup(c, r); err != nil {
		return GroupInfo{}, err
	}
	if err := s.authorizeAdding(ctx, c, r.Members); err != nil {
		return GroupInfo{}, err
	}
	return s.createGroup(ctx, c, g, r.Members)
}

// groupBounds are how many groups the users that a caller names may own and be in; 0 is
// no bound, for backends.
func (s *Service) groupBounds(c caller) (owned, in int) {
	if c.backend {
		return 0, 0
	}
	return s.opts.GroupsOwned, s.opts.GroupsIn
}

func (s *Service) createGroup(
	ctx context.Context, by caller, g GroupInfo, members []string,
) (GroupInfo, error) {
	id := g.ID
	owned, in := s.groupBounds(by)
	g, err := s.store.CreateGroup(ctx, g, members, owned, in)
	if err == nil || codec.AsError(err).Code >= codec.CodeInternal {
		// There may have been a group of this id, and whoever held it must read anew.
		s.members.MembersChanged(delivery.MemberChange{Group: id})
	}
	if err != nil {
		return GroupInfo{}, err
	}
	users := slices.Clone(members)
	if g.Owner != "" {
		users = append(users, g.Owner)
	}
	slices.Sort(users)
	users = slices.Compact(users)
	event := by.changes(g.ID)
	event.Joined = users
	s.events.membersChanged(event)
	s.tellJoined(ctx, by, g, users)
	return g, nil
}

// newGroup checks what was asked for and fills in what wasn't.
func (s *Service) newGroup(c caller, r GroupCreateRequest) (g GroupInfo, err error) {
	now := s.now()
	g = GroupInfo{
		ID: r.ID, Name: r.Name, Notice: r.Notice, Avatar: r.Avatar, Join: cmp.Or(r.Join, JoinApproval),
		Limit: r.Limit, Owner: c.User, Created: now,
	}
	most, named := s.opts.MaxGroup, MaxInvited
	if c.backend {
		g.Owner, most, named = r.Owner, max(most, MaxBackendGroup), max(most, MaxBackendGroup)
	} else if r.ID != "" || r.Owner != "" {
		return g, forbidden("only backends choose id and owner: leave them out")
	}
	if g.Limit == 0 {
		g.Limit = min(max(s.opts.GroupLimit, len(r.Members)+1), most)
	}
	if g.ID == "" {
		if g.ID, err = s.newID(now); err != nil {
			return g, err
		}
	}
	if g.Owner != "" {
		if err := account.ValidUserID(g.Owner); err != nil {
			return g, err
		}
	}
	if len(r.Members) > named {
		return g, tooLarge("members has at most %d users, not %d: create the group with fewer, and invite the others then",
			named, len(r.Members))
	}
	if err := checkGroupID(g.ID); err != nil {
		return g, err
	}
	if err := account.ValidUserIDs(r.Members); err != nil {
		return g, err
	}
	whole := GroupChange{Name: &g.Name, Notice: &g.Notice, Avatar: &g.Avatar, Join: &g.Join, Limit: &g.Limit}
	return g, checkGroup(whole, most)
}

// checkGroup is 400 for what a group can't be made to be.
func checkGroup(c GroupChange, most int) error {
	if c.Name != nil {
		if err := checkText("name", *c.Name, MaxGroupName, false); err != nil {
			return err
		}
	}
	if c.Notice != nil {
		if err := checkText("notice", *c.Notice, MaxGroupNotice, true); err != nil {
			return err
		}
	}
	if c.Avatar != nil && *c.Avatar != "" {
		if err := checkURL("avatar", *c.Avatar); err != nil {
			return err
		}
	}
	if c.Join != nil {
		switch *c.Join {
		case JoinOpen, JoinApproval, JoinInvite:
		default:
			return malformed("join is open, approval or invite, not %.32q", *c.Join)
		}
	}
	if c.Limit != nil && (*c.Limit < 1 || *c.Limit > most) {
		return malformed("limit is 1 to %d members, not %d", most, *c.Limit)
	}
	return nil
}

// GroupInfo describes a group. Who isn't in sees one that they could join, without
// its notice.
func (s *Service) GroupInfo(ctx context.Context, id account.Identity, r GroupRef) (g GroupInfo, err error) {
	defer s.audit("group.info", traceRefusal, id, r.Group, &err)
	m, err := s.authorizeGroup(ctx, id, r.Group, anyRole)
	switch {
	case err != nil:
		return GroupInfo{}, err
	case m.member.Role > 0:
		return m.group, nil
	case m.group.Join == JoinInvite:
		return GroupInfo{}, notInGroup()
	}
	m.group.Notice = ""
	return m.group, nil
}

// GroupUpdate changes a group: admins its name, notice, avatar and whether
// members may send, its owner also how one gets in and how many can. 409 for a limit
// that the members exceed already.
func (s *Service) GroupUpdate(
	ctx context.Context, id account.Identity, r GroupUpdateRequest,
) (g GroupInfo, err error) {
	defer s.audit("group.update", traceChange, id, r.Group, &err)
	role := RoleAdmin
	if r.Join != nil || r.Limit != nil {
		role = RoleOwner
	}
	m, err := s.authorizeGroup(ctx, id, r.Group, role)
	if err != nil {
		return GroupInfo{}, err
	}
	if r.GroupChange == (GroupChange{}) {
		return GroupInfo{}, malformed("nothing to change: give name, notice, avatar, muted, join or limit")
	}
	most := s.opts.MaxGroup
	if m.backend {
		most = max(most, MaxBackendGroup)
	}
	if err := checkGroup(r.GroupChange, most); err != nil {
		return GroupInfo{}, err
	}
	if g, err = s.store.ChangeGroup(ctx, r.Group, r.GroupChange); err != nil {
		return GroupInfo{}, err
	}
	s.tellGroupChanged(ctx, m.caller, g)
	return g, nil
}

// groupCost is about how many bytes a group has in a reply.
func groupCost(g GroupInfo) int { return 400 + len(g.Name) + len(g.Notice) + len(g.Avatar) }

// GroupList lists groups.
func (s *Service) GroupList(
	ctx context.Context, id account.Identity, r GroupListRequest,
) (rep GroupListReply, err error) {
	defer s.audit("group.list", traceRefusal, id, r.User, &err)
	c, err := authorizeCaller(id)
	if err != nil {
		return rep, err
	}
	if c.backend && r.User == "" {
		rep.Groups, rep.NextCursor, err = pageThatFits(pageLimit(r.Limit), func(n int) ([]GroupInfo, string, error) {
			return s.store.ListGroups(ctx, n, r.Cursor)
		}, groupCost)
		return rep, err
	}
	_, user, err := authorizeFor(id, r.User)
	if err != nil {
		return rep, err
	}
	rep.Groups, rep.NextCursor, err = pageThatFits(pageLimit(r.Limit), func(n int) ([]GroupInfo, string, error) {
		return s.store.GroupsOf(ctx, user, n, r.Cursor)
	}, groupCost)
	return rep, err
}

// GroupDismiss ends a group; its messages can't be read any more.
func (s *Service) GroupDismiss(ctx context.Context, id account.Identity, r GroupRef) (_ struct{}, err error) {
	defer s.audit("group.dismiss", traceChange, id, r.Group, &err)
	m, err := s.authorizeGroup(ctx, id, r.Group, RoleOwner)
	if err != nil {
		return struct{}{}, err
	}
	return struct{}{}, s.dismiss(ctx, m.caller, m.group)
}

func (s *Service) dismiss(ctx context.Context, by caller, g GroupInfo) error {
	event := by.changes(g.ID)
	event.Dismissed = true
	c, err := s.changeMembers(event, func() (delivery.MemberChange, error) { return s.store.DismissGroup(ctx, g.ID) })
	if err != nil {
		return err
	}
	// Nobody is a member any more: those who were are told by name.
	to := toUsers(g.Conv, c.Left...)
	to.Except = by.Session
	s.tell(ctx, to, groupDismissedPush.With(GroupEvent{Group: g.ID, Conv: g.Conv, By: by.User}))
	return nil
}
