package hub_test

import (
	"fmt"
	"testing"

	"pushd/internal/hub"
)

// BenchmarkTopicChurn is one member of a topic of 100,000 going and coming,
// with and without its users being known, and with a history.
func BenchmarkTopicChurn(b *testing.B) {
	const members = 100_000
	for _, bc := range []struct {
		name string
		opt  hub.Options
	}{
		{"plain", hub.Options{}},
		{"users", hub.Options{Roster: everyTopic}},
		{"history", hub.Options{History: func(string) hub.History { return hub.History{Size: 100} }}},
	} {
		b.Run(bc.name, func(b *testing.B) {
			h := newHub(b, newSteps(1), bc.opt)
			all := crowd(b, h, members)
			for _, c := range all {
				if err := h.Subscribe(&c.Session, "room"); err != nil {
					b.Fatal(err)
				}
			}
			h.TopicChanges()
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				s := &all[i%members].Session
				h.Unsubscribe(s, "room")
				if _, err := h.Join(s, "room", nil, 0); err != nil {
					b.Fatal(err)
				}
				if i%10_000 == 0 {
					h.TopicChanges()
				}
			}
		})
	}
}

// BenchmarkPublish is a message to a topic of 1,000 members, the loops' part
// included, as a plain delivery and with a place in a history.
func BenchmarkPublish(b *testing.B) {
	const members = 1_000
	frame := make([]byte, 128)
	for _, remembered := range []bool{false, true} {
		b.Run(fmt.Sprintf("history=%v", remembered), func(b *testing.B) {
			s := newSteps(2)
			h := remember(b, s, 100, hub.Options{})
			for _, c := range crowd(b, h, members) {
				if err := h.Subscribe(&c.Session, "room"); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				var err error
				if remembered {
					_, _, err = h.Publish("room", 0, func(hub.Position) []byte { return frame })
				} else {
					_, err = h.Deliver(hub.Target{Topics: []string{"room"}}, frame)
				}
				if err != nil {
					b.Fatal(err)
				}
				s.settle()
			}
		})
	}
}

// BenchmarkRecover is a client that comes back to a topic and gets 100 messages.
func BenchmarkRecover(b *testing.B) {
	h := remember(b, newSteps(1), 1000, hub.Options{})
	c := login(b, h, "ann", 1, 0)
	var at hub.Position
	for range 1000 {
		at = publish(b, h, "room")
	}
	since := hub.Position{Offset: at.Offset - 100, Epoch: at.Epoch}
	b.ReportAllocs()
	for b.Loop() {
		p, err := h.Join(&c.Session, "room", &since, 1<<20)
		if err != nil || len(p.Frames) != 100 {
			b.Fatalf("%+v, %v", p, err)
		}
		h.Unsubscribe(&c.Session, "room")
	}
}
