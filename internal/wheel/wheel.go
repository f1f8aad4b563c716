// Package wheel is a hashed timing wheel (Varghese and Lauck, SOSP 1987, scheme
// 6) for the deadlines of very many connections. Each connection embeds one
// Node; arming, moving and cancelling it are a few pointer writes and allocate
// nothing. One event loop owns a Wheel and turns it: it has no lock and starts
// no goroutine. It never reads a clock.
package wheel

// slots is how many ticks ahead the wheel can tell apart. A later deadline waits in
// the farthest slot and is placed again when the wheel comes to it.
const slots = 512

// Node links a T into a Wheel. The zero value is not armed.
type Node[T any] struct {
	next, prev *T
	at         uint32 // the tick at which it is due
	slot       uint16 // 1 + index of its slot; 0 when not armed
}

// Wheel holds armed nodes, ordered by the tick they are due.
type Wheel[T any] struct {
	node func(*T) *Node[T]
	fire func(*T)
	now  uint32
	head [slots]*T
}

// New makes a wheel at tick 0. node returns the Node embedded in an item; fire
// is called from Advance for each item that is due, after it was taken out, and
// may arm and cancel any item.
func New[T any](node func(*T) *Node[T], fire func(*T)) *Wheel[T] {
	return &Wheel[T]{node: node, fire: fire}
}

// Now is the tick the wheel was last advanced to.
func (w *Wheel[T]) Now() uint32 { return w.now }

// Arm sets the item's deadline to a tick, replacing the one it had. A tick that
// has passed is due at the next one.
func (w *Wheel[T]) Arm(item *T, at uint32) {
	n := w.node(item)
	if n.slot != 0 {
		if n.at == at {
			return
		}
		w.unlink(n)
	}
	w.link(item, n, at)
}

// Cancel takes the item out; it does nothing when the item is not armed.
func (w *Wheel[T]) Cancel(item *T) {
	if n := w.node(item); n.slot != 0 {
		w.unlink(n)
	}
}

// Advance turns the wheel to a tick and fires what is due by then.
func (w *Wheel[T]) Advance(to uint32) {
	for w.now < to {
		w.now++
		// Nothing is ever linked into the slot of the current tick (see link),
		// so taking from the head until it is empty ends.
		i := w.now % slots
		for item := w.head[i]; item != nil; item = w.head[i] {
			n := w.node(item)
			w.unlink(n)
			if n.at > w.now {
				w.link(item, n, n.at)
			} else {
				w.fire(item)
			}
		}
	}
}

// Each calls f for every armed item, in no order. f may cancel or arm the item
// it is given to a later tick, and no other.
func (w *Wheel[T]) Each(f func(*T)) {
	for i := range w.head {
		for item := w.head[i]; item != nil; {
			next := w.node(item).next
			f(item)
			item = next
		}
	}
}

func (w *Wheel[T]) link(item *T, n *Node[T], at uint32) {
	n.at = at
	turn := min(max(at, w.now+1), w.now+slots-1)
	i := turn % slots
	n.slot = uint16(i) + 1
	n.prev, n.next = nil, w.head[i]
	if n.next != nil {
		w.node(n.next).prev = item
	}
	w.head[i] = item
}

func (w *Wheel[T]) unlink(n *Node[T]) {
	if n.prev != nil {
		w.node(n.prev).next = n.next
	} else {
		w.head[n.slot-1] = n.next
	}
	if n.next != nil {
		w.node(n.next).prev = n.prev
	}
	n.next, n.prev, n.slot = nil, nil, 0
}
