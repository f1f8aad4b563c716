package chattest

import (
	"context"
	"maps"
	"slices"
	"strings"

	"pushd/internal/chat"
	"pushd/internal/codec"
)

// member is a user's place; everybody has one in what the server sends to all.
func (s *Store) member(key, user string) (*conv, *chat.Member, error) {
	kind, a, _, _ := chat.ParseKey(key)
	c, ok := s.convs[key]
	if own := kind == chat.KindBroadcast || kind == chat.KindNotice && a == user; own {
		if !ok {
			c = newConv(key)
			s.convs[key] = c
		}
		if c.members[user] == nil {
			c.members[user] = &chat.Member{User: user, Role: chat.RoleMember}
		}
	}
	if c == nil || c.members[user] == nil {
		return nil, nil, none("conversation")
	}
	return c, c.members[user], nil
}

func (c *conv) head(m *chat.Member, now int64, last bool) chat.Head {
	kind, a, b, _ := chat.ParseKey(c.key)
	h := chat.Head{
		Conv: c.key, Kind: kind, MaxSeq: uint64(len(c.rows)), Rev: c.rev, JoinSeq: m.JoinSeq, ReadSeq: m.ReadSeq,
		Unread: c.unread(m),
	}
	if kind == chat.KindSingle {
		if a == m.User {
			a = b
		}
		h.PeerRead = c.members[a].ReadSeq
		for at, seq := range c.received {
			if strings.HasPrefix(at, a+"\n") {
				h.PeerGot = max(h.PeerGot, seq)
			}
		}
	}
	if n := len(c.rows); n > 0 {
		m := c.view(c.rows[n-1], m.User, now)
		h.LastTime = m.Time
		if last {
			h.Last = &m
		}
	}
	for _, r := range c.rows {
		h.Mentioned = h.Mentioned || r.m.Seq > m.ReadSeq && r.m.Seq > m.JoinSeq &&
			(slices.Contains(r.m.Mention, m.User) || slices.Contains(r.m.Mention, "*"))
	}
	return h
}

func (c *conv) unread(m *chat.Member) int {
	return max(0, len(c.rows)-int(max(m.ReadSeq, m.JoinSeq, c.sent[m.User])))
}

// Head implements chat.Conversations.
func (s *Store) Head(_ context.Context, user, key string, now int64) (chat.Head, error) {
	if err := s.begin("Head"); err != nil {
		return chat.Head{}, err
	}
	defer s.mu.Unlock()
	c, m, err := s.member(key, user)
	if err != nil {
		return chat.Head{}, err
	}
	return c.head(m, now, true), nil
}

// heads are the user's, ascending by key.
func (s *Store) heads(user string, now int64, last bool) (all []chat.Head) {
	for _, key := range slices.Sorted(maps.Keys(s.convs)) {
		c, m, err := s.member(key, user)
		if err == nil && (len(c.rows) > int(c.off[user]) || !last) {
			all = append(all, c.head(m, now, last))
		}
	}
	return all
}

// Heads implements chat.Conversations.
func (s *Store) Heads(_ context.Context, user string, limit int, cursor string, now int64) ([]chat.Head, string, error) {
	if err := s.begin("Heads"); err != nil {
		return nil, "", err
	}
	defer s.mu.Unlock()
	all := s.heads(user, now, true)
	slices.SortStableFunc(all, func(a, b chat.Head) int { return int(b.LastTime - a.LastTime) })
	return numbered(all, limit, cursor)
}

// Moved implements chat.Conversations.
func (s *Store) Moved(_ context.Context, user string, known map[string]chat.Mark, after string, limit int) ([]chat.Head, string, error) {
	if err := s.begin("Moved"); err != nil {
		return nil, "", err
	}
	defer s.mu.Unlock()
	all := slices.DeleteFunc(s.heads(user, 0, false), func(h chat.Head) bool {
		mark, ok := known[h.Conv]
		return h.Conv <= after || ok && mark == chat.Mark{Seq: h.MaxSeq, Rev: h.Rev}
	})
	if len(all) <= limit {
		return all, "", nil
	}
	return all[:limit], all[limit-1].Conv, nil
}

// Unread implements chat.Conversations.
func (s *Store) Unread(_ context.Context, user string) (n int, err error) {
	if err := s.begin("Unread"); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	for key := range s.convs {
		if c, m, err := s.member(key, user); err == nil {
			n += c.unread(m)
		}
	}
	return n, nil
}

// Member implements chat.Conversations.
func (s *Store) Member(_ context.Context, key, user string) (chat.Member, error) {
	if err := s.begin("Member"); err != nil {
		return chat.Member{}, err
	}
	defer s.mu.Unlock()
	_, m, err := s.member(key, user)
	if err != nil {
		return chat.Member{}, err
	}
	return *m, nil
}

// SetRead implements chat.Conversations.
func (s *Store) SetRead(_ context.Context, key, user string, seq uint64) (uint64, bool, error) {
	if err := s.begin("SetRead"); err != nil {
		return 0, false, err
	}
	defer s.mu.Unlock()
	c, m, err := s.member(key, user)
	if err != nil {
		return 0, false, err
	}
	moved := forward(&m.ReadSeq, seq, c)
	return m.ReadSeq, moved, nil
}

// SetDelivered implements chat.Conversations.
func (s *Store) SetDelivered(_ context.Context, key, user, device string, seq uint64) (uint64, bool, error) {
	if err := s.begin("SetDelivered"); err != nil {
		return 0, false, err
	}
	defer s.mu.Unlock()
	c, _, err := s.member(key, user)
	if err != nil {
		return 0, false, err
	}
	now := c.received[user+"\n"+device]
	moved := forward(&now, seq, c)
	c.received[user+"\n"+device] = now
	return now, moved, nil
}

func forward(mark *uint64, seq uint64, c *conv) (moved bool) {
	seq = min(seq, uint64(len(c.rows)))
	if seq <= *mark {
		return false
	}
	*mark = seq
	return true
}

// Readers implements chat.Conversations.
func (s *Store) Readers(_ context.Context, key string, seq uint64, read bool, limit int, cursor string) ([]string, string, int, error) {
	if err := s.begin("Readers"); err != nil {
		return nil, "", 0, err
	}
	defer s.mu.Unlock()
	c, ok := s.convs[key]
	if !ok {
		return nil, "", 0, none("conversation")
	}
	var all []string
	for _, u := range slices.Sorted(maps.Keys(c.members)) {
		if m := c.members[u]; m.JoinSeq < seq && (m.ReadSeq >= seq) == read {
			all = append(all, u)
		}
	}
	page, next, err := numbered(all, limit, cursor)
	return page, next, len(all), err
}

// HideConversation implements chat.Conversations.
func (s *Store) HideConversation(_ context.Context, key, user string) error {
	if err := s.begin("HideConversation"); err != nil {
		return err
	}
	defer s.mu.Unlock()
	c, _, err := s.member(key, user)
	if err != nil {
		return err
	}
	c.off[user] = uint64(len(c.rows))
	return nil
}

// CreateGroup implements chat.Groups.
func (s *Store) CreateGroup(_ context.Context, g chat.GroupInfo, members []string, _, _ int) (chat.GroupInfo, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, taken := s.groups[g.ID]; taken {
		return chat.GroupInfo{}, codec.Errorf(codec.CodeConflict, "this id is taken")
	}
	g.Conv = chat.GroupKey(g.ID)
	c := newConv(g.Conv)
	for _, u := range members {
		c.members[u] = &chat.Member{User: u, Role: chat.RoleMember}
	}
	if g.Owner != "" {
		c.members[g.Owner] = &chat.Member{User: g.Owner, Role: chat.RoleOwner}
	}
	g.Members = len(c.members)
	s.groups[g.ID], s.convs[g.Conv] = g, c
	return g, nil
}

// Group implements chat.Groups.
func (s *Store) Group(_ context.Context, id string) (chat.GroupInfo, error) {
	if err := s.begin("Group"); err != nil {
		return chat.GroupInfo{}, err
	}
	defer s.mu.Unlock()
	g, ok := s.groups[id]
	if !ok {
		return chat.GroupInfo{}, none("group")
	}
	return g, nil
}

// Place implements chat.Groups: a group and a user's place in it, with role 0 for
// who isn't in.
func (s *Store) Place(ctx context.Context, id, user string) (chat.GroupInfo, chat.Member, error) {
	g, err := s.Group(ctx, id)
	if err != nil {
		return chat.GroupInfo{}, chat.Member{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if m, in := s.convs[g.Conv].members[user]; in {
		return g, *m, nil
	}
	return g, chat.Member{}, nil
}

// SetGroup changes a group in whatever way a test needs; it does not count its
// members again.
func (s *Store) SetGroup(id string, change func(g *chat.GroupInfo, members map[string]*chat.Member, maxSeq uint64)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.groups[id]
	c := s.convs[g.Conv]
	change(&g, c.members, uint64(len(c.rows)))
	s.groups[id] = g
}

// MemberIDs implements chat.Groups.
func (s *Store) MemberIDs(_ context.Context, id string) ([]string, error) {
	if err := s.begin("MemberIDs"); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	c, ok := s.convs[chat.GroupKey(id)]
	if !ok {
		return nil, none("group")
	}
	return slices.Collect(maps.Keys(c.members)), nil
}

// JoinedAfter implements chat.Groups.
func (s *Store) JoinedAfter(_ context.Context, id string, seq uint64) ([]string, error) {
	if err := s.begin("JoinedAfter"); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	c, ok := s.convs[chat.GroupKey(id)]
	if !ok {
		return nil, none("group")
	}
	var users []string
	for user, m := range c.members {
		if m.JoinSeq >= seq {
			users = append(users, user)
		}
	}
	return users, nil
}

// GroupsOf implements chat.Groups.
func (s *Store) GroupsOf(_ context.Context, user string, limit int, cursor string) ([]chat.GroupInfo, string, error) {
	if err := s.begin("GroupsOf"); err != nil {
		return nil, "", err
	}
	defer s.mu.Unlock()
	var all []chat.GroupInfo
	for _, id := range slices.Sorted(maps.Keys(s.groups)) {
		if _, in := s.convs[chat.GroupKey(id)].members[user]; in {
			all = append(all, s.groups[id])
		}
	}
	return numbered(all, limit, cursor)
}

// Relation implements chat.Friends.
func (s *Store) Relation(_ context.Context, user, other string) (chat.Friend, error) {
	if err := s.begin("Relation"); err != nil {
		return chat.Friend{}, err
	}
	defer s.mu.Unlock()
	return s.friends[[2]string{user, other}], nil
}

// Block implements chat.Friends.
func (s *Store) Block(_ context.Context, user, other string, on bool, _ chat.FriendBounds, _ int64) (chat.Friend, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.friends[[2]string{user, other}]
	f.User, f.Blocked = other, on
	s.friends[[2]string{user, other}] = f
	return f, nil
}

// Befriend makes two users friends.
func (s *Store) Befriend(a, b string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.friends[[2]string{a, b}] = chat.Friend{User: b, State: chat.FriendYes}
	s.friends[[2]string{b, a}] = chat.Friend{User: a, State: chat.FriendYes}
}
