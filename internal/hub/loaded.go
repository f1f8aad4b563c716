package hub

import (
	"context"
	"errors"
	"strings"
)

// loading is a group whose members are being read somewhere else. Who joins or
// leaves meanwhile is noted, and applied to what was read: that may have happened
// before or after.
type loading struct {
	done    chan struct{} // closed when the members are in place or the load has failed
	changes []change
	users   int // in all changes
}

// change is some users who joined or left, ascending.
type change struct {
	join  bool
	users []string
}

func (c change) apply(members []string) []string {
	if c.join {
		return merge(members, c.users)
	}
	return without(members, c.users)
}

// Loaded reports whether the members of a group are held.
func (h *Hub) Loaded(name string) bool {
	_, ok := h.Group(name)
	return ok
}

// loadTries is how often a load begins again because the group was forgotten, or
// changed too much, while its members were read.
const loadTries = 3

// LoadGroup holds a group's members from now on, if it doesn't yet. read tells
// them; it is called without a lock, by one caller at a time for a group, and who
// joins or leaves while it runs is not lost. Errors are those of read and of ctx,
// ErrGroupName, ErrGroupFull, ErrGroupsFull, and ErrGroupStale for a group that
// is forgotten as fast as it is loaded.
func (h *Hub) LoadGroup(ctx context.Context, name string, read func() ([]string, error)) error {
	if err := validGroup(name); err != nil {
		return err
	}
	shard := h.groupShard(name)
	for range loadTries {
		g, mine, err := h.beginLoad(shard, name)
		if err != nil {
			return err
		}
		if mine != nil {
			err = h.finishLoad(shard, g, mine, read)
		} else if wait := shard.awaited(g); wait != nil {
			select {
			case <-wait:
				err = ErrGroupStale // or it is held now, and the next turn sees that
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if !errors.Is(err, ErrGroupStale) {
			return err
		}
	}
	return ErrGroupStale
}

// awaited is closed when the load of g is over; nil when there is none.
func (s *groupShard) awaited(g *group) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g.loading == nil {
		return nil
	}
	return g.loading.done
}

// beginLoad finds the group or enters it; in that case mine is the caller's to
// finish.
func (h *Hub) beginLoad(shard *groupShard, name string) (g *group, mine *loading, err error) {
	shard.mu.Lock()
	g, ok := shard.byName.get(name)
	if !ok {
		mine = &loading{done: make(chan struct{})}
		g = &group{name: strings.Clone(name), loading: mine}
		g.use = shard.loaded.PushBack(g)
		shard.byName.set(g.name, g)
	}
	shard.mu.Unlock()
	if mine != nil && h.groupCount.Add(1) > int64(h.opt.MaxGroups) && !h.forgetOldest(g) {
		h.abandon(shard, g)
		close(mine.done)
		return nil, nil, ErrGroupsFull
	}
	return g, mine, nil
}

// forgetOldest makes room for g: the least recently used group of its shard goes,
// or of another one when that has none. It is false when no group can be loaded
// again.
func (h *Hub) forgetOldest(g *group) bool {
	first := h.hash(g.name) % groupShards
	for i := range uint64(groupShards) {
		if h.forgetOldestOf(&h.groups[(first+i)%groupShards], g) {
			return true
		}
	}
	return false
}

func (h *Hub) forgetOldestOf(shard *groupShard, except *group) bool {
	shard.mu.Lock()
	defer shard.mu.Unlock()
	for e := shard.loaded.Front(); e != nil; e = e.Next() {
		if g, ok := e.Value.(*group); ok && g != except {
			h.dropLocked(shard, g)
			return true
		}
	}
	return false
}

// abandon takes g away if it is still there.
func (h *Hub) abandon(shard *groupShard, g *group) {
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if now, ok := shard.byName.get(g.name); ok && now == g {
		h.dropLocked(shard, g)
	}
}

// finishLoad reads the members and puts them in place. Whatever happens, the
// group is then held or gone.
func (h *Hub) finishLoad(shard *groupShard, g *group, l *loading, read func() ([]string, error)) (err error) {
	defer close(l.done)
	whole := false
	defer func() {
		if !whole { // also when read panics
			h.abandon(shard, g)
		}
	}()
	users, err := read()
	if err != nil {
		return err
	}
	g.change.Lock()
	defer g.change.Unlock()
	members := cloned(unique(users))
	for {
		changes, err := h.place(shard, g, l, members)
		if err != nil {
			return err
		}
		if changes == nil {
			whole = true
			return nil
		}
		for _, c := range changes {
			members = c.apply(members)
		}
	}
}

// place puts the members in place, if no changes are left to be applied to them.
func (h *Hub) place(shard *groupShard, g *group, l *loading, members []string) ([]change, error) {
	shard.mu.Lock()
	defer shard.mu.Unlock()
	now, ok := shard.byName.get(g.name)
	switch {
	case !ok || now != g || l.users > h.opt.MaxGroupMembers:
		return nil, ErrGroupStale
	case len(l.changes) > 0:
		changes := l.changes
		l.changes = nil
		return changes, nil
	case len(members) > h.opt.MaxGroupMembers:
		return nil, ErrGroupFull
	}
	g.members, g.loading = members, nil
	return nil, nil
}

// JoinGroup adds users to a group that is held or being loaded; it does nothing
// for another. Calls for one group must come in the order of what they tell.
func (h *Hub) JoinGroup(name string, users ...string) { h.changeGroup(name, true, users) }

// LeaveGroup takes users out of a group, as JoinGroup adds them.
func (h *Hub) LeaveGroup(name string, users ...string) { h.changeGroup(name, false, users) }

func (h *Hub) changeGroup(name string, join bool, users []string) {
	shard := h.groupShard(name)
	shard.mu.Lock()
	g, ok := shard.byName.get(name)
	shard.mu.Unlock()
	if !ok || len(users) == 0 {
		return
	}
	c := change{join: join, users: cloned(unique(users))}
	g.change.Lock()
	defer g.change.Unlock()

	shard.mu.Lock()
	if l := g.loading; l != nil {
		// Over the bound the load will fail, so what comes then needs no note.
		if l.users += len(c.users); l.users <= h.opt.MaxGroupMembers {
			l.changes = append(l.changes, c)
		}
		shard.mu.Unlock()
		return
	}
	members := g.members
	shard.mu.Unlock()

	members = c.apply(members)

	shard.mu.Lock()
	defer shard.mu.Unlock()
	switch now, ok := shard.byName.get(g.name); {
	case !ok || now != g: // forgotten meanwhile
	case len(members) > h.opt.MaxGroupMembers:
		h.dropLocked(shard, g) // loading it will say what is wrong
	default:
		g.members = members
	}
}

// ForgetGroup takes away what is held of a group; a load that is under way will
// have to begin again.
func (h *Hub) ForgetGroup(name string) { h.DeleteGroup(name) }

// usedLocked makes g the last that is forgotten.
func (s *groupShard) usedLocked(g *group) {
	if g.use != nil {
		s.loaded.MoveToBack(g.use)
	}
}
