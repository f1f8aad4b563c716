package gateway

import (
	"testing"
	"time"
)

func TestMeter(t *testing.T) {
	type step struct {
		ticks uint32 // that pass before
		send  int
		taken int // of those, before the first is refused
		wait  time.Duration
		spent bool
	}
	for name, tc := range map[string]struct {
		rate, burst int
		steps       []step
	}{
		"burst, then rate": {100, 400, []step{
			{0, 400, 400, 0, false},
			{4, 100, 100, 0, false},
			{4, 100, 100, 0, false},
			{0, 2, 1, 250 * time.Millisecond, false},
			{40, 400, 400, 0, false},
		}},
		"full again and no more": {10, 20, []step{{0, 20, 20, 0, false}, {4000, 20, 20, 0, false}, {0, 1, 0, 250 * time.Millisecond, false}}},
		"what is refused counts": {10, 20, []step{
			{0, 20, 20, 0, false},
			{0, 10, 0, 1250 * time.Millisecond, false},
			{4, 1, 0, 250 * time.Millisecond, false},
			{2, 1, 1, 0, false},
		}},
		"waiting helps":          {1, 1, []step{{0, 1, 1, 0, false}, {0, 1, 0, 2 * time.Second, true}, {8, 1, 1, 0, false}}},
		"going on":               {10, 20, []step{{0, 20, 20, 0, false}, {0, 19, 0, 2 * time.Second, false}, {0, 1, 0, 2250 * time.Millisecond, true}}},
		"a second's worth":       {1000, 1, []step{{0, 251, 251, 0, false}, {1, 250, 250, 0, false}}},
		"silence for days":       {10, 20, []step{{1 << 20, 20, 20, 0, false}, {1 << 20, 20, 20, 0, false}, {1<<20 - 1, 20, 20, 0, false}}},
		"more than can be asked": {1 << 30, 1 << 30, []step{{0, 50_000, 50_000, 0, false}, {0, 1, 0, 250 * time.Millisecond, false}}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLimit(tc.rate, tc.burst)
			const start = 1<<32 - 5 // the clock wraps on the way
			var m meter
			tick := uint32(start)
			m.begin(tick)
			for i, s := range tc.steps {
				for end := tick + s.ticks; tick != end; {
					tick += min(end-tick, 24*3600*4)
					m.settle(tick) // as the session's timer does
				}
				taken := 0
				for n := range s.send {
					if m.take(tick, &l) && taken == n {
						taken++
					}
				}
				if taken != s.taken {
					t.Fatalf("step %d: %d taken of %d, want %d", i, taken, s.send, s.taken)
				}
				if s.wait > 0 {
					if wait, spent := m.wait(tick, &l); wait != s.wait || spent != s.spent {
						t.Errorf("step %d: wait %s, spent %v, want %s, %v", i, wait, spent, s.wait, s.spent)
					}
				}
			}
		})
	}
	if l := newLimit(0, 5); l.step != 0 {
		t.Errorf("no limit is %+v", l)
	}
}

func TestMeterAllocatesNothing(t *testing.T) {
	l := newLimit(100, 400)
	var m meter
	tick := uint32(0)
	if n := testing.AllocsPerRun(1000, func() {
		tick++
		m.take(tick, &l)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkMeter(b *testing.B) {
	l := newLimit(1000, 50_000)
	var m meter
	b.ReportAllocs()
	for i := uint32(0); b.Loop(); i++ {
		m.take(i, &l)
	}
}
