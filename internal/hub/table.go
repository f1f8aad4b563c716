package hub

// tableKeep is the size below which a table is not worth rebuilding.
const tableKeep = 256

// table is a map that gives memory back: Go's maps keep the room of their
// largest moment, and after a million clients have gone that would stay. A
// table is one shard, so rebuilding it moves a few thousand entries at most.
type table[K comparable, V any] struct {
	m    map[K]V
	peak int
}

func (t *table[K, V]) get(key K) (V, bool) {
	v, ok := t.m[key]
	return v, ok
}

func (t *table[K, V]) set(key K, v V) {
	if t.m == nil {
		t.m = make(map[K]V)
	}
	t.m[key] = v
	t.peak = max(t.peak, len(t.m))
}

func (t *table[K, V]) del(key K) {
	delete(t.m, key)
	if t.peak <= tableKeep || len(t.m)*4 >= t.peak {
		return
	}
	smaller := make(map[K]V, len(t.m))
	for k, v := range t.m {
		smaller[k] = v
	}
	t.m, t.peak = smaller, len(smaller)
}
