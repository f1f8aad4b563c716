package hub_test

import (
	"fmt"
	"slices"
	"testing"

	"pushd/internal/hub"
)

// ways are all the ways to deliver to ann, who is on both loops, among others.
// Each stands in a line of its own where nothing keeps an order.
func ways(h *hub.Hub, c map[string]*client, slice int) map[string]hub.Target {
	long := []string{"ann"}
	for i := range 2 * slice {
		long = append(long, fmt.Sprint("zz", i))
	}
	slices.Sort(long)
	return map[string]hub.Target{
		"user":       {Users: []string{"ann"}},
		"long list":  {Users: long},
		"members":    {Members: staff},
		"everyone":   {Everyone: true},
		"all on web": {Everyone: true, Filter: hub.Filter{Platforms: 1<<1 | 1<<3}},
		"sessions":   {Sessions: []uint64{c["ann.web"].ID, c["ann.ios"].ID}},
	}
}

// Whatever two ways are taken, and whatever stands in the lines already, the
// order of one conversation is kept.
func TestOrderOfEveryPair(t *testing.T) {
	const slice = 4
	for first := range ways(nil, map[string]*client{"ann.web": {}, "ann.ios": {}}, slice) {
		for second := range ways(nil, map[string]*client{"ann.web": {}, "ann.ios": {}}, slice) {
			for busy := range ways(nil, map[string]*client{"ann.web": {}, "ann.ios": {}}, slice) {
				t.Run(first+", "+second+", busy with "+busy, func(t *testing.T) {
					s := newSteps(2)
					h := newHub(t, s, hub.Options{Slice: slice})
					c := map[string]*client{
						"ann.web": login(t, h, "ann", 1, 0), "ann.ios": login(t, h, "ann", 3, 1), "bob": login(t, h, "bob", 1, 1),
					}
					to := ways(h, c, slice)
					for range 5 * slice {
						// Not the same bytes each time would do: what waits must not join.
						other := to[busy]
						other.Filter.Except = c["bob"].ID
						deliver(t, h, other, "-")
					}
					one, two := to[first], to[second]
					one.Order, two.Order = "g:team", "g:team"
					want := []string{"1", "2", "3", "4"}
					for i, target := range []hub.Target{one, two, one, two} {
						deliver(t, h, target, want[i])
						s.turn(i % 2)
					}
					s.settle()
					for _, name := range []string{"ann.web", "ann.ios"} {
						got := slices.DeleteFunc(slices.Clone(c[name].got), func(f string) bool { return f == "-" })
						if !slices.Equal(got, want) {
							t.Errorf("%s got %q, want %q", name, got, want)
						}
					}
					if st := h.Stats(); st.QueuedBytes != 0 {
						t.Errorf("%d bytes still wait", st.QueuedBytes)
					}
					if n := h.Ordered(); n != 0 {
						t.Errorf("%d orders are remembered when nothing waits", n)
					}
				})
			}
		}
	}
}

// A list that follows a broadcast of its conversation into its line holds up no
// other pushes to users.
func TestOrderHoldsUpNobodyElse(t *testing.T) {
	const slice = 4
	s := newSteps(1)
	h := newHub(t, s, hub.Options{Slice: slice})
	var all []*client
	for i := range 10 * slice {
		all = append(all, login(t, h, fmt.Sprintf("u%02d", i), 1, 0))
	}
	deliver(t, h, hub.Target{Everyone: true, Order: "b:all"}, "broadcast")
	s.turn(0)
	deliver(t, h, hub.Target{Users: []string{"u00"}, Order: "b:all"}, "read")
	deliver(t, h, hub.Target{Users: []string{"u00"}, Order: "s:u00:u01"}, "hello")
	s.turn(0)
	wantGot(t, all[0], "hello")
	s.settle()
	wantGot(t, all[0], "hello", "broadcast", "read")
}
