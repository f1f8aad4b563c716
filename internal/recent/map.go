// Package recent is a cache in bounded memory that keeps what was used lately. The
// services hold in it what they can ask the store for again, or can do without. It
// has no lock and starts no goroutine: whoever owns a Map guards it.
package recent

// Map remembers values by key in two generations: the current one takes what is
// used, and once it holds half of the bound it becomes the previous one, which is
// then forgotten as a whole. That costs no order among the entries and no
// allocation for each. Make one with New.
type Map[K comparable, V any] struct {
	half              int
	current, previous map[K]V
}

// New makes a map that never holds more than bound entries, of which there is room
// for two at least. The half of the bound that was put or read last is always there.
func New[K comparable, V any](bound int) Map[K, V] {
	return Map[K, V]{half: max(bound/2, 1), current: map[K]V{}}
}

// Get reads a value, which counts as a use of it.
func (m *Map[K, V]) Get(key K) (V, bool) {
	if v, ok := m.current[key]; ok {
		return v, true
	}
	v, ok := m.previous[key]
	if ok {
		m.Put(key, v)
	}
	return v, ok
}

// Put sets a value.
func (m *Map[K, V]) Put(key K, v V) {
	delete(m.previous, key)
	if _, known := m.current[key]; !known && len(m.current) >= m.half {
		m.previous, m.current = m.current, make(map[K]V)
	}
	m.current[key] = v
}

// Delete forgets a key.
func (m *Map[K, V]) Delete(key K) {
	delete(m.current, key)
	delete(m.previous, key)
}

// Len is how many entries are remembered.
func (m *Map[K, V]) Len() int { return len(m.current) + len(m.previous) }
