package hub

import "sync"

// sessionShard maps session ids, which are random, to sessions.
type sessionShard struct {
	mu   sync.Mutex
	byID index
	_    [16]byte // as in userShard
}

// enter gives s an id that no other session has and makes it known. The ids
// come from the loop's own ChaCha8, seeded by the operating system: nobody can
// guess another client's session, and no lock is shared to draw one.
func (h *Hub) enter(s *Session, l *loop) {
	for {
		id := l.rng.Uint64()
		if id == 0 {
			continue
		}
		shard := &h.sessions[shardOf(id)]
		shard.mu.Lock()
		taken := shard.byID.get(id) != nil
		if !taken {
			s.ID = id
			shard.byID.put(id, s)
		}
		shard.mu.Unlock()
		if !taken {
			return
		}
	}
}

// exit makes the session's id unknown.
func (h *Hub) exit(s *Session) {
	shard := &h.sessions[shardOf(s.ID)]
	shard.mu.Lock()
	shard.byID.del(s.ID)
	shard.mu.Unlock()
}

// Lookup finds a session by its id.
func (h *Hub) Lookup(id uint64) (Entry, bool) {
	shard := &h.sessions[shardOf(id)]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	s := shard.byID.get(id)
	if s == nil {
		return Entry{}, false
	}
	return s.entry(), true
}
