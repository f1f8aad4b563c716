package hub

import (
	"slices"
	"strings"
	"sync"
	"time"
)

// MaxTopicName is the longest topic or group name, in bytes. Callers keep a part
// of it for themselves: names of their own that hold a user's id.
const MaxTopicName = 192

// own tells whether a topic is the server's: those begin with $. Who is in them
// is nobody's business, and nothing of them is remembered.
func own(topic string) bool { return strings.HasPrefix(topic, "$") }

// topicShard maps names to topics. A topic is in the map exactly while it has
// members: the count changes in the same critical section as the map, so a
// loop that removes the last member and another one that subscribes agree.
type topicShard struct {
	mu     sync.Mutex
	byName table[string, *topic]
	_      [40]byte // as in userShard
}

// topic is a name and, for each loop that has members, a room.
type topic struct {
	name   string        // immutable
	window time.Duration // immutable; see Options.MergeWindow
	roster *roster       // immutable; nil where users are not known
	rooms  []*room       // guarded by the shard
}

// memberships are the topics of one session.
type memberships struct{ list []membership }

type membership struct {
	room *room
	pos  uint32 // place in room.members
}

func (m *memberships) of(r *room) *membership {
	for i := range m.list {
		if m.list[i].room == r {
			return &m.list[i]
		}
	}
	return nil
}

func (m *memberships) named(name string) int {
	if m != nil {
		for i := range m.list {
			if m.list[i].room.topic.name == name {
				return i
			}
		}
	}
	return -1
}

func (h *Hub) topicShard(name string) *topicShard {
	return &h.topics[shardOf(h.hash(name))]
}

// Subscribe puts s in a topic, which comes into being with its first member. To
// be called on the session's loop. A second call does nothing. Errors are
// ErrTopicName, ErrNotLive, ErrSessionTopics and ErrTopicsFull.
func (h *Hub) Subscribe(s *Session, name string) error {
	switch {
	case name == "" || len(name) > MaxTopicName:
		return ErrTopicName
	case !s.live:
		return ErrNotLive
	case s.topics.named(name) >= 0:
		return nil
	case s.topics != nil && len(s.topics.list) >= h.opt.MaxTopicsPerSession:
		return ErrSessionTopics
	}
	l := h.loops[s.Loop]
	l.changes.Add(1)
	defer l.changes.Add(1)
	if !h.mayJoin(s) {
		return ErrUserTopics
	}
	r, err := h.joinRoom(l, name)
	if err != nil {
		h.count(s, -1)
		return err
	}
	if s.topics == nil {
		s.topics = new(memberships)
	}
	s.topics.list = append(s.topics.list, membership{r, r.add(s)})
	h.enterRoster(r.topic, s)
	return nil
}

// mayJoin counts one more subscription of the session, unless its user has as
// many as it may have in all.
func (h *Hub) mayJoin(s *Session) bool {
	key := h.hash(s.User)
	shard := &h.users[shardOf(key)]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	all := int(s.subs)
	for e := shard.chains.get(key); e != nil; e = e.next {
		if e != s && e.User == s.User {
			all += int(e.subs)
		}
	}
	if all >= h.opt.MaxTopicsPerUser {
		return false
	}
	s.subs++
	return true
}

// count changes the number of the session's subscriptions.
func (h *Hub) count(s *Session, by int) {
	shard := &h.users[shardOf(h.hash(s.User))]
	shard.mu.Lock()
	s.subs = uint16(int(s.subs) + by)
	shard.mu.Unlock()
}

// Unsubscribe takes s out of a topic and reports whether it was in. To be
// called on the session's loop.
func (h *Hub) Unsubscribe(s *Session, name string) bool {
	i := s.topics.named(name)
	if i < 0 {
		return false
	}
	l := h.loops[s.Loop]
	l.changes.Add(1)
	defer l.changes.Add(1)
	list := s.topics.list
	m := list[i]
	m.room.remove(m.pos)
	h.leaveRoster(m.room.topic, s)
	h.count(s, -1)
	last := len(list) - 1
	list[i] = list[last]
	list[last] = membership{}
	s.topics.list = list[:last]
	if last == 0 {
		s.topics = nil
	}
	h.leaveRoom(m.room)
	return true
}

// leaveAll takes s out of all its topics.
func (h *Hub) leaveAll(s *Session) {
	if s.topics == nil {
		return
	}
	for _, m := range s.topics.list {
		m.room.remove(m.pos)
		h.leaveRoster(m.room.topic, s)
		h.leaveRoom(m.room)
	}
	h.count(s, -len(s.topics.list))
	s.topics = nil
}

// Topics returns the names of the topics s is in. To be called on its loop.
func (h *Hub) Topics(s *Session) []string {
	if s.topics == nil {
		return nil
	}
	names := make([]string, len(s.topics.list))
	for i, m := range s.topics.list {
		names[i] = m.room.topic.name
	}
	return names
}

// Subscribers is the number of sessions in a topic.
func (h *Hub) Subscribers(name string) (n int) {
	shard := h.topicShard(name)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if t, ok := shard.byName.get(name); ok {
		for _, r := range t.rooms {
			n += int(r.refs)
		}
	}
	return n
}

// joinRoom counts one more member in the loop's room of the topic, creating
// both where needed.
func (h *Hub) joinRoom(l *loop, name string) (*room, error) {
	shard := h.topicShard(name)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	t, ok := shard.byName.get(name)
	if !ok {
		if h.topicCount.Add(1) > int64(h.opt.MaxTopics) {
			h.topicCount.Add(-1)
			return nil, ErrTopicsFull
		}
		t = &topic{name: strings.Clone(name)}
		if h.opt.MergeWindow != nil {
			t.window = h.opt.MergeWindow(t.name)
		}
		if h.opt.Roster != nil && !own(t.name) && h.opt.Roster(t.name) {
			t.roster = &roster{topic: t.name}
		}
		shard.byName.set(t.name, t)
	}
	for _, r := range t.rooms {
		if r.loop == l {
			r.refs++
			return r, nil
		}
	}
	r := &room{topic: t, loop: l, refs: 1}
	t.rooms = append(t.rooms, r)
	return r, nil
}

// leaveRoom counts one member less. A room without members leaves its topic;
// fan-outs that still wait in it find nobody. The next member of this loop gets
// a new room, which is right: it joined after they were published.
func (h *Hub) leaveRoom(r *room) {
	t := r.topic
	shard := h.topicShard(t.name)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	r.refs--
	if r.refs > 0 {
		return
	}
	t.rooms = slices.DeleteFunc(t.rooms, func(other *room) bool { return other == r })
	if len(t.rooms) == 0 {
		shard.byName.del(t.name)
		h.topicCount.Add(-1)
	}
}

// roomCount is a room and how many members it had when it was looked up.
type roomCount struct {
	room *room
	n    int
}

// rooms appends the rooms of a topic.
func (h *Hub) rooms(dst []roomCount, name string) []roomCount {
	shard := h.topicShard(name)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if t, ok := shard.byName.get(name); ok {
		for _, r := range t.rooms {
			dst = append(dst, roomCount{r, int(r.refs)})
		}
	}
	return dst
}
