package hub_test

import (
	"fmt"
	"runtime"
	"slices"
	"testing"

	"pushd/internal/hub"
)

// sink is a connection that costs nothing.
type sink struct {
	hub.Session
	n int
}

func (s *sink) Write([]byte) { s.n++ }

func crowd(t testing.TB, h *hub.Hub, n int) []*sink {
	all := make([]*sink, n)
	for i := range all {
		all[i] = &sink{}
		s := &all[i].Session
		s.User, s.Platform, s.Loop, s.Conn = fmt.Sprint("user-", i), 1, uint16(i%h.LoopCount()), all[i]
		if _, err := h.Add(s); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func TestAllocations(t *testing.T) {
	s := newSteps(2)
	h := newHub(t, s, hub.Options{})
	all := crowd(t, h, 2000)
	id := all[7].ID
	buf := make([]hub.Entry, 0, 4)
	for _, c := range all[:1000] {
		if err := h.Subscribe(&c.Session, "large"); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range all[:4] {
		if err := h.Subscribe(&c.Session, "small"); err != nil {
			t.Fatal(err)
		}
	}
	for name, f := range map[string]func(){
		"UserSessions":  func() { buf = h.UserSessions(buf[:0], "user-7") },
		"UserPlatforms": func() { h.UserPlatforms("user-7") },
		"Lookup":        func() { h.Lookup(id) },
		"Counts":        func() { h.Counts() },
		"Subscribers":   func() { h.Subscribers("large") },
		"Intern":        func() { h.Intern("") },
		"Remove and Add": func() {
			h.Remove(&all[3].Session)
			if _, err := h.Add(&all[3].Session); err != nil {
				t.Error(err)
			}
		},
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
	frame := []byte("x")
	cost := func(to hub.Target) float64 {
		return testing.AllocsPerRun(100, func() {
			if _, err := h.Deliver(to, frame); err != nil {
				t.Error(err)
			}
			s.settle()
		})
	}
	small, large := cost(hub.Target{Topics: []string{"small"}}), cost(hub.Target{Topics: []string{"large"}})
	if large > small {
		t.Errorf("a topic of 4 costs %v allocations, one of 1000 %v: members must cost none", small, large)
	}
	if everyone := cost(hub.Target{Everyone: true}); everyone > small {
		t.Errorf("a broadcast to 2000 costs %v allocations, a topic of 4 %v", everyone, small)
	}
}

func BenchmarkAddRemove(b *testing.B) {
	h := newHub(b, newSteps(1), hub.Options{})
	all := crowd(b, h, 10_000)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s := &all[i%len(all)].Session
		h.Remove(s)
		if _, err := h.Add(s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSubscribeUnsubscribe(b *testing.B) {
	h := newHub(b, newSteps(1), hub.Options{})
	all := crowd(b, h, 10_000)
	for _, c := range all {
		if err := h.Subscribe(&c.Session, "base"); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s := &all[i%len(all)].Session
		if err := h.Subscribe(s, "news"); err != nil {
			b.Fatal(err)
		}
		h.Unsubscribe(s, "news")
	}
}

func BenchmarkLookup(b *testing.B) {
	h := newHub(b, newSteps(1), hub.Options{})
	all := crowd(b, h, 100_000)
	b.Run("user", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if h.UserPlatforms(all[i%len(all)].User) == 0 {
				b.Fatal("not online")
			}
		}
	})
	b.Run("session", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, ok := h.Lookup(all[i%len(all)].ID); !ok {
				b.Fatal("not found")
			}
		}
	})
}

// BenchmarkDeliver does a whole fan-out, the loops' part included.
func BenchmarkDeliver(b *testing.B) {
	const members = 10_000
	s := newSteps(2)
	h := newHub(b, s, hub.Options{})
	users := make([]string, members)
	for i, c := range crowd(b, h, members) {
		users[i] = c.User
		if err := h.Subscribe(&c.Session, "news"); err != nil {
			b.Fatal(err)
		}
	}
	slices.Sort(users)
	frame := make([]byte, 64)
	for _, bc := range []struct {
		name string
		to   hub.Target
		n    int
	}{
		{"user", hub.Target{Users: users[:1]}, 1},
		{"topic", hub.Target{Topics: []string{"news"}}, members},
		{"everyone", hub.Target{Everyone: true}, members},
		{"members", hub.Target{Members: users}, members},
		{"users", hub.Target{Users: users}, members},
		{"user-ordered", hub.Target{Users: users[:1], Order: "s:a:b"}, 1},
		{"members-ordered", hub.Target{Members: users, Order: "g:a"}, members},
	} {
		b.Run(fmt.Sprintf("%s-%d", bc.name, bc.n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := h.Deliver(bc.to, frame); err != nil {
					b.Fatal(err)
				}
				s.settle()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*bc.n), "ns/member")
		})
	}
}

// BenchmarkMemory reports what one logged-in session costs: everything, the
// session object and its user id included.
func BenchmarkMemory(b *testing.B) {
	for _, n := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var bytes, objects float64
			for b.Loop() {
				h := newHub(b, newSteps(2), hub.Options{})
				before := heap()
				all := crowd(b, h, n)
				after := heap()
				bytes += float64(after.HeapAlloc-before.HeapAlloc) / float64(n)
				objects += float64(after.HeapObjects-before.HeapObjects) / float64(n)
				runtime.KeepAlive(all)
				runtime.KeepAlive(h)
			}
			b.ReportMetric(bytes/float64(b.N), "B/session")
			b.ReportMetric(objects/float64(b.N), "objects/session")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func heap() (m runtime.MemStats) {
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m
}
