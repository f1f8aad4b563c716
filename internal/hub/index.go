package hub

// index finds sessions by a 64-bit key that can be computed from the session
// itself. It is an open-addressing table of bare pointers: 8 bytes a slot, where
// a Go map of the same keys takes 17, and there are two slots for each of a
// million sessions. Probing is linear (Knuth, TAOCP 6.4, algorithm L) and removal
// shifts back (algorithm R), so there are no tombstones.
//
// Keys must be uniform in their low bits; the high ones have chosen the shard.
type index struct {
	keyOf func(*Session) uint64 // immutable
	slots []*Session            // a power of two; nil is free
	n     int
}

const (
	indexMin = 8
	// The table is at most 3/4 full and, above indexMin, at least 3/16.
	loadNum, loadDen = 3, 4
)

// get returns the session with the key, or nil.
func (x *index) get(key uint64) *Session {
	if i, ok := x.find(key); ok {
		return x.slots[i]
	}
	return nil
}

// put enters s, in place of the session that has its key.
func (x *index) put(key uint64, s *Session) {
	i, found := x.find(key)
	if !found {
		if (x.n+1)*loadDen > len(x.slots)*loadNum {
			x.resize(max(2*len(x.slots), indexMin))
			i, _ = x.find(key)
		}
		x.n++
	}
	x.slots[i] = s
}

// del removes the session with the key, if there is one.
func (x *index) del(key uint64) {
	hole, ok := x.find(key)
	if !ok {
		return
	}
	x.n--
	mask := uint64(len(x.slots) - 1)
	for i := (hole + 1) & mask; x.slots[i] != nil; i = (i + 1) & mask {
		// The session at i may move to the hole unless its home lies between them.
		if home := x.keyOf(x.slots[i]) & mask; (i-home)&mask >= (i-hole)&mask {
			x.slots[hole] = x.slots[i]
			hole = i
		}
	}
	x.slots[hole] = nil
	// Memory returns after a crowd has gone.
	if len(x.slots) > indexMin && x.n*16 < len(x.slots)*3 {
		x.resize(len(x.slots) / 2)
	}
}

// find returns the slot of the key, or the free one where it belongs. The table
// is never full, but it may be empty.
func (x *index) find(key uint64) (slot uint64, ok bool) {
	if len(x.slots) == 0 {
		return 0, false
	}
	mask := uint64(len(x.slots) - 1)
	for i := key & mask; ; i = (i + 1) & mask {
		s := x.slots[i]
		if s == nil {
			return i, false
		}
		if x.keyOf(s) == key {
			return i, true
		}
	}
}

func (x *index) resize(size int) {
	old := x.slots
	x.slots = make([]*Session, size)
	for _, s := range old {
		if s != nil {
			i, _ := x.find(x.keyOf(s))
			x.slots[i] = s
		}
	}
}

// all calls f for each session, in no order.
func (x *index) all(f func(*Session)) {
	for _, s := range x.slots {
		if s != nil {
			f(s)
		}
	}
}
