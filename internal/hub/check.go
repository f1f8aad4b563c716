package hub

import (
	"context"
	"fmt"
)

// Check looks for contradictions between the maps, the chains, what the loops
// hold, and the counts. It is safe on a live hub: the loops are asked through
// their mailboxes and work in slices, and the shards are locked one at a time.
// What must hold at every moment is always checked. What compares parts that
// were read at different moments is checked only if nothing changed from
// beginning to end, which quiet reports. The error is the first contradiction,
// ErrBusy, or the context's.
func (h *Hub) Check(ctx context.Context) (quiet bool, err error) {
	before, still := h.changes()
	reports := make(chan *inspection, len(h.loops)) // room for all: a late loop never waits
	for _, l := range h.loops {
		in := &inspection{ctx: ctx, h: h, l: l, out: reports, rooms: make(map[*room]int)}
		if !l.loops.Post(l.index, in.run) {
			return false, ErrBusy
		}
	}
	var sum inspection
	sum.rooms = make(map[*room]int)
	for range h.loops {
		select {
		case in := <-reports:
			if in.err != nil {
				return false, in.err
			}
			sum.members += in.members
			sum.orphans += in.orphans
			for r, n := range in.rooms {
				sum.rooms[r] = n
			}
		case <-ctx.Done():
			return false, fmt.Errorf("hub: check: %w", ctx.Err())
		}
	}
	var dir directoryTotals
	for i := range h.users {
		if err := h.checkUsers(i, &dir); err != nil {
			return false, err
		}
		if err := h.checkSessions(i, &dir); err != nil {
			return false, err
		}
		if err := h.checkTopics(i, &dir, sum.rooms); err != nil {
			return false, err
		}
	}
	counts := h.Counts()
	orphans, topics := int(h.orphans.Load()), int(h.topicCount.Load())
	if after, calm := h.changes(); !still || !calm || after != before {
		return false, nil
	}
	for _, c := range []struct {
		what      string
		got, want int
	}{
		{"sessions by id and in chains", dir.byID, dir.chained},
		{"sessions counted and in chains", counts.Sessions, dir.chained},
		{"users counted and in chains", counts.Users, dir.users},
		{"sessions on loops without a place in the directory, and replaced ones", sum.orphans, orphans},
		{"sessions on loops and in chains, with replaced ones", sum.members, dir.chained + orphans},
		{"topics counted and in the map", topics, dir.topics},
		{"rooms of topics and on loops", dir.rooms, len(sum.rooms)},
		{"rooms whose members differ", dir.wrongRooms, 0},
		{"topics whose users differ", dir.wrongRosters, 0},
	} {
		if c.got != c.want {
			return true, fmt.Errorf("hub: check: %s: %d and %d", c.what, c.got, c.want)
		}
	}
	for p, n := range counts.Platforms {
		if n != dir.platforms[p] {
			return true, fmt.Errorf("hub: check: platform %d: %d counted, %d in chains", p, n, dir.platforms[p])
		}
	}
	return true, nil
}

// changes sums the loops' change counts; still reports that no change was under
// way on any of them.
func (h *Hub) changes() (sum uint64, still bool) {
	still = true
	for _, l := range h.loops {
		n := l.changes.Load()
		sum += n
		still = still && n%2 == 0
	}
	return sum, still
}

// inspection is one loop's part of a check, and what it found.
type inspection struct {
	ctx context.Context // of the one call of Check that the inspection is part of
	h   *Hub
	l   *loop
	out chan<- *inspection

	next    int
	began   uint64
	members int
	orphans int           // live, but not in the directory
	rooms   map[*room]int // members by their memberships
	err     error
}

// run looks at one slice of the loop's sessions.
func (in *inspection) run() (more bool) {
	l := in.l
	if in.next == 0 {
		in.began = l.changes.Load()
	}
	for n := l.slice; n > 0 && in.next < len(l.everyone.members) && in.err == nil; n-- {
		in.err = in.session(in.next)
		in.next++
	}
	if err := in.ctx.Err(); err != nil && in.err == nil {
		in.err = fmt.Errorf("hub: check: %w", err)
	}
	if in.err == nil && in.next < len(l.everyone.members) {
		return true
	}
	if in.err == nil && l.changes.Load() == in.began {
		for r, n := range in.rooms {
			if len(r.members) != n {
				in.err = fmt.Errorf("hub: check: loop %d: topic of %d members has %d", l.index, n, len(r.members))
			}
		}
	}
	in.members = len(l.everyone.members)
	in.out <- in
	return false
}

func (in *inspection) session(i int) error {
	l := in.l
	s := l.everyone.members[i]
	switch {
	case s == nil || !s.live:
		return fmt.Errorf("hub: check: loop %d: member %d is not live", l.index, i)
	case int(s.Loop) != l.index || int(s.pos) != i:
		return fmt.Errorf("hub: check: session %s of loop %d at %d is held by loop %d at %d",
			FormatID(s.ID), s.Loop, s.pos, l.index, i)
	}
	if e, ok := in.h.Lookup(s.ID); !ok {
		in.orphans++
	} else if e.Session != s {
		return fmt.Errorf("hub: check: session %s is two sessions", FormatID(s.ID))
	}
	if s.topics == nil {
		if s.subs != 0 {
			return fmt.Errorf("hub: check: session %s counts %d topics and is in none", FormatID(s.ID), s.subs)
		}
		return nil
	}
	if int(s.subs) != len(s.topics.list) {
		return fmt.Errorf("hub: check: session %s counts %d topics and is in %d", FormatID(s.ID), s.subs, len(s.topics.list))
	}
	for _, m := range s.topics.list {
		if m.room.loop != l || int(m.pos) >= len(m.room.members) || m.room.members[m.pos] != s {
			return fmt.Errorf("hub: check: session %s is not where its membership says", FormatID(s.ID))
		}
		in.rooms[m.room]++
	}
	return nil
}

// directoryTotals are what the shards add up to.
type directoryTotals struct {
	chained, users, byID, topics, rooms, wrongRooms, wrongRosters int

	platforms [MaxPlatforms]int
}

func (h *Hub) checkUsers(i int, t *directoryTotals) error {
	shard := &h.users[i]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	for _, head := range shard.chains.slots {
		if head == nil {
			continue
		}
		key := h.hash(head.User)
		if shard.chains.get(key) != head {
			return fmt.Errorf("hub: check: session %s begins a chain that is not found", FormatID(head.ID))
		}
		for e := head; e != nil; e = e.next {
			if h.hash(e.User) != key || shardOf(key) != i {
				return fmt.Errorf("hub: check: session %s is in a wrong chain", FormatID(e.ID))
			}
			// Both directories change under this lock.
			if known, ok := h.Lookup(e.ID); !ok || known.Session != e {
				return fmt.Errorf("hub: check: session %s is not found by its id", FormatID(e.ID))
			}
			if e.firstOf(head) {
				t.users++
			}
			same := 0
			for o := head; o != nil; o = o.next {
				if o.User == e.User && o.Platform == e.Platform {
					same++
				}
			}
			if same > 1 && h.opt.Policy != PolicyAllow || same > h.opt.MaxPerPlatform {
				return fmt.Errorf("hub: check: session %s shares user and platform with %d others", FormatID(e.ID), same-1)
			}
			t.chained++
			t.platforms[e.Platform]++
		}
	}
	return nil
}

func (h *Hub) checkSessions(i int, t *directoryTotals) error {
	shard := &h.sessions[i]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	for _, s := range shard.byID.slots {
		if s == nil {
			continue
		}
		if shard.byID.get(s.ID) != s || shardOf(s.ID) != i {
			return fmt.Errorf("hub: check: session %s is not found by its id", FormatID(s.ID))
		}
	}
	t.byID += shard.byID.n
	return nil
}

func (h *Hub) checkTopics(i int, t *directoryTotals, held map[*room]int) error {
	shard := &h.topics[i]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	for name, topic := range shard.byName.m {
		if topic.name != name || len(topic.rooms) == 0 {
			return fmt.Errorf("hub: check: a topic of shard %d is empty or misnamed", i)
		}
		members := 0
		for _, r := range topic.rooms {
			members += int(r.refs)
			if r.topic != topic || r.refs < 1 {
				return fmt.Errorf("hub: check: a room of shard %d counts %d members", i, r.refs)
			}
			if held[r] != int(r.refs) {
				t.wrongRooms++
			}
			t.rooms++
		}
		if topic.roster != nil && topic.roster.count() != members {
			t.wrongRosters++
		}
	}
	t.topics += len(shard.byName.m)
	return nil
}
