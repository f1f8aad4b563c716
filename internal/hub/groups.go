package hub

import (
	"container/list"
	"strings"
	"sync"
)

const groupShards = 32

// groupShard maps group names to members.
type groupShard struct {
	mu     sync.Mutex
	byName table[string, *group]
	loaded list.List // of *group: those that LoadGroup can bring back, least recently used first
}

// group is one set of users. A list of members is ascending, holds each user
// once, and is never changed, only replaced: a delivery reads it without copying
// it.
type group struct {
	// Immutable.
	name string

	// Held while members are worked out, so that the shard is locked for the
	// exchange of a pointer alone. Taken before the shard's lock.
	change sync.Mutex

	// Guarded by the shard's lock.
	members []string
	loading *loading      // members aren't known yet
	use     *list.Element // in the shard's loaded; nil for a group that SetGroup made
}

func (h *Hub) groupShard(name string) *groupShard {
	return &h.groups[h.hash(name)%groupShards]
}

// SetGroup creates or replaces a group of users, online or not, which stays
// until DeleteGroup. Errors are ErrGroupName, ErrGroupFull and ErrGroupsFull.
func (h *Hub) SetGroup(name string, users []string) error {
	if err := validGroup(name); err != nil {
		return err
	}
	members := unique(users)
	if len(members) > h.opt.MaxGroupMembers {
		return ErrGroupFull
	}
	// The group outlives the request whose buffer these strings may be part of.
	owned := cloned(members)
	shard := h.groupShard(name)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	return h.storeLocked(shard, name, owned)
}

// AddOnline adds every user that is online to a group, creating it, and returns
// the group's size. Errors as for SetGroup; the group is then as it was.
func (h *Hub) AddOnline(name string) (size int, err error) {
	if err := validGroup(name); err != nil {
		return 0, err
	}
	online, err := h.AllOnline(h.opt.MaxGroupMembers)
	if err != nil {
		return 0, err
	}
	shard := h.groupShard(name)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	var old []string
	if g, ok := shard.byName.get(name); ok {
		old = g.members
	}
	members := merge(old, online)
	if len(members) > h.opt.MaxGroupMembers {
		return 0, ErrGroupFull
	}
	return len(members), h.storeLocked(shard, name, members)
}

// Group returns a group's members in ascending order; the slice is shared and
// must not be changed. ok is false for one whose members are still awaited.
func (h *Hub) Group(name string) (members []string, ok bool) {
	shard := h.groupShard(name)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	g, ok := shard.byName.get(name)
	if !ok || g.loading != nil {
		return nil, false
	}
	shard.usedLocked(g)
	return g.members, true
}

// DeleteGroup removes a group and reports whether there was one.
func (h *Hub) DeleteGroup(name string) bool {
	shard := h.groupShard(name)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	g, ok := shard.byName.get(name)
	if ok {
		h.dropLocked(shard, g)
	}
	return ok
}

// storeLocked puts a new group in the place of an old one, so that whoever is
// still changing that one has changed nothing.
func (h *Hub) storeLocked(shard *groupShard, name string, members []string) error {
	if old, ok := shard.byName.get(name); ok {
		h.dropLocked(shard, old)
	}
	if h.groupCount.Add(1) > int64(h.opt.MaxGroups) {
		h.groupCount.Add(-1)
		return ErrGroupsFull
	}
	g := &group{name: strings.Clone(name), members: members}
	shard.byName.set(g.name, g)
	return nil
}

func (h *Hub) dropLocked(shard *groupShard, g *group) {
	shard.byName.del(g.name)
	if g.use != nil {
		shard.loaded.Remove(g.use)
	}
	h.groupCount.Add(-1)
}

func validGroup(name string) error {
	if name == "" || len(name) > MaxTopicName {
		return ErrGroupName
	}
	return nil
}

func cloned(names []string) []string {
	owned := make([]string, len(names))
	for i, n := range names {
		owned[i] = strings.Clone(n)
	}
	return owned
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

// without returns what is in the ascending list a and not in the ascending list b.
func without(a, b []string) []string {
	out := make([]string, 0, len(a))
	for _, name := range a {
		if !has(b, name) {
			out = append(out, name)
		}
	}
	return out
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
