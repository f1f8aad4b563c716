package testwait

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
)

func TestWhatComesIsReturned(t *testing.T) {
	var n atomic.Int32
	look := func() int32 { return n.Add(1) }
	if got := Until(t, "three", look, func(seen int32) bool { return seen == 3 }); got != 3 || n.Load() != 3 {
		t.Errorf("%d after %d looks", got, n.Load())
	}
	Equal(t, "the count", 5, look)
	if n.Load() != 5 {
		t.Errorf("%d looks", n.Load())
	}
}

// failing is a test that keeps why it failed.
type failing struct {
	testing.TB
	why string
}

func (f *failing) Helper() {}

func (f *failing) Fatalf(format string, args ...any) {
	f.why = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func TestWhatIsAwaitedInVainIsTold(t *testing.T) {
	f, ended := &failing{TB: t}, make(chan struct{})
	go func() {
		defer close(ended)
		until(f, 0, "four users", func() []string { return []string{"alice"} }, func(seen []string) bool { return len(seen) == 4 })
	}()
	<-ended
	if want := `waited 0s for four users; last seen: []string{"alice"}`; f.why != want {
		t.Errorf("%s, want %s", f.why, want)
	}
}
