package hub

import (
	"slices"
	"strings"
	"sync"
)

const groupShards = 32

// groupShard maps group names to members. A list of members is ascending, holds
// each user once, and is never changed, only replaced: a delivery reads it
// without copying it.
type groupShard struct {
	mu     sync.Mutex
	byName table[string, []string]
}

func (h *Hub) groupShard(name string) *groupShard {
	return &h.groups[h.hash(name)%groupShards]
}

// SetGroup creates or replaces a group of users, online or not. Errors are
// ErrGroupName, ErrGroupFull and ErrGroupsFull.
func (h *Hub) SetGroup(name string, users []string) error {
	if name == "" || len(name) > MaxTopicName {
		return ErrGroupName
	}
	members := unique(users)
	if len(members) > h.opt.MaxGroupMembers {
		return ErrGroupFull
	}
	// The group outlives the request whose buffer these strings may be part of.
	owned := make([]string, len(members))
	for i, u := range members {
		owned[i] = strings.Clone(u)
	}
	shard := h.groupShard(name)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	return h.storeLocked(shard, name, owned)
}

// AddOnline adds every user that is online to a group, creating it, and returns
// the group's size. Errors as for SetGroup; the group is then as it was.
func (h *Hub) AddOnline(name string) (size int, err error) {
	if name == "" || len(name) > MaxTopicName {
		return 0, ErrGroupName
	}
	var online []string
	for i := range h.users {
		online = h.users[i].appendUsers(online)
		if len(online) > h.opt.MaxGroupMembers {
			return 0, ErrGroupFull
		}
	}
	slices.Sort(online)
	shard := h.groupShard(name)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	old, _ := shard.byName.get(name)
	members := merge(old, online)
	if len(members) > h.opt.MaxGroupMembers {
		return 0, ErrGroupFull
	}
	return len(members), h.storeLocked(shard, name, members)
}

// Group returns a group's members in ascending order; the slice is shared and
// must not be changed.
func (h *Hub) Group(name string) (members []string, ok bool) {
	shard := h.groupShard(name)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	return shard.byName.get(name)
}

// DeleteGroup removes a group and reports whether there was one.
func (h *Hub) DeleteGroup(name string) bool {
	shard := h.groupShard(name)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if _, ok := shard.byName.get(name); !ok {
		return false
	}
	shard.byName.del(name)
	h.groupCount.Add(-1)
	return true
}

func (h *Hub) storeLocked(shard *groupShard, name string, members []string) error {
	if _, ok := shard.byName.get(name); !ok {
		if h.groupCount.Add(1) > int64(h.opt.MaxGroups) {
			h.groupCount.Add(-1)
			return ErrGroupsFull
		}
		name = strings.Clone(name)
	}
	shard.byName.set(name, members)
	return nil
}

// merge returns the union of two ascending lists.
func merge(a, b []string) []string {
	out := make([]string, 0, max(len(a), len(b)))
	for len(a) > 0 && len(b) > 0 {
		switch c := strings.Compare(a[0], b[0]); {
		case c < 0:
			out, a = append(out, a[0]), a[1:]
		case c > 0:
			out, b = append(out, b[0]), b[1:]
		default:
			out, a, b = append(out, a[0]), a[1:], b[1:]
		}
	}
	out = append(out, a...)
	return append(out, b...)
}

// appendUsers appends the distinct users of the shard.
func (u *userShard) appendUsers(dst []string) []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.chains.all(func(head *Session) {
		for e := head; e != nil; e = e.next {
			if e.firstOf(head) {
				dst = append(dst, e.User)
			}
		}
	})
	return dst
}

// firstOf reports whether no session before s in the chain has the same user.
func (s *Session) firstOf(head *Session) bool {
	for e := head; e != s; e = e.next {
		if e.User == s.User {
			return false
		}
	}
	return true
}
