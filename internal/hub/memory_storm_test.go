package hub_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"pushd/internal/hub"
)

// Many publish at once to many more topics than are remembered: at every moment
// the bounds hold, and an offset of one life is given once.
func TestForgettingUnderLoad(t *testing.T) {
	const publishers, messages, topics = 8, 2000, 40
	const maxTopics, maxBytes = 6, 64 << 10
	l := newThreads(t, 2)
	h := newHub(t, l, hub.Options{
		MaxHistory: maxTopics, MaxHistoryBytes: maxBytes,
		History: func(string) hub.History { return hub.History{Size: 50, For: time.Millisecond} },
	})
	type place struct {
		topic string
		hub.Position
	}
	var mu sync.Mutex
	given := map[place]bool{}
	var work sync.WaitGroup
	for i := range publishers {
		work.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(i), 3))
			for range messages {
				topic := fmt.Sprint("t", rng.IntN(topics))
				_, at, err := h.Publish(topic, 0, func(hub.Position) []byte { return make([]byte, 100+rng.IntN(2000)) })
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				if given[place{topic, at}] {
					t.Errorf("%s: place %+v was given twice", topic, at)
				}
				given[place{topic, at}] = true
				mu.Unlock()
			}
		})
	}
	work.Go(func() {
		for range 200 {
			h.Sweep()
			// One topic for each publisher may have been counted and not be forgotten yet.
			if s := h.Stats(); s.MemoryBytes > maxBytes+publishers*4096 || s.Remembered > maxTopics+publishers {
				t.Errorf("%d topics with %d bytes are remembered", s.Remembered, s.MemoryBytes)
			}
		}
	})
	work.Wait()
	if s := h.Stats(); s.Remembered > maxTopics || s.MemoryBytes > maxBytes || s.Forgotten == 0 {
		t.Errorf("in the end %+v", s)
	}
}
