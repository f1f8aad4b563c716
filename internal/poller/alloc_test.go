package poller_test

import (
	"testing"

	"github.com/gobwas/ws"

	"pushd/internal/poller"
)

func TestFramesAllocateNothing(t *testing.T) {
	n := 0
	f := poller.NewFeeder(func([]byte) { n++ })
	defer f.Close()
	whole := text("hello")
	begin, end := frame(false, ws.OpText, []byte("hel")), frame(true, ws.OpContinuation, []byte("lo"))
	input := make([]byte, 64)
	feed := func(b []byte) { f.Feed(input[:copy(input, b)]) }
	for name, run := range map[string]func(){
		"whole":      func() { feed(whole) },
		"in halves":  func() { feed(whole[:5]); feed(whole[5:]) },
		"fragmented": func() { feed(begin); feed(end) },
	} {
		run()
		if a := testing.AllocsPerRun(200, run); a != 0 {
			t.Errorf("%s: %v allocations", name, a)
		}
	}
	if n == 0 {
		t.Error("no message came")
	}
}
