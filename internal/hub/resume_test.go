package hub_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pushd/internal/hub"
)

func TestResume(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	h := newHub(t, newSteps(1), hub.Options{Now: func() time.Time { return now }})
	lose := func(user string, topics ...string) uint64 {
		c := login(t, h, user, 1, 0)
		subscribe(t, h, c, topics...)
		h.Park(&c.Session)
		h.Remove(&c.Session)
		return c.ID
	}
	a := lose("ann", "news", "sport")
	for name, try := range map[string]struct {
		id       uint64
		user     string
		platform uint8
	}{
		"another user":     {a, "bob", 1},
		"another platform": {a, "ann", 2},
		"another id":       {a + 1, "ann", 1},
	} {
		if topics, ok := h.Resume(try.id, try.user, try.platform); ok {
			t.Errorf("%s got %q", name, topics)
		}
	}
	if topics, ok := h.Resume(a, "ann", 1); !ok || !slices.Equal(topics, []string{"news", "sport"}) {
		t.Errorf("Resume: %q, %v", topics, ok)
	}
	if _, ok := h.Resume(a, "ann", 1); ok {
		t.Error("given back twice")
	}
	none := lose("bob")
	if _, ok := h.Resume(none, "bob", 1); ok {
		t.Error("a session without topics was parked")
	}
	var late uint64 // behind more expired ones than one call clears away
	for range 40 {
		late = lose("cyd", "news")
	}
	now = now.Add(time.Minute)
	if _, ok := h.Resume(late, "cyd", 1); ok {
		t.Error("given back after the window")
	}
	h.Sweep()
	if n := h.Stats().ParkedNow; n != 0 {
		t.Errorf("%d are kept after the window", n)
	}
	h.Park(&newClient("dee", 1, 0).Session)
	if st := h.Stats(); st.Parked != 41 || st.Resumed != 1 {
		t.Errorf("stats %+v", st)
	}
}

// Parking twice, as a gateway may that hears of a loss from two sides, keeps one.
func TestParkTwice(t *testing.T) {
	h := newHub(t, newSteps(1), hub.Options{})
	c := login(t, h, "ann", 1, 0)
	subscribe(t, h, c, "a")
	h.Park(&c.Session)
	subscribe(t, h, c, "b")
	h.Park(&c.Session)
	if n := h.Stats().ParkedNow; n != 1 {
		t.Errorf("%d parked", n)
	}
	if topics, ok := h.Resume(c.ID, "ann", 1); !ok || len(topics) != 2 {
		t.Errorf("Resume: %q, %v", topics, ok)
	}
}

func TestParkIsBounded(t *testing.T) {
	const bound = 50
	now := time.Unix(1_700_000_000, 0)
	for name, topics := range map[string]int{"sessions": 1, "topics": 25} {
		t.Run(name, func(t *testing.T) {
			h := newHub(t, newSteps(1), hub.Options{MaxParked: bound, Now: func() time.Time { return now }})
			var ids []uint64
			for i := range 3 * bound {
				c := login(t, h, fmt.Sprint("u", i), 1, 0)
				for k := range topics {
					subscribe(t, h, c, fmt.Sprint("t", k))
				}
				h.Park(&c.Session)
				h.Remove(&c.Session)
				ids = append(ids, c.ID)
			}
			kept := h.Stats().ParkedNow
			if kept == 0 || kept > bound || kept*topics > 10*bound {
				t.Errorf("%d sessions with %d topics kept", kept, topics)
			}
			if _, ok := h.Resume(ids[0], "u0", 1); ok {
				t.Error("the oldest was kept")
			}
			last := len(ids) - 1
			if _, ok := h.Resume(ids[last], fmt.Sprint("u", last), 1); !ok {
				t.Error("the newest was dropped")
			}
			now = now.Add(time.Hour)
			h.Sweep()
			if st := h.Stats(); st.ParkedNow != 0 || st.Evicted != uint64(3*bound-kept) {
				t.Errorf("after the sweep: %+v", st)
			}
		})
	}
}
