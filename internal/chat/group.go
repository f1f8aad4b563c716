package chat

import (
	"cmp"
	"context"
	"slices"

	"pushd/internal/account"
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
func (s *Service) GroupCreate(ctx context.Context, id account.Identity, r GroupCreateRequest) (g GroupInfo, err error) {
	defer s.audit("group.Create", id, r.ID, &err)
	a, err := acting(id)
	if err != nil {
		return g, err
	}
	if g, err = s.newGroup(a, r); err != nil {
		return GroupInfo{}, err
	}
	owned, in := s.opts.GroupsOwned, s.opts.GroupsIn
	if a.backend {
		owned, in = 0, 0
	} else if err := s.mayBring(ctx, a, r.Members); err != nil {
		return GroupInfo{}, err
	}
	return s.createGroup(ctx, a, g, r.Members, owned, in)
}

func (s *Service) createGroup(ctx context.Context, a actor, g GroupInfo, members []string, owned, in int) (GroupInfo, error) {
	g, err := s.store.CreateGroup(ctx, g, members, owned, in)
	if err != nil {
		return GroupInfo{}, err
	}
	users := slices.Clone(members)
	if g.Owner != "" {
		users = append(users, g.Owner)
	}
	slices.Sort(users)
	users = slices.Compact(users)
	event := a.changes(g.ID)
	event.Joined = users
	s.events.membersChanged(event)
	s.tellJoined(ctx, a, g, users)
	return g, nil
}

// newGroup checks what was asked for and fills in what wasn't.
func (s *Service) newGroup(a actor, r GroupCreateRequest) (g GroupInfo, err error) {
	now := s.now()
	g = GroupInfo{ID: r.ID, Name: r.Name, Notice: r.Notice, Avatar: r.Avatar, Join: cmp.Or(r.Join, JoinApproval), Limit: r.Limit, Owner: a.User, Created: now}
	most, named := s.opts.MaxGroup, MaxInvited
	if a.backend {
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
		return g, tooLarge("members has at most %d users, not %d: add the others telling", named, len(r.Members))
	}
	if err := checkGroupID(g.ID); err != nil {
		return g, err
	}
	if err := account.ValidUserIDs(r.Members); err != nil {
		return g, err
	}
	return g, checkGroup(GroupChange{Name: &g.Name, Notice: &g.Notice, Avatar: &g.Avatar, Join: &g.Join, Limit: &g.Limit}, most)
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

// GroupInfo describes a group. Who isn't in sees one that he could join, without
// its notice.
func (s *Service) GroupInfo(ctx context.Context, id account.Identity, r GroupRef) (g GroupInfo, err error) {
	defer s.refused("group.Info", id, r.Group, &err)
	p, err := s.placeOf(ctx, id, r.Group)
	switch {
	case err != nil:
		return GroupInfo{}, err
	case p.me.Role > 0:
		return p.group, nil
	case p.group.Join == JoinInvite:
		return GroupInfo{}, notMember()
	}
	p.group.Notice = ""
	return p.group, nil
}

// GroupUpdate changes a group: admins its name, notice, avatar and whether
// members may send, its owner also how one gets in and how many can. 409 for a limit
// that the members exceed already.
func (s *Service) GroupUpdate(ctx context.Context, id account.Identity, r GroupUpdateRequest) (g GroupInfo, err error) {
	defer s.audit("group.Update", id, r.Group, &err)
	role := RoleAdmin
	if r.Join != nil || r.Limit != nil {
		role = RoleOwner
	}
	p, err := s.groupAs(ctx, id, r.Group, role)
	if err != nil {
		return GroupInfo{}, err
	}
	if r.GroupChange == (GroupChange{}) {
		return GroupInfo{}, malformed("nothing to change: give name, notice, avatar, muted, join or limit")
	}
	most := s.opts.MaxGroup
	if p.backend {
		most = max(most, MaxBackendGroup)
	}
	if err := checkGroup(r.GroupChange, most); err != nil {
		return GroupInfo{}, err
	}
	if g, err = s.store.ChangeGroup(ctx, r.Group, r.GroupChange); err != nil {
		return GroupInfo{}, err
	}
	s.tellChanged(ctx, p.actor, g, &g, nil)
	return g, nil
}

// GroupList lists groups.
func (s *Service) GroupList(ctx context.Context, id account.Identity, r GroupListRequest) (rep GroupListReply, err error) {
	defer s.refused("group.List", id, r.User, &err)
	a, err := acting(id)
	if err != nil {
		return rep, err
	}
	if a.backend && r.User == "" {
		rep.Groups, rep.NextCursor, err = s.store.ListGroups(ctx, pageLimit(r.Limit), r.Cursor)
		return rep, err
	}
	_, user, err := actingFor(id, r.User)
	if err != nil {
		return rep, err
	}
	rep.Groups, rep.NextCursor, err = s.store.GroupsOf(ctx, user, pageLimit(r.Limit), r.Cursor)
	return rep, err
}

// GroupDismiss ends a group; its messages can't be read any more.
func (s *Service) GroupDismiss(ctx context.Context, id account.Identity, r GroupRef) (_ struct{}, err error) {
	defer s.audit("group.Dismiss", id, r.Group, &err)
	p, err := s.groupAs(ctx, id, r.Group, RoleOwner)
	if err != nil {
		return struct{}{}, err
	}
	return struct{}{}, s.dismiss(ctx, p.actor, p.group)
}

func (s *Service) dismiss(ctx context.Context, by actor, g GroupInfo) error {
	frame, err := groupDismissedPush.With(GroupEvent{Group: g.ID, Conv: g.Conv, By: by.User}).Frame()
	if err != nil {
		return err
	}
	event := by.changes(g.ID)
	event.Dismissed = true
	c, err := s.changeMembers(event, func() (delivery.MemberChange, error) { return s.store.DismissGroup(ctx, g.ID) })
	if err != nil {
		return err
	}
	// Nobody is a member any more: those who were are told by name.
	if err := s.deliverTo(context.WithoutCancel(ctx), g.Conv, delivery.Target{Users: c.Left, Except: by.Session}, frame); err != nil {
		s.untoldOf(g.Conv, err)
	}
	return nil
}
