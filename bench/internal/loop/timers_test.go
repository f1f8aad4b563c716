package loop

import (
	"slices"
	"testing"
	"time"
)

func TestTimersFireOnceAndInTime(t *testing.T) {
	const n = 300
	w := newTimers(n)
	due := make([]time.Duration, n)
	for i := range due {
		// Some beyond one turn of the wheel (16 s), many in the same slot.
		due[i] = time.Duration(i*i%97) * 500 * time.Millisecond
		w.set(int32(i), time.Hour) // replaced by the next line
		w.set(int32(i), due[i])
	}
	for i := 0; i < n; i += 10 {
		w.cancel(int32(i))
		w.cancel(int32(i))
	}
	fired := map[int32]time.Duration{}
	for now := time.Duration(0); now < time.Minute; now += 20 * time.Millisecond {
		for _, id := range w.advance(now, nil) {
			if _, twice := fired[id]; twice {
				t.Fatalf("timer %d fired twice", id)
			}
			fired[id] = now
		}
	}
	for i := range due {
		at, ok := fired[int32(i)]
		if ok == (i%10 == 0) {
			t.Errorf("timer %d: fired %v", i, ok)
		}
		if ok && (at < due[i] || at > due[i]+50*time.Millisecond) {
			t.Errorf("timer %d: due %v, fired at %v", i, due[i], at)
		}
	}
	if w.armed != 0 {
		t.Errorf("%d timers armed", w.armed)
	}
}

func TestTimersAfterALongPause(t *testing.T) {
	w := newTimers(3)
	w.set(0, time.Second)
	w.set(1, 20*time.Second)
	w.set(2, time.Hour)
	fired := w.advance(time.Minute, nil)
	slices.Sort(fired)
	if !slices.Equal(fired, []int32{0, 1}) {
		t.Errorf("%v", fired)
	}
}
