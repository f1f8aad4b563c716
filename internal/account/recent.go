package account

// recent is a map that forgets, in bounded memory: what was used among the last
// limit keys is there, and of what wasn't used since, up to limit more. The
// caller's lock guards it.
type recent[K comparable, V any] struct {
	limit      int
	young, old map[K]V
}

func newRecent[K comparable, V any](limit int) recent[K, V] {
	return recent[K, V]{limit: limit, young: map[K]V{}}
}

func (r *recent[K, V]) get(key K) (V, bool) {
	v, ok := r.young[key]
	if ok {
		return v, true
	}
	if v, ok = r.old[key]; ok {
		delete(r.old, key)
		r.put(key, v)
	}
	return v, ok
}

func (r *recent[K, V]) put(key K, v V) {
	if len(r.young) >= r.limit {
		if _, there := r.young[key]; !there {
			r.old, r.young = r.young, make(map[K]V)
		}
	}
	r.young[key] = v
	delete(r.old, key)
}

func (r *recent[K, V]) drop(key K) {
	delete(r.young, key)
	delete(r.old, key)
}

func (r *recent[K, V]) len() int { return len(r.young) + len(r.old) }
