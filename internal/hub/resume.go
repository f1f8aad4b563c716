package hub

import (
	"sync"
	"time"
)

// parkedTopics is how many topics the parked sessions may hold on average; a
// client may be in many, and the bound on sessions alone would not bound memory.
const parkedTopics = 10

// parking keeps the topics of sessions whose connections were lost, oldest
// first. One lock for all: it is taken once for a connection that is lost and
// once for one that comes back, never on the way of a message.
type parking struct {
	mu     sync.Mutex
	byID   table[uint64, *parkedSession]
	oldest *parkedSession
	newest *parkedSession
	topics int
}

type parkedSession struct {
	id         uint64
	user       string
	platform   uint8
	topics     []string
	expires    time.Time
	prev, next *parkedSession
}

// Park keeps the topics of a session whose connection was lost, for
// Options.ResumeWindow. To be called on the session's loop before Remove. A
// session without topics leaves nothing behind. At the bound the oldest goes.
func (h *Hub) Park(s *Session) {
	if !s.live || s.topics == nil {
		return
	}
	now := h.opt.Now()
	l := &parkedSession{
		id: s.ID, user: s.User, platform: s.Platform,
		topics: h.Topics(s), expires: now.Add(h.opt.ResumeWindow),
	}
	p := &h.parked
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sweepLocked(now, sweepSome)
	if old, ok := p.byID.get(l.id); ok {
		p.takeLocked(old)
	}
	l.prev = p.newest
	if p.newest == nil {
		p.oldest = l
	} else {
		p.newest.next = l
	}
	p.newest = l
	p.byID.set(l.id, l)
	p.topics += len(l.topics)
	for len(p.byID.m) > h.opt.MaxParked || p.topics > h.opt.MaxParked*parkedTopics && p.oldest != l {
		p.takeLocked(p.oldest)
		h.stat.evicted.Add(1)
	}
	h.stat.parked.Add(1)
}

// Resume gives back the topics of a parked session, once, to the user and
// platform that had it. The caller subscribes the new session to them.
func (h *Hub) Resume(id uint64, user string, platform uint8) (topics []string, ok bool) {
	now := h.opt.Now()
	p := &h.parked
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sweepLocked(now, sweepSome)
	l, ok := p.byID.get(id)
	if !ok || l.user != user || l.platform != platform || !now.Before(l.expires) {
		return nil, false
	}
	p.takeLocked(l)
	h.stat.resumed.Add(1)
	return l.topics, true
}

// sweepSome is how many expired entries a Park or Resume clears away besides
// its own work: more than come, so that the list shrinks, and few, so that one
// login doesn't pay for all.
const sweepSome = 16

// Sweep clears away all parked sessions whose time is over. Park and Resume
// clear some; without traffic the owner's ticker does, once in a while. It
// forgets what topics remember for longer than they may, too.
func (h *Hub) Sweep() {
	h.sweepMemories()
	now := h.opt.Now()
	p := &h.parked
	for more := true; more; {
		p.mu.Lock()
		more = p.sweepLocked(now, 1024)
		p.mu.Unlock()
	}
}

// sweepLocked removes up to n expired entries and reports whether it used all n.
func (p *parking) sweepLocked(now time.Time, n int) bool {
	for ; n > 0; n-- {
		if p.oldest == nil || now.Before(p.oldest.expires) {
			return false
		}
		p.takeLocked(p.oldest)
	}
	return true
}

func (p *parking) takeLocked(l *parkedSession) {
	if l.prev == nil {
		p.oldest = l.next
	} else {
		l.prev.next = l.next
	}
	if l.next == nil {
		p.newest = l.prev
	} else {
		l.next.prev = l.prev
	}
	p.byID.del(l.id)
	p.topics -= len(l.topics)
}
