package hub_test

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pushd/internal/hub"
)

// follower is a client that notes the position of all it receives and counts on
// nothing but that: each message must be the next.
type follower struct {
	hub.Session
	t       *testing.T
	at      hub.Position
	started bool
	taken   int
	lost    int // recoveries that were refused
}

func (f *follower) Write(frames []byte) {
	for ; len(frames) > 0; frames = frames[16:] {
		f.take(hub.Position{Offset: binary.BigEndian.Uint64(frames), Epoch: binary.BigEndian.Uint64(frames[8:])})
	}
}

func (f *follower) take(p hub.Position) {
	begins := p.Epoch != f.at.Epoch && p.Offset == 1 // another life, while it was there
	if !begins && (p.Epoch != f.at.Epoch || p.Offset != f.at.Offset+1) {
		f.t.Errorf("%s: %+v after %+v", f.User, p, f.at)
	}
	f.at = p
	f.taken++
}

// come logs in and takes up where it left off.
func (f *follower) come(h *hub.Hub, topic string) {
	if _, err := h.Add(&f.Session); err != nil {
		f.t.Errorf("Add: %v", err)
		return
	}
	f.recover(h, topic)
}

func (f *follower) recover(h *hub.Hub, topic string) {
	since := &f.at
	if !f.started {
		since = nil
	}
	p, err := h.Join(&f.Session, topic, since, 1<<20)
	if err != nil {
		f.t.Errorf("Join: %v", err)
		return
	}
	if f.started && !p.Recovered {
		f.lost++
	}
	if !p.Recovered {
		f.at, f.started = p.Position, true
		return
	}
	for _, frame := range p.Frames {
		f.Write(frame)
	}
	if f.at != p.Position {
		f.t.Errorf("%s: recovered up to %+v of %+v", f.User, f.at, p.Position)
	}
}

// Publishers on many goroutines fill a topic while clients on four loops come
// and go, resume, and recover. Every client sees every offset once and in order.
func TestRecoveryStorm(t *testing.T) {
	const (
		loops, perLoop = 4, 25
		publishers     = 6
		messages       = 3_000 // of each
	)
	for name, tc := range map[string]struct {
		size   int
		window time.Duration
		lossy  bool // the memory is too small for who is away for long
		topics int  // remembered at once; 0 is enough
	}{
		"long memory":   {size: publishers * messages},
		"merge window":  {size: publishers * messages, window: time.Millisecond},
		"short memory":  {size: 40, lossy: true},
		"short, merged": {size: 40, lossy: true, window: 100 * time.Microsecond},
		"forgotten":     {size: publishers * messages, lossy: true, topics: 1},
	} {
		t.Run(name, func(t *testing.T) {
			l := newThreads(t, loops)
			h := remember(t, l, tc.size, hub.Options{
				Slice: 4, MergeWindow: func(string) time.Duration { return tc.window }, Roster: everyTopic,
				MaxHistory: tc.topics,
			})
			var followers [loops][]*follower
			for loop := range followers {
				for i := range perLoop {
					f := &follower{t: t}
					f.User, f.Platform, f.Loop, f.Conn = string(rune('a'+loop))+string(rune('a'+i)), 1, uint16(loop), f
					followers[loop] = append(followers[loop], f)
				}
			}
			var done atomic.Bool
			var pub, work sync.WaitGroup
			say := func(topic string) hub.Position {
				_, at, err := h.Publish(topic, 0, func(p hub.Position) []byte {
					return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, p.Offset), p.Epoch)
				})
				if err != nil {
					t.Errorf("Publish: %v", err)
				}
				return at
			}
			for range publishers {
				pub.Go(func() {
					for i := range messages {
						say("room")
						if i%500 == 499 {
							say("r-other") // where few are remembered, the one goes for the other
						}
						if i%50 == 49 {
							time.Sleep(100 * time.Microsecond) // subscribers want a turn
						}
					}
				})
			}
			for loop := range loops {
				work.Go(func() {
					rng := rand.New(rand.NewPCG(uint64(loop), 11))
					for !done.Load() {
						l.on(loop, func() {
							for _, f := range followers[loop] {
								switch {
								case rng.IntN(4) > 0:
								case !f.Live():
									f.come(h, "room")
								case rng.IntN(3) == 0: // what was subscribed by Resume, or found a gap
									f.recover(h, "room")
								default:
									h.Remove(&f.Session)
								}
							}
						})
					}
				})
			}
			work.Go(func() {
				for !done.Load() {
					h.TopicChanges()
					if _, err := h.TopicUsers(context.Background(), "room"); err != nil {
						t.Errorf("TopicUsers: %v", err)
					}
					if _, err := h.Roster("room", 10, ""); err != nil {
						t.Errorf("Roster: %v", err)
					}
					h.ReadHistory("room", nil, 10, 1<<20)
					h.Sweep()
					if _, err := h.Check(context.Background()); err != nil {
						t.Error(err)
					}
				}
			})
			pub.Wait()
			done.Store(true)
			work.Wait()
			taken, lost := 0, 0
			for loop := range loops {
				l.on(loop, func() {
					for _, f := range followers[loop] {
						if !f.Live() {
							f.come(h, "room")
						}
					}
				})
			}
			last := say("room")
			l.settle(h)
			if last.Offset != publishers*messages+1 && tc.topics == 0 {
				t.Errorf("the last message is at %+v", last)
			}
			for loop := range loops {
				l.on(loop, func() {
					for _, f := range followers[loop] {
						taken, lost = taken+f.taken, lost+f.lost
						if f.at != last {
							t.Errorf("%s ends at %+v, want %+v", f.User, f.at, last)
						}
					}
				})
			}
			if taken == 0 || lost > 0 && !tc.lossy {
				t.Errorf("%d messages taken, %d recoveries refused", taken, lost)
			}
			if quiet, err := h.Check(context.Background()); err != nil || !quiet {
				t.Errorf("Check: %v, %v", quiet, err)
			}
			t.Logf("%d messages taken, %d recovered, %d refused", taken, h.Stats().Recovered, lost)
		})
	}
}
