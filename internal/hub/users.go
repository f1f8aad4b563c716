package hub

import "sync"

// userShard maps the hash of a user id to the chain of sessions whose users
// have it. A user has no object of its own: its sessions are those of the chain
// with that User, and two users with one hash merely share a chain.
type userShard struct {
	mu     sync.Mutex
	chains index    // the head of each chain, by the hash of its users
	_      [16]byte // keeps neighbouring locks on different cache lines
}

// link enters s in the directory under the multi-login policy. came reports
// that the user was not on this platform before.
func (h *Hub) link(s *Session, l *loop) (replaced []Entry, came bool, err error) {
	key := h.hash(s.User)
	shard := &h.users[shardOf(key)]
	shard.mu.Lock()
	defer shard.mu.Unlock()

	all, same := 0, 0
	head := shard.chains.get(key)
	for e := head; e != nil; e = e.next {
		if e.User == s.User {
			all++
			if e.Platform == s.Platform {
				same++
			}
		}
	}
	stay := all
	if same > 0 {
		switch h.opt.Policy {
		case PolicyReplace:
			stay -= same
		case PolicyRefuse:
			return nil, false, ErrTaken
		case PolicyAllow:
			if same >= h.opt.MaxPerPlatform {
				return nil, false, ErrTaken
			}
		}
	}
	if stay >= h.opt.MaxPerUser {
		return nil, false, ErrTooMany
	}
	if stay < all {
		replaced = h.evictLocked(shard, key, s, make([]Entry, 0, all-stay))
	}
	h.enter(s, l)
	s.next = shard.chains.get(key)
	shard.chains.put(key, s)
	l.platforms[s.Platform].Add(1)
	if all == 0 {
		h.online.Add(1)
	}
	return replaced, same == 0, nil
}

// evictLocked takes the sessions of s.User on s.Platform out of the chain and
// out of the directory of ids. The shard's lock is held.
func (h *Hub) evictLocked(shard *userShard, key uint64, s *Session, out []Entry) []Entry {
	head := shard.chains.get(key)
	at := &head
	for e := *at; e != nil; e = *at {
		if e.User != s.User || e.Platform != s.Platform {
			at = &e.next
			continue
		}
		*at = e.next
		e.next = nil
		h.forget(e)
		out = append(out, e.entry())
	}
	shard.setHeadLocked(key, head)
	h.orphans.Add(int64(len(out)))
	return out
}

// unlink takes s out of the directory. linked is false when another login had
// replaced it before; gone reports that the user is no longer on the platform.
func (h *Hub) unlink(s *Session) (linked, gone bool) {
	key := h.hash(s.User)
	shard := &h.users[shardOf(key)]
	shard.mu.Lock()
	defer shard.mu.Unlock()

	head := shard.chains.get(key)
	others, same := 0, 0
	for at := &head; *at != nil; {
		e := *at
		if e == s {
			*at = e.next
			linked = true
			continue
		}
		if e.User == s.User {
			others++
			if e.Platform == s.Platform {
				same++
			}
		}
		at = &e.next
	}
	if !linked {
		return false, false
	}
	s.next = nil
	shard.setHeadLocked(key, head)
	h.forget(s)
	if others == 0 {
		h.online.Add(-1)
	}
	return true, same == 0
}

func (u *userShard) setHeadLocked(key uint64, head *Session) {
	if head == nil {
		u.chains.del(key)
		return
	}
	u.chains.put(key, head)
}

// forget takes s out of the directory of ids and out of the counts. The lock of
// the user's shard is held.
func (h *Hub) forget(s *Session) {
	h.exit(s)
	h.loops[s.Loop].platforms[s.Platform].Add(-1)
}

// collect appends the user's sessions that the filter admits to the list of
// their loop and returns how many there were. here reports that the user has a
// session on the filter's platforms, the one left out included.
func (h *Hub) collect(user string, f Filter, lists [][]ref) (n int, here bool) {
	key := h.hash(user)
	shard := &h.users[shardOf(key)]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	for e := shard.chains.get(key); e != nil; e = e.next {
		if e.User != user || !f.Admits(e.Platform) {
			continue
		}
		here = true
		if e.ID != f.Except {
			lists[e.Loop] = append(lists[e.Loop], ref{e, e.ID})
			n++
		}
	}
	return n, here
}
