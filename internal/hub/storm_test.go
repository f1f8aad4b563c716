package hub_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"pushd/internal/hub"
)

// wire is a publisher whose frames are numbered 1, 2, 3…
type wire struct {
	to    hub.Target
	turns chan int     // frames to send now: the loops say so as they go along
	begun atomic.Int64 // frames given to Deliver
}

// stay is one client's time on a wire, noted on the client's loop.
type stay struct {
	wire   string
	after  int64 // frames begun when it came: what follows must arrive
	before int64 // frames begun when it left: what follows must not; -1: it stayed
	got    []int64
}

// listener is a client of the storm. All of it belongs to its loop.
type listener struct {
	hub.Session
	on   map[string]*stay
	done []*stay
}

func (l *listener) Write(frame []byte) {
	for len(frame) > 0 { // frames are "wire number\n"
		var name string
		var n int64
		i := 0
		for frame[i] != ' ' {
			i++
		}
		j := i
		for frame[j] != '\n' {
			j++
		}
		name = string(frame[:i])
		n, _ = strconv.ParseInt(string(frame[i+1:j]), 10, 64)
		frame = frame[j+1:]
		s := l.on[name]
		if s == nil {
			s = &stay{wire: name, after: 1 << 62} // a frame for somebody who is not there
			l.done = append(l.done, s)
		}
		s.got = append(s.got, n)
	}
}

// Clients log in and out, are replaced, subscribe and unsubscribe on four loops
// while numbered frames are broadcast and published. Each must have received,
// of everything it was there for, every frame once and in order.
func TestStorm(t *testing.T) {
	const (
		loops, perLoop = 4, 60
		rounds, burst  = 150, 3
		frames         = loops * rounds * burst
	)
	l := newThreads(t, loops)
	h := newHub(t, l, hub.Options{Slice: 8, Presence: func(string, uint8, bool) {}})
	wires := map[string]*wire{
		"all": {to: hub.Target{Everyone: true}},
		"t0":  {to: hub.Target{Topics: []string{"t0"}}},
		"t1":  {to: hub.Target{Topics: []string{"t1"}}},
	}
	for _, w := range wires {
		w.turns = make(chan int, loops)
	}
	listeners := make([][]*listener, loops)
	for loop := range listeners {
		for range perLoop {
			c := &listener{on: map[string]*stay{}}
			c.Loop, c.Conn = uint16(loop), c
			listeners[loop] = append(listeners[loop], c)
		}
	}
	come := func(c *listener, name string) {
		c.on[name] = &stay{wire: name, after: wires[name].begun.Load(), before: -1}
	}
	leave := func(c *listener, name string) {
		if s := c.on[name]; s != nil {
			s.before = wires[name].begun.Load()
			c.done = append(c.done, s)
			delete(c.on, name)
		}
	}
	var posted sync.WaitGroup
	logout := func(c *listener) {
		h.Remove(&c.Session)
		for name := range wires {
			leave(c, name)
		}
	}
	step := func(c *listener, rng *rand.Rand, names int) {
		switch {
		case !c.Live():
			// Few names on many sockets: logins replace one another all the time.
			c.User, c.Platform = fmt.Sprint("u", rng.IntN(names)), uint8(1+rng.IntN(2))
			replaced, err := h.Add(&c.Session)
			if err != nil {
				t.Errorf("Add: %v", err)
				return
			}
			come(c, "all")
			for _, e := range replaced {
				posted.Add(1)
				l.Post(int(e.Loop), func() bool {
					defer posted.Done()
					if e.Session.Is(e.ID) {
						logout(e.Session.Conn.(*listener))
					}
					return false
				})
			}
		case rng.IntN(4) == 0:
			logout(c)
		default:
			name := fmt.Sprint("t", rng.IntN(2))
			if c.on[name] != nil {
				h.Unsubscribe(&c.Session, name)
				leave(c, name)
				return
			}
			if err := h.Subscribe(&c.Session, name); err != nil {
				t.Errorf("Subscribe: %v", err)
				return
			}
			come(c, name)
		}
	}

	var work sync.WaitGroup
	for name, w := range wires {
		work.Go(func() {
			for range loops * rounds {
				for range <-w.turns {
					frame := fmt.Appendf(nil, "%s %d\n", name, w.begun.Add(1))
					if _, err := h.Deliver(w.to, frame); err != nil {
						t.Errorf("Deliver: %v", err)
					}
				}
			}
		})
	}
	for loop := range loops {
		work.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(loop), 7))
			for range rounds {
				for _, w := range wires {
					w.turns <- burst
				}
				l.on(loop, func() {
					for _, c := range listeners[loop] {
						if rng.IntN(3) == 0 {
							step(c, rng, loops*perLoop*2/3)
						}
					}
				})
			}
		})
	}
	work.Go(func() { // readers
		for i := range 30 {
			user := fmt.Sprint("u", i)
			h.Counts()
			for _, e := range h.UserSessions(nil, user) {
				h.Lookup(e.ID)
			}
			if _, err := h.Deliver(hub.Target{
				Users: []string{user}, Topics: []string{"t0", "t1"}, Filter: hub.Filter{Platforms: 1 << 60},
			}, []byte("nobody 1\n")); err != nil {
				t.Errorf("Deliver: %v", err)
			}
			if _, _, err := h.OnlineUsers(0, 50, ""); err != nil {
				t.Errorf("OnlineUsers: %v", err)
			}
			if _, err := h.AllOnline(1 << 20); err != nil {
				t.Errorf("AllOnline: %v", err)
			}
			if _, err := h.Check(context.Background()); err != nil {
				t.Error(err)
			}
			h.Stats()
		}
	})
	work.Wait()
	posted.Wait()
	l.settle(h)

	if quiet, err := h.Check(context.Background()); err != nil || !quiet {
		t.Errorf("Check after the storm: %v, %v", quiet, err)
	}
	live, frame := 0, 0
	for loop := range loops {
		l.on(loop, func() {
			for _, c := range listeners[loop] {
				if c.Live() {
					live++
				}
				for _, s := range c.on {
					c.done = append(c.done, s)
				}
				for _, s := range c.done {
					frame += len(s.got)
					verify(t, s, frames)
				}
			}
		})
	}
	if frame < frames*loops || live != h.Counts().Sessions {
		t.Errorf("%d frames arrived, %d live, %d counted", frame, live, h.Counts().Sessions)
	}
	for loop := range loops {
		l.on(loop, func() {
			for _, c := range listeners[loop] {
				h.Remove(&c.Session)
			}
		})
	}
	if c := h.Counts(); c.Sessions != 0 || c.Users != 0 || h.Stats().Topics != 0 {
		t.Errorf("after all have gone: %+v, %d topics", c, h.Stats().Topics)
	}
	if quiet, err := h.Check(context.Background()); err != nil || !quiet {
		t.Errorf("Check of an empty hub: %v, %v", quiet, err)
	}
}

// verify holds a stay against what was sent: numbers without a gap, beginning
// no later than with the first frame sent after it came, and up to the last one
// if it stayed.
func verify(t *testing.T, s *stay, frames int64) {
	for i, n := range s.got {
		if i > 0 && n != s.got[i-1]+1 {
			t.Errorf("%s: %d after %d", s.wire, n, s.got[i-1])
		}
	}
	switch {
	case len(s.got) == 0:
		if s.before == -1 && s.after < frames {
			t.Errorf("%s: stayed from %d on and got nothing", s.wire, s.after)
		}
	case s.got[0] > s.after+1:
		t.Errorf("%s: there from %d on, first got %d", s.wire, s.after, s.got[0])
	case s.before == -1 && s.got[len(s.got)-1] != frames:
		t.Errorf("%s: stayed and last got %d of %d", s.wire, s.got[len(s.got)-1], frames)
	case s.before >= 0 && s.got[len(s.got)-1] > s.before:
		t.Errorf("%s: left at %d and got %d", s.wire, s.before, s.got[len(s.got)-1])
	}
}
