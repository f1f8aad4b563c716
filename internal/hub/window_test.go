package hub_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pushd/internal/hub"
)

// windowed is a hub whose topics beginning with "w" have a window of 10 ms.
func windowed(t *testing.T, s *steps) *hub.Hub {
	return newHub(t, s, hub.Options{MergeWindow: func(topic string) time.Duration {
		if topic[0] == 'w' {
			return 10 * time.Millisecond
		}
		return 0
	}})
}

func TestMergeWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSteps(2)
		h := windowed(t, s)
		a, b := login(t, h, "alice", 1, 0), login(t, h, "bob", 1, 1)
		subscribe(t, h, a, "w", "plain")
		subscribe(t, h, b, "w")
		var want []string
		for i := range 20 {
			text := fmt.Sprint(i)
			want = append(want, text)
			deliver(t, h, hub.Target{Topics: []string{"w"}}, text)
			s.settle()
			if i == 9 {
				if a.calls != 0 {
					t.Fatal("written within the window")
				}
				time.Sleep(10 * time.Millisecond)
				synctest.Wait()
				s.settle()
			}
		}
		time.Sleep(10 * time.Millisecond)
		synctest.Wait()
		s.settle()
		for _, c := range []*client{a, b} {
			wantGot(t, c, want...)
			if c.calls != 2 {
				t.Errorf("%d writes for two windows", c.calls)
			}
		}
		deliver(t, h, hub.Target{Topics: []string{"plain"}}, "at once")
		s.settle()
		wantGot(t, a, append(want, "at once")...)
		mustBeConsistent(t, h, s)
	})
}

// TestMergeWindowEndsEarly has a frame that can't be joined to those that wait:
// all leave at once and in order, and what the timer finds later is nothing.
func TestMergeWindowEndsEarly(t *testing.T) {
	for name, second := range map[string]hub.Target{
		"another filter":  {Topics: []string{"w"}, Filter: hub.Filter{Platforms: 1 << 1}},
		"several topics":  {Topics: []string{"w", "w2"}},
		"too many frames": {Topics: []string{"w"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSteps(1)
				h := windowed(t, s)
				c := login(t, h, "alice", 1, 0)
				subscribe(t, h, c, "w", "w2")
				n := 1
				if name == "too many frames" {
					n = 64
				}
				var want []string
				for i := range n {
					want = append(want, fmt.Sprint(i))
					deliver(t, h, hub.Target{Topics: []string{"w"}}, fmt.Sprint(i))
				}
				deliver(t, h, second, "last")
				s.settle()
				wantGot(t, c, append(want, "last")...)
				time.Sleep(time.Second)
				synctest.Wait()
				s.settle()
				wantGot(t, c, append(want, "last")...)
				mustBeConsistent(t, h, s)
			})
		})
	}
}

func TestMergeWindowOfABusyLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSteps(1)
		h := windowed(t, s)
		c := login(t, h, "alice", 1, 0)
		subscribe(t, h, c, "w")
		deliver(t, h, hub.Target{Topics: []string{"w"}}, "one")
		s.setFull(0, true)
		time.Sleep(50 * time.Millisecond)
		synctest.Wait()
		s.settle()
		wantGot(t, c)
		s.setFull(0, false)
		time.Sleep(10 * time.Millisecond)
		synctest.Wait()
		s.settle()
		wantGot(t, c, "one")
	})
}

func TestMergeWindowOfATopicThatEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSteps(1)
		h := windowed(t, s)
		c := login(t, h, "alice", 1, 0)
		subscribe(t, h, c, "w")
		deliver(t, h, hub.Target{Topics: []string{"w"}}, "one")
		h.Unsubscribe(&c.Session, "w")
		subscribe(t, h, c, "w") // joined after it was published
		time.Sleep(20 * time.Millisecond)
		synctest.Wait()
		s.settle()
		wantGot(t, c)
		if q := h.Stats().QueuedBytes; q != 0 {
			t.Errorf("%d bytes still queued", q)
		}
		mustBeConsistent(t, h, s)
	})
}
