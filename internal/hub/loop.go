package hub

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// loop is the hub's part of one event loop: its members and the fan-outs that
// wait for them. Each room has its own line, served in order; the rooms take
// turns, so that a broadcast to a million delays neither a small topic nor a
// push to one user by more than a slice.
type loop struct {
	// Immutable.
	index int
	loops Loops
	slice int
	bound int         // of queued
	run   func() bool // drain, made once: a method value allocates

	// Owned by the loop.
	rng      *rand.ChaCha8
	everyone room
	direct   room // pushes to a few named users or sessions: served first in every turn
	bulk     room // pushes to groups and long lists

	platforms [MaxPlatforms]atomic.Int64 // sessions in the directory
	changes   atomic.Uint64              // odd while a login, logout, subscription or its end is under way; see Check
	written   atomic.Uint64
	joined    atomic.Uint64

	mu        sync.Mutex
	ordered   map[uint64]*ordered // where what keeps an order stands in line, by its key
	first     *room               // ring of ready rooms other than direct
	last      *room
	queued    int  // cost of all walks that wait or are on
	scheduled bool // drain is in the loop's mailbox or running
}

func newLoop(index int, loops Loops, opt Options, rng *rand.ChaCha8) *loop {
	l := &loop{index: index, loops: loops, slice: opt.Slice, bound: opt.MaxQueued, rng: rng, ordered: map[uint64]*ordered{}}
	l.run = l.drain
	l.everyone.loop, l.direct.loop, l.bulk.loop = l, l, l
	return l
}

// fanOut is what is put in line: it becomes a walk, or joins one.
type fanOut struct {
	frame  []byte
	filter Filter
	list   []ref               // see walk
	seen   map[uint64]struct{} // see walk
	visit  *visit              // see walk
	order  uint64              // key of the order that it keeps; 0 is none
}

// enqueue puts a frame in line for a room, or for a list through a list room.
// It reports false when the loop has no space for more. Post is called under
// the lock, against the rule of this house: it never blocks or calls back, and
// a failed Post can be undone only while nobody else relies on it.
func (r *room) enqueue(p fanOut) bool {
	l := r.loop
	l.mu.Lock()
	defer l.mu.Unlock()
	r = l.lineLocked(r, &p)
	cost := walkCost + len(p.frame) + refCost*len(p.list)
	if l.queued > 0 && l.queued+cost > l.bound {
		return false
	}
	plain := p.list == nil && p.seen == nil && p.visit == nil
	gather := plain && r.window() > 0 && r.tail == nil && !r.ready
	if !gather && !r.gathering && !l.scheduleLocked() {
		return false
	}
	if plain && r.tail != nil && r.joinLocked(&p) {
		l.queued += len(p.frame) + joinCost
		l.joined.Add(1)
		return true
	}
	if r.gathering {
		// What can't be joined ends the window: it must not wait for two.
		if !l.scheduleLocked() {
			return false
		}
		r.gathering = false
	}
	r.issued++
	w := &walk{
		n: r.issued, frame: p.frame, size: len(p.frame), cost: cost,
		filter: p.filter, list: p.list, seen: p.seen, visit: p.visit,
	}
	l.queued += cost
	l.orderLocked(r, w, p.order)
	if r.tail == nil {
		r.head = w
	} else {
		r.tail.next = w
	}
	r.tail = w
	if gather {
		r.gathering = true
		time.AfterFunc(r.window(), func() { r.release(0) })
		return true
	}
	r.readyLocked()
	return true
}

// scheduleLocked asks the loop for a turn, unless one is coming.
func (l *loop) scheduleLocked() bool {
	if !l.scheduled {
		l.scheduled = l.loops.Post(l.index, l.run)
	}
	return l.scheduled
}

// readyLocked puts the room into the ring.
func (r *room) readyLocked() {
	if !r.ready && r != &r.loop.direct {
		r.ready = true
		r.loop.pushLocked(r)
	}
}

const (
	releaseRetry = 10 * time.Millisecond
	releaseTries = 100
)

// release ends a merge window. When the loop's mailbox is full it is tried again
// for a second; after that the frames leave with the loop's next delivery.
func (r *room) release(tries int) {
	l := r.loop
	l.mu.Lock()
	defer l.mu.Unlock()
	if !r.gathering && tries == 0 {
		return // ended early
	}
	r.gathering = false
	r.readyLocked()
	if !l.scheduleLocked() && tries < releaseTries {
		time.AfterFunc(releaseRetry, func() { r.release(tries + 1) })
	}
}

// drain is one turn: at most a slice of direct pushes and a slice of the rest.
// Should a Write panic, what is left stays in line and another turn is asked
// for: one connection's fault must not end delivery to the others.
func (l *loop) drain() (more bool) {
	whole := false
	defer func() {
		if whole {
			return
		}
		l.mu.Lock()
		l.scheduled = l.loops.Post(l.index, l.run)
		l.mu.Unlock()
	}()
	l.serve(&l.direct, l.slice)
	for budget := l.slice; budget > 0; {
		l.mu.Lock()
		r := l.first
		l.mu.Unlock()
		if r == nil {
			break
		}
		budget = l.serve(r, budget)
		l.rotate(r)
	}
	whole = true

	l.mu.Lock()
	defer l.mu.Unlock()
	l.scheduled = l.first != nil || l.direct.head != nil || l.direct.walk != nil
	return l.scheduled
}

// serve lets a room use up to budget and returns the rest. A walk costs at
// least one, so that many small ones end a turn too.
func (l *loop) serve(r *room, budget int) int {
	for budget > 0 {
		if r.walk == nil || r.cursor == 0 {
			began, blocked := l.begin(r)
			if began || blocked {
				budget--
			}
			if !began {
				break
			}
		}
		left, written := r.step(budget)
		budget = left
		l.written.Add(uint64(written))
	}
	return budget
}

// skipLine leaves a member out of what stands in line for its room at the
// moment. To be called on the loop.
func (r *room) skipLine(s *Session) {
	r.loop.mu.Lock()
	waiting, last := r.head != nil, r.issued
	if r.tail != nil {
		r.tail.shut = true
	}
	r.loop.mu.Unlock()
	if !waiting {
		return
	}
	if r.late == nil {
		r.late = &latecomers{after: make(map[*Session]uint64)}
	}
	r.late.after[s], r.late.end = last, last
}

// begin ends the walk that is through and starts the next one, if there is one.
// blocked reports that the next one has to wait for what stands in another line.
func (l *loop) begin(r *room) (began, blocked bool) {
	var ended *visit
	if r.walk != nil {
		ended = r.walk.visit
	}
	l.mu.Lock()
	if r.walk != nil {
		l.queued -= r.walk.cost
		l.orderedLocked(r.walk)
	}
	w := r.head
	if blocked = w.waits(); blocked {
		w = nil
	}
	if w != nil {
		r.head = w.next
		if r.head == nil {
			r.tail = nil
		}
	}
	l.mu.Unlock()

	r.walk = w
	if ended != nil {
		ended.done()
	}
	if r.late != nil && !blocked && (w == nil || w.n > r.late.end) {
		r.late = nil
	}
	if w == nil {
		return false, blocked
	}
	w.next = nil
	w.seal()
	r.cursor = len(r.members)
	if w.list != nil {
		r.cursor = len(w.list)
	}
	return true, false
}

// rotate moves the first room of the ring, which has had its turn, to the end,
// or out of the ring when it has nothing left to do.
func (l *loop) rotate(r *room) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.first = r.nextReady
	if l.first == nil {
		l.last = nil
	}
	r.nextReady = nil
	r.ready = r.head != nil || r.walk != nil
	if r.ready {
		l.pushLocked(r)
	}
}

func (l *loop) pushLocked(r *room) {
	if l.last == nil {
		l.first = r
	} else {
		l.last.nextReady = r
	}
	l.last = r
}
