package hub_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"pushd/internal/hub"
)

func TestBusyLoop(t *testing.T) {
	s, h, c := town(t)
	s.setFull(1, true)
	for name, tc := range map[string]struct {
		to   hub.Target
		want int
	}{
		"users":    {hub.Target{Users: []string{"ann", "bob"}}, 1},
		"everyone": {hub.Target{Everyone: true}, 3},
		"mixed":    {hub.Target{Users: []string{"bob"}, Topics: []string{"sport"}}, 2},
	} {
		rec, err := h.Deliver(tc.to, []byte(name))
		if !errors.Is(err, hub.ErrBusy) || rec.Sessions != tc.want {
			t.Errorf("%s: %+v, %v, want %d sessions and ErrBusy", name, rec, err, tc.want)
		}
	}
	if err := func() error { _, err := h.Check(t.Context()); return err }(); !errors.Is(err, hub.ErrBusy) {
		t.Errorf("Check: %v, want ErrBusy", err)
	}
	s.setFull(1, false)
	s.settle()
	if len(c["bob"].got) != 0 {
		t.Errorf("bob got %q that was refused", c["bob"].got)
	}
	if st := h.Stats(); st.Busy != 3 || st.QueuedBytes != 0 {
		t.Errorf("stats %+v", st)
	}
	deliver(t, h, hub.Target{Users: []string{"bob"}}, "later")
	s.settle()
	wantGot(t, c["bob"], "later")
}

// What waits for a loop that doesn't turn is bounded, and one delivery larger
// than the bound still goes when nothing waits.
func TestQueueBound(t *testing.T) {
	s := newSteps(1)
	h := newHub(t, s, hub.Options{MaxQueued: 10_000})
	c := login(t, h, "ann", 1, 0)
	to := hub.Target{Users: []string{"ann"}}
	sent := 0
	for ; ; sent++ {
		if _, err := h.Deliver(to, make([]byte, 1000)); err != nil {
			break
		}
	}
	if q := h.Stats().QueuedBytes; sent == 0 || q > 10_000 {
		t.Errorf("%d sent, %d bytes wait", sent, q)
	}
	s.settle()
	if q := h.Stats().QueuedBytes; q != 0 || c.calls != sent {
		t.Errorf("%d of %d written, %d bytes wait", c.calls, sent, q)
	}
	if _, err := h.Deliver(to, make([]byte, 100_000)); err != nil {
		t.Errorf("a large delivery into an empty queue: %v", err)
	}
	s.settle()
	if s.posts != 2 {
		t.Errorf("%d posts for two bursts", s.posts)
	}
}

func TestJoining(t *testing.T) {
	news := hub.Target{Topics: []string{"news"}}
	all := hub.Target{Everyone: true}
	both := hub.Target{Topics: []string{"news", "more"}}
	with := func(to hub.Target, f hub.Filter) hub.Target { to.Filter = f; return to }
	for name, tc := range map[string]struct {
		send  []hub.Target
		calls int
	}{
		"one topic":      {slices.Repeat([]hub.Target{news}, 5), 1},
		"everyone":       {slices.Repeat([]hub.Target{all}, 5), 1},
		"over the count": {slices.Repeat([]hub.Target{news}, 65), 2},
		"another filter": {[]hub.Target{news, news, with(news, hub.Filter{Platforms: 2}), news}, 3},
		"another except": {[]hub.Target{news, with(news, hub.Filter{Except: 7}), with(news, hub.Filter{Except: 7})}, 2},
		"several topics": {[]hub.Target{news, both, both, news}, 4},
		"a user":         {slices.Repeat([]hub.Target{{Users: []string{"ann"}}}, 3), 3},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSteps(1)
			h := newHub(t, s, hub.Options{})
			c := login(t, h, "ann", 1, 0)
			subscribe(t, h, c, "news", "more")
			var want []string
			for i, to := range tc.send {
				want = append(want, fmt.Sprint(i))
				deliver(t, h, to, want[i])
			}
			s.settle()
			if c.calls != tc.calls {
				t.Errorf("%d writes, want %d", c.calls, tc.calls)
			}
			wantGot(t, c, want...)
			if got := int(h.Stats().Joined); got != len(tc.send)-tc.calls {
				t.Errorf("stats say %d joined", got)
			}
		})
	}
	t.Run("over the size", func(t *testing.T) {
		s := newSteps(1)
		h := newHub(t, s, hub.Options{})
		c := login(t, h, "ann", 1, 0)
		for range 3 {
			if _, err := h.Deliver(all, make([]byte, 30<<10)); err != nil {
				t.Fatal(err)
			}
		}
		s.settle()
		if c.calls != 2 {
			t.Errorf("%d writes of 3 frames of 30 KiB, want 2", c.calls)
		}
	})
}

// A long walk gives way to the loop's sockets after each slice, and to pushes
// to single users and to other topics.
func TestSlicesAndTurns(t *testing.T) {
	const members, slice = 100, 10
	var users []string
	for i := range members {
		users = append(users, fmt.Sprint("u", i))
	}
	for name, to := range map[string]hub.Target{
		"everyone": {Everyone: true},
		"topic":    {Topics: []string{"big"}},
		"members":  {Members: slices.Sorted(slices.Values(users))},
		"users":    {Users: users},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSteps(1)
			h := newHub(t, s, hub.Options{Slice: slice})
			var all []*client
			for _, u := range users {
				c := login(t, h, u, 1, 0)
				subscribe(t, h, c, "big")
				all = append(all, c)
			}
			takeTurns(t, s, h, all, to, slice)
		})
	}
}

func takeTurns(t *testing.T, s *steps, h *hub.Hub, all []*client, to hub.Target, slice int) {
	subscribe(t, h, all[0], "small")
	total := func() (n int) {
		for _, c := range all {
			n += c.calls
		}
		return n
	}
	deliver(t, h, to, "big")
	s.turn(0)
	deliver(t, h, hub.Target{Topics: []string{"small"}}, "topic")
	deliver(t, h, hub.Target{Users: []string{"u0"}}, "user")
	s.turn(0)
	s.turn(0)
	if got := all[0].got; !slices.Contains(got, "user") || !slices.Contains(got, "topic") {
		t.Errorf("after three turns u0 has %q: it waits for the long walk", got)
	}
	if n := total(); n > 3*2*slice || n < 2*slice {
		t.Errorf("%d writes in three turns with slices of %d", n, slice)
	}
	s.settle()
	if n := total(); n != len(all)+2 {
		t.Errorf("%d writes in all, want %d", n, len(all)+2)
	}
}

// A group's messages keep their order when the number of its online members
// crosses the length at which a list is long.
func TestGroupOrder(t *testing.T) {
	const slice = 4
	s := newSteps(1)
	h := newHub(t, s, hub.Options{Slice: slice})
	var users []string
	var all []*client
	for i := range slice + 1 {
		users = append(users, fmt.Sprint("u", i))
		all = append(all, login(t, h, users[i], 1, 0))
	}
	to := hub.Target{Members: users}
	deliver(t, h, to, "1")
	h.Remove(&all[0].Session)
	deliver(t, h, to, "2")
	deliver(t, h, to, "3")
	s.settle()
	for _, c := range all[1:] {
		wantGot(t, c, "1", "2", "3")
	}
}

// A Write that panics costs its connection the frame, and nobody else.
func TestPanicInWrite(t *testing.T) {
	s := newSteps(1)
	h := newHub(t, s, hub.Options{Slice: 2})
	var all []*client
	for i := range 9 {
		all = append(all, login(t, h, fmt.Sprint("u", i), 1, 0))
	}
	all[4].write = func() { panic("broken connection") }
	deliver(t, h, hub.Target{Everyone: true}, "x")
	deliver(t, h, hub.Target{Users: []string{"u4", "u5"}}, "y")
	panics := 0
	for more := true; more; {
		func() {
			defer func() {
				if recover() != nil {
					panics++
					more = true
				}
			}()
			more = s.turn(0)
		}()
	}
	if panics != 2 {
		t.Errorf("%d panics, want 2", panics)
	}
	for i, c := range all {
		if c.calls != 1+btoi(i == 4 || i == 5) {
			t.Errorf("client %d was written to %d times", i, c.calls)
		}
	}
	if q := h.Stats().QueuedBytes; q != 0 {
		t.Errorf("%d bytes still wait", q)
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
