package hub_test

import (
	"math"
	"runtime"
	"runtime/metrics"
	"strconv"
	"testing"
	"time"

	"pushd/internal/hub"
)

const million = 1_000_000

// populate logs the sessions in and returns how long that took. The objects are
// made beforehand: they are part of a connection, and BenchmarkMemory counts them.
func populate(b *testing.B, h *hub.Hub, all []sink) time.Duration {
	start := time.Now()
	for i := range all {
		if _, err := h.Add(&all[i].Session); err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(start)
}

func sinks(n, loops int) []sink {
	all := make([]sink, n)
	for i := range all {
		s := &all[i].Session
		s.User, s.Platform, s.Loop, s.Conn = "user-"+strconv.Itoa(i), 1, uint16(i%loops), &all[i]
	}
	return all
}

// BenchmarkMillion is the hub alone with a million sessions and no sockets:
// what the directory adds to a session, how long all take to come and to go, a
// lookup, a message to all without its writes, and a collection.
func BenchmarkMillion(b *testing.B) {
	b.Run("sessions", func(b *testing.B) {
		var bytes, objects float64
		var came, went time.Duration
		for b.Loop() {
			h := newHub(b, newSteps(2), hub.Options{})
			all := sinks(million, h.LoopCount())
			before := heap()
			came += populate(b, h, all)
			after := heap()
			bytes += float64(after.HeapAlloc) - float64(before.HeapAlloc)
			objects += float64(after.HeapObjects) - float64(before.HeapObjects)
			start := time.Now()
			for i := range all {
				h.Remove(&all[i].Session)
			}
			went += time.Since(start)
			runtime.KeepAlive(h)
		}
		n := float64(b.N) * million
		b.ReportMetric(bytes/n, "B/session")
		b.ReportMetric(objects/n, "objects/session")
		b.ReportMetric(float64(came.Nanoseconds())/n, "ns/add")
		b.ReportMetric(float64(went.Nanoseconds())/n, "ns/remove")
	})

	s := newSteps(2)
	h := newHub(b, s, hub.Options{})
	all := sinks(million, h.LoopCount())
	populate(b, h, all)
	// A step that shares no divisor with a million visits all of them in an order
	// that no cache foresees.
	const step = 611_953
	b.Run("lookup user", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i = (i + step) % million {
			if h.UserPlatforms(all[i].User) == 0 {
				b.Fatal("not online")
			}
		}
	})
	b.Run("lookup session", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i = (i + step) % million {
			if _, ok := h.Lookup(all[i].ID); !ok {
				b.Fatal("not found")
			}
		}
	})
	b.Run("to all", func(b *testing.B) {
		b.ReportAllocs()
		frame := make([]byte, 64)
		for b.Loop() {
			if _, err := h.Deliver(hub.Target{Everyone: true}, frame); err != nil {
				b.Fatal(err)
			}
			s.settle()
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/million, "ns/member")
	})
	b.Run("collection", func(b *testing.B) {
		runtime.GC() // what the benchmarks before left behind
		before := collections()
		for b.Loop() {
			runtime.GC()
		}
		after := collections()
		b.ReportMetric((after.mark-before.mark)*1e3/float64(b.N), "mark-cpu-ms/op")
		b.ReportMetric(longestPause(before.pauses, after.pauses)*1e6, "longest-pause-µs")
	})
	runtime.KeepAlive(all)
}

// collector is what the runtime tells about collections since the program
// began. It brings its figures up to date at the end of each.
type collector struct {
	mark   float64 // processor seconds
	pauses *metrics.Float64Histogram
}

func collections() collector {
	samples := []metrics.Sample{
		{Name: "/cpu/classes/gc/mark/assist:cpu-seconds"},
		{Name: "/cpu/classes/gc/mark/dedicated:cpu-seconds"},
		{Name: "/cpu/classes/gc/mark/idle:cpu-seconds"},
		{Name: "/sched/pauses/total/gc:seconds"},
	}
	metrics.Read(samples)
	var c collector
	for _, s := range samples[:3] {
		c.mark += s.Value.Float64()
	}
	c.pauses = samples[3].Value.Float64Histogram()
	return c
}

// longestPause is the upper bound of the highest bucket that has more in it after than before.
func longestPause(before, after *metrics.Float64Histogram) float64 {
	for i := len(after.Counts) - 1; i >= 0; i-- {
		if after.Counts[i] <= before.Counts[i] {
			continue
		}
		if top := after.Buckets[i+1]; !math.IsInf(top, 1) {
			return top
		}
		return after.Buckets[i]
	}
	return 0
}
