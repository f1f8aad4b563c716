package hub_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pushd/internal/hub"
)

// Whatever comes and goes between the slices of a walk, and inside Write itself,
// who was there at its beginning and stayed gets the frame exactly once, who
// left gets it at most once, and who came later does not get it.
func TestWalkWhileMembersChange(t *testing.T) {
	const topic = "news"
	for name, kind := range map[string]struct {
		to    hub.Target
		enter func(t *testing.T, h *hub.Hub, c *client)
		leave func(h *hub.Hub, c *client)
	}{
		"everyone": {
			hub.Target{Everyone: true},
			func(t *testing.T, h *hub.Hub, c *client) {
				if _, err := h.Add(&c.Session); err != nil {
					t.Fatal(err)
				}
			},
			func(h *hub.Hub, c *client) { h.Remove(&c.Session) },
		},
		"topic, by subscription": {
			hub.Target{Topics: []string{topic}},
			func(t *testing.T, h *hub.Hub, c *client) {
				if !c.Live() {
					if _, err := h.Add(&c.Session); err != nil {
						t.Fatal(err)
					}
				}
				subscribe(t, h, c, "other", topic)
			},
			func(h *hub.Hub, c *client) { h.Unsubscribe(&c.Session, topic) },
		},
		"topic, by login": {
			hub.Target{Topics: []string{topic}},
			func(t *testing.T, h *hub.Hub, c *client) {
				if _, err := h.Add(&c.Session); err != nil {
					t.Fatal(err)
				}
				subscribe(t, h, c, topic, "other")
			},
			func(h *hub.Hub, c *client) { h.Remove(&c.Session) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(200) {
				rng := rand.New(rand.NewPCG(seed, 1))
				s := newSteps(1)
				h := newHub(t, s, hub.Options{Slice: 1 + rng.IntN(7)})
				var all, in []*client
				inside := map[*client]bool{}
				enter := func(c *client) {
					kind.enter(t, h, c)
					in, inside[c] = append(in, c), true
				}
				leave := func() {
					if len(in) > 0 {
						i := rng.IntN(len(in))
						c := in[i]
						in[i] = in[len(in)-1]
						in = in[:len(in)-1]
						kind.leave(h, c)
						delete(inside, c)
					}
				}
				stir := func() {
					for range rng.IntN(4) {
						switch c := all[rng.IntN(len(all))]; {
						case rng.IntN(2) == 0:
							leave()
						case !inside[c]:
							enter(c)
						}
					}
				}
				for i := range 40 {
					c := newClient(fmt.Sprint("u", i), 1, 0)
					all = append(all, c)
					if i < 25 {
						enter(c)
					}
				}
				// stayed: members at the walk's beginning that have not left since.
				start := slices.Clone(in)
				for _, c := range all {
					c.write = func() {
						if rng.IntN(5) == 0 {
							stir()
						}
					}
				}
				left := map[*client]bool{}
				kindLeave := kind.leave
				leaveAndNote := func(h *hub.Hub, c *client) { left[c] = true; kindLeave(h, c) }
				kind.leave = leaveAndNote
				deliver(t, h, kind.to, "x")
				for s.turn(0) {
					stir()
				}
				kind.leave = kindLeave
				for i, c := range all {
					was := slices.Contains(start, c)
					switch {
					case c.calls > 1,
						was && !left[c] && c.calls != 1,
						!was && c.calls != 0:
						t.Fatalf("seed %d: client %d (there at the start %v, left %v) got it %d times",
							seed, i, was, left[c], c.calls)
					}
				}
				for _, c := range all {
					c.write = nil
				}
				mustBeConsistent(t, h, s)
			}
		})
	}
}

// Two broadcasts reach everyone in order, the later never overtaking, even with
// a filter that keeps them from being joined.
func TestWalkOrder(t *testing.T) {
	s := newSteps(2)
	h := newHub(t, s, hub.Options{Slice: 3})
	var all []*client
	for i := range 20 {
		all = append(all, login(t, h, fmt.Sprint("u", i), 1, i%2))
	}
	var want []string
	for i := range 10 {
		text := fmt.Sprint(i)
		want = append(want, text)
		deliver(t, h, hub.Target{Everyone: true, Filter: hub.Filter{Except: uint64(i%2) + 1}}, text)
		s.turn(i % 2)
	}
	s.settle()
	for _, c := range all {
		wantGot(t, c, want...)
	}
}

// The lists give memory back after a crowd has gone.
func TestMemoryIsGivenBack(t *testing.T) {
	const crowd = 20_000
	s := newSteps(1)
	h := newHub(t, s, hub.Options{})
	all := make([]*client, crowd)
	for i := range all {
		all[i] = login(t, h, fmt.Sprint("u", i), 1, 0)
	}
	for _, c := range all[1:] {
		h.Remove(&c.Session)
	}
	if n, capacity := h.Room(0); n != 1 || capacity > 100 {
		t.Errorf("%d members in a list of %d", n, capacity)
	}
	if !hub.Shrinks(10_000) {
		t.Error("a shard keeps the room of its largest moment")
	}
	mustBeConsistent(t, h, s)
}
