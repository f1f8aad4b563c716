package hub

import "time"

// room is the members that one loop holds of a topic, or of everyone, and the
// line of fan-outs waiting for them. The two list rooms of a loop (direct and
// bulk) have no members: their walks bring a list along.
//
// One walk at a time goes through a room, from the end to the beginning, so
// that members[:cursor] are still to be visited and members[cursor:] were
// visited or joined later. Removal keeps both parts whole with two moves, so
// whatever leaves or joins between two slices of a walk, nobody is skipped and
// nobody is met twice, and there are no holes to clean up.
type room struct {
	// Immutable.
	topic *topic // nil: everyone, or a list room
	loop  *loop

	// Owned by the loop.
	members []*Session
	walk    *walk
	cursor  int
	late    *latecomers // nil most of the time

	// Guarded by the loop's lock.
	head, tail *walk
	issued     uint64 // walks that ever stood in line
	nextReady  *room  // the ring of rooms that have something to do
	ready      bool
	gathering  bool // the one walk in line waits for others to join it

	// Guarded by the topic's shard.
	refs int32
}

// window is how long a frame waits for others of the same topic.
func (r *room) window() time.Duration {
	if r.topic == nil {
		return 0
	}
	return r.topic.window
}

// latecomers are members that joined while walks stood in line whose frames they
// have already, or don't want: they came in the same step in which they read
// the topic's memory.
type latecomers struct {
	after map[*Session]uint64 // walks up to this one are not theirs
	end   uint64              // the highest of these
}

// roomKeep is the capacity that an emptier room keeps.
const roomKeep = 64

// add appends s and returns its place. A walk that is on does not reach it.
func (r *room) add(s *Session) uint32 {
	r.members = append(r.members, s)
	return uint32(len(r.members) - 1)
}

// remove takes out the member at pos.
func (r *room) remove(pos uint32) {
	p := int(pos)
	if r.late != nil {
		delete(r.late.after, r.members[p])
	}
	if r.walk != nil && r.walk.list == nil && p < r.cursor {
		r.cursor--
		r.move(r.cursor, p)
		p = r.cursor
	}
	last := len(r.members) - 1
	r.move(last, p)
	r.members[last] = nil
	r.members = r.members[:last]
	if cap(r.members) > roomKeep && last < cap(r.members)/4 {
		r.members = append(make([]*Session, 0, cap(r.members)/2), r.members...)
	}
}

func (r *room) move(from, to int) {
	if from == to {
		return
	}
	s := r.members[from]
	r.members[to] = s
	if r.topic == nil {
		s.pos = uint32(to)
		return
	}
	s.topics.of(r).pos = uint32(to)
}

// ref names a session as it was when it was looked up.
type ref struct {
	s  *Session
	id uint64
}

// walk is one frame, or several joined ones, on its way to the members of a
// room or to a list of sessions on one loop.
type walk struct {
	next   *walk
	n      uint64 // the room's number of it
	frame  []byte
	more   [][]byte // frames joined to the first while the walk waited
	size   int      // bytes of all frames
	cost   int      // what the walk counts for in the loop's bound
	filter Filter

	// list is who receives it instead of the room's members; already filtered. Such
	// a walk may stand in any line of its loop.
	list []ref
	// seen holds the ids that this delivery has reached or will reach by another
	// room or list of the same loop; nil when there is none. Only the loop may
	// look into it once the first walk that has it is queued.
	seen map[uint64]struct{}
	// visit is called for each member instead of a Write.
	visit *visit
	order *ordered // the order that it keeps; nil is none
	after *ordered // must have ended before this one begins; nil is nothing
	shut  bool     // nothing may join: somebody came who gets what follows, and not this
}

// visit is what a walk does that carries no frame. Both are called on the loop.
type visit struct {
	member func(*Session)
	done   func() // after the last member
}

const (
	refCost   = 16
	walkCost  = 144
	joinCost  = 24
	joinCount = 64
	joinBytes = 64 << 10
)

// join adds a frame to a walk that has not begun, if both go to the same
// sessions. Ten frames in one write cost what one does.
func (w *walk) join(frame []byte, f Filter) bool {
	if w.shut || w.list != nil || w.seen != nil || w.visit != nil || w.filter != f ||
		len(w.more)+1 >= joinCount || w.size+len(frame) > joinBytes {
		return false
	}
	w.more = append(w.more, frame)
	w.size += len(frame)
	w.cost += len(frame) + joinCost
	return true
}

// seal makes one buffer of the joined frames.
func (w *walk) seal() {
	if len(w.more) == 0 {
		return
	}
	buf := make([]byte, 0, w.size)
	buf = append(buf, w.frame...)
	for _, f := range w.more {
		buf = append(buf, f...)
	}
	w.frame, w.more = buf, nil
}

// step visits up to budget members of the walk that is on, and returns the rest
// of the budget and how many were written to. Write may remove any session of
// this loop, so the cursor is moved before it and nothing is cached across it.
func (r *room) step(budget int) (left, written int) {
	w := r.walk
	for ; budget > 0 && r.cursor > 0; budget-- {
		r.cursor--
		if w.list != nil {
			to := w.list[r.cursor]
			if to.s.Is(to.id) {
				to.s.Conn.Write(w.frame)
				written++
			}
			continue
		}
		s := r.members[r.cursor]
		if w.visit != nil {
			w.visit.member(s)
			continue
		}
		if r.late != nil && w.n <= r.late.after[s] || !w.filter.match(s) {
			continue
		}
		if w.seen != nil {
			if _, ok := w.seen[s.ID]; ok {
				continue
			}
			w.seen[s.ID] = struct{}{}
		}
		s.Conn.Write(w.frame)
		written++
	}
	return budget, written
}
