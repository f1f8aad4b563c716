package push

import (
	"pushd/internal/account"
	"pushd/internal/events"
)

// PresenceChanged is published by a node when a user comes online on a platform, with
// the first session there, or goes offline, with the last. It is published on an event
// loop, and User is valid until the handlers return.
type PresenceChanged struct {
	User     string
	Platform account.Platform
	Online   bool
}

// subscribe has the service told who comes and goes.
func (s *Service) subscribe(bus *events.Bus) {
	self := bus.Inline("push", events.Limit{
		Bound: "users of one digest", AtBound: "a digest counts further users without naming them",
	})
	events.On(self, s.presenceChanged)
}

// presenceChanged never blocks and does not retain the user.
func (s *Service) presenceChanged(e PresenceChanged) {
	if e.Online {
		s.held.arrived(e.User)
	}
	if s.watched.Load() {
		s.changes.record(e.User, e.Platform, e.Online)
	}
	if s.announces {
		s.announced.record(e.User, e.Platform, e.Online)
	}
}
