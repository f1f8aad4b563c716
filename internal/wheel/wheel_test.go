package wheel_test

import (
	"math/rand/v2"
	"testing"

	"pushd/internal/wheel"
)

type item struct {
	id   int
	node wheel.Node[item]
}

func node(i *item) *wheel.Node[item] { return &i.node }

func TestFiresAtTheTick(t *testing.T) {
	for _, at := range []uint32{1, 2, 250, 510, 511, 512, 513, 1024, 1500, 5000} {
		var fired []uint32
		var w *wheel.Wheel[item]
		w = wheel.New(node, func(*item) { fired = append(fired, w.Now()) })
		it := &item{}
		w.Arm(it, at)
		w.Advance(at - 1)
		if len(fired) != 0 {
			t.Fatalf("at %d: fired early at %v", at, fired)
		}
		w.Advance(at + 2000)
		if len(fired) != 1 || fired[0] != at {
			t.Fatalf("at %d: fired at %v", at, fired)
		}
		if it.node.Armed() || w.Len() != 0 {
			t.Fatalf("at %d: still armed", at)
		}
	}
}

func TestPastDeadlineFiresNextTick(t *testing.T) {
	n := 0
	w := wheel.New(node, func(*item) { n++ })
	w.Advance(1000)
	w.Arm(&item{}, 3)
	w.Advance(1001)
	if n != 1 {
		t.Fatalf("fired %d times", n)
	}
}

// TestAgainstModel arms, moves and cancels at random, also from inside fire,
// and compares every firing with a plain map of deadlines.
func TestAgainstModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	items := make([]*item, 300)
	for i := range items {
		items[i] = &item{id: i}
	}
	due := map[int]uint32{}
	var w *wheel.Wheel[item]
	arm := func(i *item, at uint32) { w.Arm(i, at); due[i.id] = max(at, w.Now()+1) }
	w = wheel.New(node, func(i *item) {
		if at, ok := due[i.id]; !ok || at != w.Now() {
			t.Fatalf("tick %d: item %d fired, model says %d %v", w.Now(), i.id, at, ok)
		}
		delete(due, i.id)
		other := items[rng.IntN(len(items))]
		switch rng.IntN(4) {
		case 0:
			arm(i, w.Now()+uint32(rng.IntN(1500)))
		case 1:
			w.Cancel(other)
			delete(due, other.id)
		case 2:
			arm(other, w.Now()+uint32(rng.IntN(3)))
		}
	})
	for step := range 20000 {
		it := items[rng.IntN(len(items))]
		if rng.IntN(5) == 0 {
			w.Cancel(it)
			delete(due, it.id)
		} else {
			arm(it, w.Now()+uint32(rng.IntN(1200)))
		}
		if rng.IntN(3) == 0 {
			w.Advance(w.Now() + uint32(rng.IntN(4)))
			for id, at := range due {
				if at <= w.Now() {
					t.Fatalf("tick %d: item %d was due at %d and did not fire", w.Now(), id, at)
				}
			}
		}
		if w.Len() != len(due) {
			t.Fatalf("step %d: wheel has %d, model %d", step, w.Len(), len(due))
		}
	}
	seen := 0
	w.Each(func(*item) { seen++ })
	if seen != len(due) {
		t.Fatalf("Each saw %d of %d", seen, len(due))
	}
}

func TestArmAllocatesNothing(t *testing.T) {
	w := wheel.New(node, func(*item) {})
	it := &item{}
	at := uint32(0)
	if n := testing.AllocsPerRun(1000, func() { at += 7; w.Arm(it, at) }); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}
