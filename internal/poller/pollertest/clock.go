// Package pollertest is a clock for tests of what runs on event loops: time passes
// when the test says so, and what is due has happened when it goes on. It is handed
// to a node or a server, and to the services beside it.
package pollertest

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"

	"pushd/internal/poller"
	"pushd/internal/testwait"
)

// Tick is the smallest step of a loop's time.
const Tick = time.Second / poller.TicksPerSecond

// Clock begins at the time of the system and stands still between calls of Pass.
type Clock struct {
	*clockwork.FakeClock
	made atomic.Int32 // timers and tickers that were made
}

// NewClock makes a clock.
func NewClock() *Clock { return &Clock{FakeClock: clockwork.NewFakeClock()} }

// NewTimer implements clockwork.Clock.
func (c *Clock) NewTimer(d time.Duration) clockwork.Timer {
	c.made.Add(1)
	return c.FakeClock.NewTimer(d)
}

// NewTicker implements clockwork.Clock.
func (c *Clock) NewTicker(d time.Duration) clockwork.Ticker {
	c.made.Add(1)
	return c.FakeClock.NewTicker(d)
}

// Pass lets time pass, a tick at a time, and returns when every server on the clock
// has brought its loops to the end of it: a server sets its timer again only then. It
// is not for a clock whose servers have been shut down.
func (c *Clock) Pass(t testing.TB, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testwait.Patience)
	defer cancel()
	for ; d > 0; d -= Tick {
		c.Advance(min(d, Tick))
		if err := c.BlockUntilContext(ctx, int(c.made.Load())); err != nil {
			t.Fatalf("the event loops have not seen the time pass within %v: %v", testwait.Patience, err)
		}
	}
}

// PassUntil lets time pass until done is closed: for what waits for the clock more
// than once before it ends, as a shutdown does.
func (c *Clock) PassUntil(done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		case <-time.After(time.Millisecond):
			c.Advance(Tick)
		}
	}
}
