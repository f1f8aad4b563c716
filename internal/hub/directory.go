package hub

import (
	"slices"
)

// Counts are totals of this node.
type Counts struct {
	Sessions  int
	Users     int
	Platforms [MaxPlatforms]int // sessions by platform
}

// Counts reads counters; it takes no lock. While logins go on, the figures are
// of slightly different moments.
func (h *Hub) Counts() (c Counts) {
	for _, l := range h.loops {
		for p := range l.platforms {
			n := int(l.platforms[p].Load())
			c.Platforms[p] += n
			c.Sessions += n
		}
	}
	c.Users = int(h.online.Load())
	return c
}

// UserSessions appends the user's sessions to dst.
func (h *Hub) UserSessions(dst []Entry, user string) []Entry {
	key := h.hash(user)
	shard := &h.users[shardOf(key)]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	for e := shard.chains.get(key); e != nil; e = e.next {
		if e.User == user {
			dst = append(dst, e.entry())
		}
	}
	return dst
}

// UserPlatforms returns the set of platforms the user is on, bit n for platform
// n; 0 means not online.
func (h *Hub) UserPlatforms(user string) (mask uint64) {
	key := h.hash(user)
	shard := &h.users[shardOf(key)]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	for e := shard.chains.get(key); e != nil; e = e.next {
		if e.User == user {
			mask |= 1 << e.Platform
		}
	}
	return mask
}

// OnlineUser is one user and the set of platforms it is on.
type OnlineUser struct {
	User      string
	Platforms uint64
}

const (
	pageChunk = 128     // users read under one taking of a shard's lock
	pageScan  = 1 << 14 // hashes looked at before a page is given as it is
)

// OnlineUsers lists users on any of the platforms of the mask (0: all) in the
// order of their keyed hashes, from after the cursor, "" being the start; next
// is "" at the end. The order is stable, so that a user who stays online while
// the pages are read is listed exactly once, and a cursor stays good whoever
// comes or goes. The work for a page is bounded: under a mask that few users
// match, a page may be short or even empty while next is not "". A page exceeds
// limit only by users with one and the same 64-bit hash. The error is ErrCursor.
func (h *Hub) OnlineUsers(mask uint64, limit int, cursor string) (users []OnlineUser, next string, err error) {
	after, started := uint64(0), cursor != ""
	if started {
		var ok bool
		if after, ok = parseHex(cursor); !ok {
			return nil, "", ErrCursor
		}
	}
	limit = max(limit, 1)
	scanned := 0
	for i := shardOf(after); i < shards; i++ {
		shard := &h.users[i]
		keys := shard.keysAfter(after, started)
		scanned += len(keys)
		slices.Sort(keys)
		for len(keys) > 0 {
			chunk := keys[:min(pageChunk, len(keys))]
			keys = keys[len(chunk):]
			var n int
			users, n = shard.read(users, chunk, mask, limit)
			last := chunk[n-1]
			if len(users) >= limit {
				return users, FormatID(last), nil
			}
			after, started = last, true
		}
		if scanned >= pageScan && i+1 < shards {
			return users, FormatID(uint64(i+1)<<(64-shardBits) - 1), nil
		}
	}
	return users, "", nil
}

// keysAfter returns the hashes above after, or all before the first page.
func (u *userShard) keysAfter(after uint64, started bool) []uint64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	keys := make([]uint64, 0, u.chains.n)
	u.chains.all(func(head *Session) {
		if key := u.chains.keyOf(head); !started || key > after {
			keys = append(keys, key)
		}
	})
	return keys
}

// read appends the users behind the hashes until there are limit, and returns
// how many hashes it used, at least one.
func (u *userShard) read(dst []OnlineUser, keys []uint64, mask uint64, limit int) ([]OnlineUser, int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for i, key := range keys {
		head := u.chains.get(key)
		for e := head; e != nil; e = e.next {
			if !e.firstOf(head) {
				continue
			}
			var platforms uint64
			for o := e; o != nil; o = o.next {
				if o.User == e.User {
					platforms |= 1 << o.Platform
				}
			}
			if mask == 0 || platforms&mask != 0 {
				dst = append(dst, OnlineUser{e.User, platforms})
			}
		}
		if len(dst) >= limit {
			return dst, i + 1
		}
	}
	return dst, len(keys)
}
