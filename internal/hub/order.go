package hub

// ordered is where, on one loop, those walks stand that keep one order. They are
// all in one line, which is first in, first out. When a walk through the members
// of a room comes while the others stand elsewhere, it begins a new ordered and
// waits for the one before.
type ordered struct {
	// Immutable.
	key  uint64
	line *room

	// Guarded by the loop's lock.
	walks int // that wait or are on
}

// orderKey is what loops know an order by. Two that collide share one order,
// which costs waiting and nothing else.
func (h *Hub) orderKey(order string) uint64 {
	if order == "" {
		return 0
	}
	return h.hash(order) | 1
}

// lineLocked chooses the line for what is about to be queued: a list follows
// what it must not overtake, so that no line ever waits for it.
func (l *loop) lineLocked(r *room, p *fanOut) *room {
	if p.order == 0 || p.list == nil {
		return r
	}
	if before := l.ordered[p.order]; before != nil {
		return before.line
	}
	return r
}

// orderLocked enters a walk that is being queued in a line.
func (l *loop) orderLocked(r *room, w *walk, key uint64) {
	if key == 0 {
		return
	}
	o := l.ordered[key]
	if o == nil || o.line != r {
		w.after = o
		o = &ordered{key: key, line: r}
		l.ordered[key] = o
	}
	o.walks++
	w.order = o
}

// orderedLocked takes a walk out that has ended.
func (l *loop) orderedLocked(w *walk) {
	o := w.order
	if o == nil {
		return
	}
	w.order = nil
	if o.walks--; o.walks == 0 && l.ordered[o.key] == o {
		delete(l.ordered, o.key)
	}
}

// waits reports whether a walk has to wait for one in another line.
func (w *walk) waits() bool { return w != nil && w.after != nil && w.after.walks > 0 }

// joinLocked joins what is about to be queued to the last walk in line, if both
// go to the same sessions and the walk can keep its order.
func (r *room) joinLocked(p *fanOut) bool {
	w := r.tail
	if p.order != 0 {
		if w.order != nil && w.order.key != p.order {
			return false
		}
		if before := r.loop.ordered[p.order]; before != nil && before.line != r {
			return false
		}
	}
	if !w.join(p.frame, p.filter) {
		return false
	}
	if w.order == nil {
		r.loop.orderLocked(r, w, p.order)
	}
	return true
}
