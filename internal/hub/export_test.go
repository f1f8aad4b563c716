package hub

// Collide gives every name the same hash, as an attacker who knew the seed could.
func (h *Hub) Collide() { h.hash = func(string) uint64 { return 1 << 63 } }

// Miscount makes the hub wrong in one of the ways that Check must notice.
func (h *Hub) Miscount(how string, s *Session) {
	switch how {
	case "users":
		h.online.Add(1)
	case "platform":
		h.loops[s.Loop].platforms[s.Platform].Add(1)
	case "id":
		h.exit(s)
	case "chain":
		h.users[shardOf(h.hash(s.User))].chains.del(h.hash(s.User))
	case "position":
		s.pos++
	case "membership":
		s.topics.list[0].pos++
	case "room":
		s.topics.list[0].room.refs++
	case "member":
		r := s.topics.list[0].room
		r.members = append(r.members, s)
	case "subs":
		s.subs++
	case "no subs":
		s.subs, s.topics = 1, nil
	case "roster":
		s.topics.list[0].room.topic.roster.sessions++
	case "topics":
		h.topicCount.Add(1)
	case "orphans":
		h.orphans.Add(1)
	case "dead":
		s.live = false
	}
}

// Room returns the number and the capacity of the everyone list of a loop.
func (h *Hub) Room(loop int) (n, capacity int) {
	m := h.loops[loop].everyone.members
	return len(m), cap(m)
}

// HashOf returns the position of a user in the order of OnlineUsers.
func (h *Hub) HashOf(user string) uint64 { return h.hash(user) }

// Shrinks reports whether a table of n entries gives memory back when all but
// one are deleted.
func Shrinks(n int) bool {
	var t table[int, int]
	for i := range n {
		t.set(i, i)
	}
	for i := range n - 1 {
		t.del(i)
	}
	v, ok := t.get(n - 1)
	return ok && v == n-1 && len(t.m) == 1 && t.peak <= tableKeep
}

// LoopCount returns the number of loops.
func (h *Hub) LoopCount() int { return len(h.loops) }

// Ordered returns how many orders the loops remember.
func (h *Hub) Ordered() (n int) {
	for _, l := range h.loops {
		l.mu.Lock()
		n += len(l.ordered)
		l.mu.Unlock()
	}
	return n
}
