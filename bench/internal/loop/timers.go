package loop

import "time"

// timers is a hashed wheel with one timer for each connection, linked by index:
// no allocation and no pointer per timer. A timer further away than one turn of
// the wheel stays in its slot until its turn has come.
type timers struct {
	heads []int32 // slot to first connection, -1 when empty
	nodes []timer // by connection id
	tick  int64   // the last tick that was looked at
	armed int
}

type timer struct {
	next, prev int32
	due        int64 // in ticks, 0 when not armed
}

const (
	tickLength = 8 * time.Millisecond
	wheelSlots = 2048
)

func newTimers(n int) *timers {
	t := &timers{heads: make([]int32, wheelSlots), nodes: make([]timer, n)}
	for i := range t.heads {
		t.heads[i] = -1
	}
	return t
}

// set arms id's timer for the time at, which replaces an armed one.
func (t *timers) set(id int32, at time.Duration) {
	t.cancel(id)
	due := max(int64((at+tickLength-1)/tickLength), t.tick+1)
	slot := due % wheelSlots
	first := t.heads[slot]
	t.nodes[id] = timer{next: first, prev: -1, due: due}
	if first >= 0 {
		t.nodes[first].prev = id
	}
	t.heads[slot] = id
	t.armed++
}

func (t *timers) cancel(id int32) {
	n := &t.nodes[id]
	if n.due == 0 {
		return
	}
	if n.prev >= 0 {
		t.nodes[n.prev].next = n.next
	} else {
		t.heads[n.due%wheelSlots] = n.next
	}
	if n.next >= 0 {
		t.nodes[n.next].prev = n.prev
	}
	n.due = 0
	t.armed--
}

// advance collects in fired the ids that are due at the time now, disarmed.
func (t *timers) advance(now time.Duration, fired []int32) []int32 {
	target := int64(now / tickLength)
	if target-t.tick > wheelSlots {
		// After a pause longer than a turn, one turn looks at every slot.
		t.tick = target - wheelSlots
	}
	for t.tick < target {
		t.tick++
		for id := t.heads[t.tick%wheelSlots]; id >= 0; {
			next := t.nodes[id].next
			if t.nodes[id].due <= target {
				t.cancel(id)
				fired = append(fired, id)
			}
			id = next
		}
	}
	return fired
}
