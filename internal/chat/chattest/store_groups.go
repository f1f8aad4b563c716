package chattest

import (
	"context"
	"maps"
	"slices"

	"pushd/internal/chat"
	"pushd/internal/codec"
	"pushd/internal/delivery"
)

func groupNotFound(id string) error { return codec.Errorf(codec.CodeNotFound, "no group %s", id) }

// group finds a group and its conversation.
func (s *Store) group(id string) (chat.GroupInfo, *conversation, error) {
	g, ok := s.groups[id]
	if !ok {
		return chat.GroupInfo{}, nil, groupNotFound(id)
	}
	return g, s.convs[g.Conv], nil
}

// owned is how many groups a user owns, joined how many they are in.
func (s *Store) owned(user string) (n int) {
	for _, g := range s.groups {
		if g.Owner == user {
			n++
		}
	}
	return n
}

func (s *Store) joined(user string) (n int) {
	for _, g := range s.groups {
		if s.convs[g.Conv].members[user] != nil {
			n++
		}
	}
	return n
}

// CreateGroup implements chat.Groups.
func (s *Store) CreateGroup(
	_ context.Context, g chat.GroupInfo, members []string, owned, in int,
) (chat.GroupInfo, error) {
	if err := s.begin("CreateGroup"); err != nil {
		return chat.GroupInfo{}, err
	}
	defer s.mu.Unlock()
	if _, taken := s.groups[g.ID]; taken {
		return chat.GroupInfo{}, codec.Errorf(codec.CodeConflict, "there is a group %s already: choose another id", g.ID)
	}
	if g.Owner != "" {
		if owned > 0 && s.owned(g.Owner) >= owned {
			return chat.GroupInfo{}, codec.Errorf(codec.CodeTooMany, "%s owns %d groups already", g.Owner, owned)
		}
		members = append([]string{g.Owner}, members...)
	}
	g.Conv, g.Members = chat.GroupKey(g.ID), 0
	fresh := slices.Compact(slices.Sorted(slices.Values(members)))
	if err := s.checkRoom(g, fresh, in); err != nil {
		return chat.GroupInfo{}, err
	}
	c := s.beginConversation(g.Conv)
	c.lastTime = max(c.lastTime, g.Created)
	for _, u := range fresh {
		c.add(u, chat.RoleMember, g.Created)
	}
	if g.Owner != "" {
		c.members[g.Owner].Role = chat.RoleOwner
	}
	if g.Members = len(c.members); g.Members > 0 {
		s.revisions[g.ID]++
	}
	s.groups[g.ID] = g
	return g, nil
}

// checkRoom is 429 when users who aren't in yet can't all be added.
func (s *Store) checkRoom(g chat.GroupInfo, fresh []string, in int) error {
	for _, u := range fresh {
		if in > 0 && s.joined(u) >= in {
			return codec.Errorf(codec.CodeTooMany, "%s is in %d groups already", u, in)
		}
	}
	if len(fresh) > 0 && g.Members+len(fresh) > g.Limit {
		return codec.Errorf(codec.CodeTooMany, "the group is full: %d members of at most %d", g.Members, g.Limit)
	}
	return nil
}

// Group implements chat.Groups.
func (s *Store) Group(_ context.Context, id string) (chat.GroupInfo, error) {
	if err := s.begin("Group"); err != nil {
		return chat.GroupInfo{}, err
	}
	defer s.mu.Unlock()
	g, _, err := s.group(id)
	return g, err
}

// GroupMembership implements chat.Groups.
func (s *Store) GroupMembership(_ context.Context, id, user string) (chat.GroupInfo, chat.Member, error) {
	if err := s.begin("GroupMembership"); err != nil {
		return chat.GroupInfo{}, chat.Member{}, err
	}
	defer s.mu.Unlock()
	g, c, err := s.group(id)
	if err != nil || c.members[user] == nil {
		return g, chat.Member{}, err
	}
	return g, *c.members[user], nil
}

// ChangeGroup implements chat.Groups.
func (s *Store) ChangeGroup(_ context.Context, id string, change chat.GroupChange) (chat.GroupInfo, error) {
	if err := s.begin("ChangeGroup"); err != nil {
		return chat.GroupInfo{}, err
	}
	defer s.mu.Unlock()
	g, _, err := s.group(id)
	if err != nil {
		return chat.GroupInfo{}, err
	}
	change.Apply(&g)
	if change.Limit != nil && g.Limit < g.Members {
		return chat.GroupInfo{}, codec.Errorf(codec.CodeConflict, "the group has %d members already", g.Members)
	}
	s.groups[id] = g
	return g, nil
}

// DismissGroup implements chat.Groups.
func (s *Store) DismissGroup(_ context.Context, id string) (change delivery.MemberChange, err error) {
	if err := s.begin("DismissGroup"); err != nil {
		return change, err
	}
	defer s.mu.Unlock()
	_, c, err := s.group(id)
	if err != nil {
		return change, err
	}
	change.Left = slices.Sorted(maps.Keys(c.members))
	for _, user := range change.Left {
		c.remove(user)
	}
	maps.DeleteFunc(s.requests, func(at [2]string, _ chat.JoinRequest) bool { return at[0] == id })
	delete(s.groups, id)
	return s.revised(id, change, nil)
}

// SetGroup changes a group in whatever way a test needs; it does not count its
// members again.
func (s *Store) SetGroup(id string, change func(g *chat.GroupInfo, members map[string]*chat.Member, maxSeq uint64)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, c := s.groups[id], s.convs[chat.GroupKey(id)]
	before := maps.Clone(c.members)
	change(&g, c.members, c.maxSeq())
	for user := range before {
		if c.members[user] == nil {
			c.remove(user)
		}
	}
	s.groups[id] = g
}

// GroupsOf implements chat.Groups.
func (s *Store) GroupsOf(_ context.Context, user string, limit int, cursor string) ([]chat.GroupInfo, string, error) {
	return s.groupPage("GroupsOf", limit, cursor,
		func(g chat.GroupInfo) bool { return s.convs[g.Conv].members[user] != nil })
}

// ListGroups implements chat.Groups.
func (s *Store) ListGroups(_ context.Context, limit int, cursor string) ([]chat.GroupInfo, string, error) {
	return s.groupPage("ListGroups", limit, cursor, func(chat.GroupInfo) bool { return true })
}

func (s *Store) groupPage(
	operation string, limit int, cursor string, in func(chat.GroupInfo) bool,
) ([]chat.GroupInfo, string, error) {
	if err := s.begin(operation); err != nil {
		return nil, "", err
	}
	defer s.mu.Unlock()
	var all []chat.GroupInfo
	for _, id := range slices.Sorted(maps.Keys(s.groups)) {
		if in(s.groups[id]) {
			all = append(all, s.groups[id])
		}
	}
	return pageOf(all, limit, cursor)
}

// AskToJoin implements chat.Groups.
func (s *Store) AskToJoin(_ context.Context, r chat.JoinRequest, perGroup, perUser int) (bool, error) {
	if err := s.begin("AskToJoin"); err != nil {
		return false, err
	}
	defer s.mu.Unlock()
	_, c, err := s.group(r.Group)
	if err != nil {
		return false, err
	}
	if c.members[r.User] != nil {
		return false, codec.Errorf(codec.CodeConflict, "you are a member of this group already")
	}
	at := [2]string{r.Group, r.User}
	if first, asked := s.requests[at]; asked {
		first.Text = r.Text
		s.requests[at] = first
		return false, nil
	}
	ofGroup, ofUser := 0, 0
	for other := range s.requests {
		if other[0] == r.Group {
			ofGroup++
		}
		if other[1] == r.User {
			ofUser++
		}
	}
	switch {
	case perGroup > 0 && ofGroup >= perGroup:
		return false, codec.Errorf(codec.CodeTooMany, "%d requests wait for an answer in this group already", ofGroup)
	case perUser > 0 && ofUser >= perUser:
		return false, codec.Errorf(codec.CodeTooMany, "%d of your requests wait for an answer already", ofUser)
	}
	s.requests[at] = r
	return true, nil
}

// AnswerJoin implements chat.Groups.
func (s *Store) AnswerJoin(
	_ context.Context, group, user string, accept bool, in int, now int64,
) (was bool, c delivery.MemberChange, err error) {
	if err := s.begin("AnswerJoin"); err != nil {
		return false, c, err
	}
	defer s.mu.Unlock()
	if _, _, err := s.group(group); err != nil {
		return false, c, err
	}
	at := [2]string{group, user}
	if _, was = s.requests[at]; !was {
		return false, c, nil
	}
	if accept {
		if c.Joined, err = s.addMembers(group, []string{user}, in, now); err != nil {
			return false, delivery.MemberChange{}, err
		}
	}
	delete(s.requests, at)
	c, err = s.revised(group, c, nil)
	return true, c, err
}

// JoinRequests implements chat.Groups.
func (s *Store) JoinRequests(
	_ context.Context, group string, limit int, cursor string,
) ([]chat.JoinRequest, string, error) {
	if err := s.begin("JoinRequests"); err != nil {
		return nil, "", err
	}
	defer s.mu.Unlock()
	if _, _, err := s.group(group); err != nil {
		return nil, "", err
	}
	var users []string
	for at := range s.requests {
		if at[0] == group {
			users = append(users, at[1])
		}
	}
	slices.Sort(users)
	all := make([]chat.JoinRequest, len(users))
	for i, user := range users {
		all[i] = s.requests[[2]string{group, user}]
	}
	return pageOf(all, limit, cursor)
}
