package hub

import (
	"math/rand/v2"
	"testing"
)

// TestIndexAgainstAMap enters and removes at random, with keys so close that
// probe sequences run into each other and around the end.
func TestIndexAgainstAMap(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	x := index{keyOf: func(s *Session) uint64 { return s.ID }}
	model := map[uint64]*Session{}
	for step := range 200_000 {
		span := uint64(40)
		if step/20_000%2 == 1 {
			span = 4000 // grows, and shrinks again afterwards
		}
		key := rng.Uint64N(span)
		if rng.IntN(2) == 0 {
			s := &Session{ID: key}
			x.put(key, s)
			model[key] = s
		} else {
			x.del(key)
			delete(model, key)
		}
		probe := rng.Uint64N(span)
		if x.get(probe) != model[probe] || x.n != len(model) {
			t.Fatalf("step %d: key %d is %v, want %v; %d entries, want %d", step, probe, x.get(probe), model[probe], x.n, len(model))
		}
	}
	for key := range model {
		x.del(key)
	}
	seen := 0
	x.all(func(*Session) { seen++ })
	if seen != 0 || x.n != 0 || len(x.slots) > indexMin {
		t.Errorf("after all are gone: %d seen, %d counted, %d slots", seen, x.n, len(x.slots))
	}
}
