package poller

import (
	"time"

	"github.com/jonboulle/clockwork"
)

// follower advances the loops by the clock of Options, where there is one, in place
// of the kernel's timers: one goroutine of the server, which Shutdown ends.
type follower struct {
	server  *Server
	began   time.Time // when the loops were at tick 0
	timer   clockwork.Timer
	stop    chan struct{}
	stopped chan struct{}
}

func follow(s *Server) *follower {
	f := &follower{
		server: s, began: s.clock.Now(), timer: s.clock.NewTimer(tick),
		stop: make(chan struct{}), stopped: make(chan struct{}),
	}
	go f.run()
	return f
}

// run brings the loops to the tick that the clock is at, however far it has moved
// since the last time. The timer stands again only when every loop has got there, so
// whoever moves the clock sees by it that they have.
func (f *follower) run() {
	defer close(f.stopped)
	defer f.timer.Stop()
	for seen := uint32(0); ; {
		next := f.began.Add(time.Duration(seen+1) * tick)
		f.timer.Reset(f.server.clock.Until(next))
		now := f.ticks()
		if now <= seen {
			select {
			case <-f.stop:
				return
			case <-f.timer.Chan():
			}
			now = f.ticks()
		}
		f.advance(now)
		seen = max(seen, now)
	}
}

func (f *follower) ticks() uint32 { return uint32(f.server.clock.Since(f.began) / tick) }

// advance brings every loop to a tick and waits until it is there, or has ended.
func (f *follower) advance(to uint32) {
	arrived := make([]chan struct{}, len(f.server.loops))
	for i, l := range f.server.loops {
		arrived[i] = make(chan struct{})
		if !l.Complete(func() {
			defer close(arrived[i])
			l.advance(to)
		}) {
			close(arrived[i])
		}
	}
	for i, l := range f.server.loops {
		select {
		case <-arrived[i]:
		case <-l.done:
		}
	}
}
