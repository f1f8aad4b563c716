package chattest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"pushd/internal/chat"
)

// membership is a user's place in a conversation. Every user has one in the broadcasts
// and in their own notices, also before there are any: the conversation is nil then.
func (s *Store) membership(key, user string) (*conversation, chat.Member, error) {
	c := s.convs[key]
	kind, a, _, _ := chat.ParseKey(key)
	byRight := kind == chat.KindBroadcast || kind == chat.KindNotice && a == user
	switch {
	case c != nil && c.members[user] != nil:
	case c != nil && byRight:
		c.members[user] = &chat.Member{User: user, Role: chat.RoleMember}
	case byRight:
		return nil, chat.Member{User: user, Role: chat.RoleMember}, nil
	default:
		return nil, chat.Member{}, notFound("conversation")
	}
	return c, *c.members[user], nil
}

// seen is how far a member has seen the conversation.
func (c *conversation) seen(m chat.Member) uint64 { return max(m.ReadSeq, m.JoinSeq, c.sent[m.User]) }

func (c *conversation) unread(m chat.Member) int { return max(0, len(c.rows)-int(c.seen(m))) }

// head is without Last.
func (c *conversation) head(m chat.Member) chat.Head {
	kind, _, _, _ := chat.ParseKey(c.key)
	h := chat.Head{
		Conv: c.key, Kind: kind, MaxSeq: c.maxSeq(), Rev: c.rev, JoinSeq: m.JoinSeq, ReadSeq: m.ReadSeq,
		Unread: c.unread(m), LastTime: c.lastTime,
	}
	if kind == chat.KindSingle {
		for user, peer := range c.members {
			if user != m.User {
				h.PeerRead = max(peer.ReadSeq, c.sent[user])
				h.PeerGot = h.PeerRead
				for _, seq := range c.received[user] {
					h.PeerGot = max(h.PeerGot, seq)
				}
			}
		}
	}
	for _, r := range c.rows {
		h.Mentioned = h.Mentioned || r.m.Seq > c.seen(m) &&
			(slices.Contains(r.m.Mention, m.User) || slices.Contains(r.m.Mention, "*"))
	}
	return h
}

// headWithLast adds the newest message, if it came after the member.
func (c *conversation) headWithLast(m chat.Member, now int64) chat.Head {
	h := c.head(m)
	if h.MaxSeq > m.JoinSeq {
		last := c.view(c.rows[h.MaxSeq-1], m.User, now)
		h.Last = &last
	}
	return h
}

// Head implements chat.Conversations.
func (s *Store) Head(_ context.Context, user, key string, now int64) (chat.Head, error) {
	if err := s.begin("Head"); err != nil {
		return chat.Head{}, err
	}
	defer s.mu.Unlock()
	c, m, err := s.membership(key, user)
	if err != nil {
		return chat.Head{}, err
	}
	if c == nil {
		kind, _, _, _ := chat.ParseKey(key)
		return chat.Head{Conv: key, Kind: kind}, nil
	}
	return c.headWithLast(m, now), nil
}

// of are the conversations of a user, ascending by key.
func (s *Store) of(user string) (all []*conversation) {
	for _, key := range slices.Sorted(maps.Keys(s.convs)) {
		if c, _, err := s.membership(key, user); err == nil {
			all = append(all, c)
		}
	}
	return all
}

// Heads implements chat.Conversations.
func (s *Store) Heads(
	_ context.Context, user string, limit int, cursor string, now int64,
) ([]chat.Head, string, error) {
	if err := s.begin("Heads"); err != nil {
		return nil, "", err
	}
	defer s.mu.Unlock()
	all := slices.DeleteFunc(s.of(user), func(c *conversation) bool { return c.maxSeq() < c.offList[user] })
	slices.SortFunc(all, func(a, b *conversation) int {
		return cmp.Or(cmp.Compare(b.lastTime, a.lastTime), cmp.Compare(b.number, a.number))
	})
	page, next, err := pageOf(all, limit, cursor)
	heads := make([]chat.Head, len(page))
	for i, c := range page {
		heads[i] = c.headWithLast(*c.members[user], now)
	}
	return heads, next, err
}

// Moved implements chat.Conversations.
func (s *Store) Moved(
	_ context.Context, user string, known map[string]chat.Mark, after string, limit int,
) ([]chat.Head, string, error) {
	if err := s.begin("Moved"); err != nil {
		return nil, "", err
	}
	defer s.mu.Unlock()
	page := []chat.Head{}
	for _, c := range s.of(user) {
		mark, is := known[c.key]
		if strings.Compare(c.key, after) > 0 && (!is || mark != chat.Mark{Seq: c.maxSeq(), Rev: c.rev}) {
			page = append(page, c.head(*c.members[user]))
		}
	}
	if len(page) <= limit {
		return page, "", nil
	}
	return page[:limit], page[limit-1].Conv, nil
}

// Unread implements chat.Conversations.
func (s *Store) Unread(_ context.Context, user string) (n int, err error) {
	if err := s.begin("Unread"); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	for _, c := range s.of(user) {
		n += c.unread(*c.members[user])
	}
	return n, nil
}

// Member implements chat.Conversations.
func (s *Store) Member(_ context.Context, key, user string) (chat.Member, error) {
	if err := s.begin("Member"); err != nil {
		return chat.Member{}, err
	}
	defer s.mu.Unlock()
	_, m, err := s.membership(key, user)
	return m, err
}

// SetRead implements chat.Conversations.
func (s *Store) SetRead(_ context.Context, key, user string, seq uint64) (uint64, bool, error) {
	if err := s.begin("SetRead"); err != nil {
		return 0, false, err
	}
	defer s.mu.Unlock()
	c, m, err := s.membership(key, user)
	if err != nil || c == nil {
		return 0, false, err
	}
	now, moved := forward(m.ReadSeq, seq, c)
	c.members[user].ReadSeq = now
	return now, moved, nil
}

// SetDelivered implements chat.Conversations.
func (s *Store) SetDelivered(_ context.Context, key, user, device string, seq uint64) (uint64, bool, error) {
	if err := s.begin("SetDelivered"); err != nil {
		return 0, false, err
	}
	defer s.mu.Unlock()
	c, _, err := s.membership(key, user)
	if err != nil || c == nil {
		return 0, false, err
	}
	if c.received[user] == nil {
		c.received[user] = map[string]uint64{}
	}
	now, moved := forward(c.received[user][device], seq, c)
	c.received[user][device] = now
	return now, moved, nil
}

// forward is where a mark goes that is asked to be at seq.
func forward(mark, seq uint64, c *conversation) (now uint64, moved bool) {
	now = max(mark, min(seq, c.maxSeq()))
	return now, now > mark
}

// Readers implements chat.Conversations.
func (s *Store) Readers(
	_ context.Context, key string, seq uint64, read bool, limit int, cursor string,
) ([]string, string, int, error) {
	if err := s.begin("Readers"); err != nil {
		return nil, "", 0, err
	}
	defer s.mu.Unlock()
	c, err := s.readable(key)
	if err != nil || c == nil {
		return []string{}, "", 0, err
	}
	sender := ""
	if seq > 0 && seq <= c.maxSeq() {
		sender = c.rows[seq-1].m.From
	}
	var all []string
	for _, u := range slices.Sorted(maps.Keys(c.members)) {
		m := c.members[u]
		if u != sender && m.JoinSeq < seq && (max(m.ReadSeq, c.sent[u]) >= seq) == read {
			all = append(all, u)
		}
	}
	page, next, err := pageOf(all, limit, cursor)
	return page, next, len(all), err
}

// HideConversation implements chat.Conversations.
func (s *Store) HideConversation(_ context.Context, key, user string) error {
	if err := s.begin("HideConversation"); err != nil {
		return err
	}
	defer s.mu.Unlock()
	c, _, err := s.membership(key, user)
	if err == nil && c != nil {
		c.offList[user] = c.maxSeq() + 1
	}
	return err
}
