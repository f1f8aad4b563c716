package hub

import "sync/atomic"

// counters are those of the hub as a whole; what happens for every member is
// counted by each loop for itself.
type counters struct {
	deliveries, busy, replaced, refused, parked, evicted, resumed, forgotten, recovered, unrecovered atomic.Uint64
}

// Stats are counts since the hub was made, and what it holds now.
type Stats struct {
	Deliveries uint64 // calls of Deliver
	Busy       uint64 // of these, refused by at least one loop
	Written    uint64 // calls of Conn.Write; joined frames are one
	Joined     uint64 // frames that went out within another's write, counted per room
	Replaced   uint64 // sessions replaced by another login
	Refused    uint64 // logins refused by policy or bound
	Parked     uint64 // lost sessions whose topics were kept
	Evicted    uint64 // of these, dropped at Options.MaxParked
	Resumed    uint64 // of these, given back

	Forgotten   uint64 // memories of topics that went at a bound
	Recovered   uint64 // subscriptions that got all they had missed
	Unrecovered uint64 // and that were told that this can't be

	Topics      int
	ParkedNow   int
	Remembered  int // topics with a memory
	MemoryBytes int // of all memories, as Options.MaxHistoryBytes counts them
	QueuedBytes int // deliveries that wait for their loops, as Options.MaxQueued counts them
}

// Stats reads the counters. It takes one short lock for each loop.
func (h *Hub) Stats() Stats {
	s := Stats{
		Deliveries: h.stat.deliveries.Load(),
		Busy:       h.stat.busy.Load(),
		Replaced:   h.stat.replaced.Load(),
		Refused:    h.stat.refused.Load(),
		Parked:     h.stat.parked.Load(),
		Evicted:    h.stat.evicted.Load(),
		Resumed:    h.stat.resumed.Load(),

		Forgotten:   h.stat.forgotten.Load(),
		Recovered:   h.stat.recovered.Load(),
		Unrecovered: h.stat.unrecovered.Load(),
		Remembered:  int(h.memories.count.Load()),

		Topics: int(h.topicCount.Load()),
	}
	for _, l := range h.loops {
		s.Written += l.written.Load()
		s.Joined += l.joined.Load()
		l.mu.Lock()
		s.QueuedBytes += l.queued
		l.mu.Unlock()
	}
	h.parked.mu.Lock()
	s.ParkedNow = len(h.parked.byID.m)
	h.parked.mu.Unlock()
	h.memories.mu.Lock()
	s.MemoryBytes = h.memories.bytes
	h.memories.mu.Unlock()
	return s
}
