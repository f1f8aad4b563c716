package account

import (
	"context"
	"slices"
)

// HoldHasher takes every turn to compute a password, until the function that it
// returns is called.
func (s *Service) HoldHasher() (release func()) {
	for range cap(s.hasher.slots) {
		s.hasher.slots <- struct{}{}
	}
	return func() {
		for range cap(s.hasher.slots) {
			<-s.hasher.slots
		}
	}
}

// HasherWaiting is how many wait for a turn.
func (s *Service) HasherWaiting() int { return int(s.hasher.waiting.Load()) }

// LockoutEntries is how much is remembered of wrong passwords.
func (s *Service) LockoutEntries() int {
	l := s.lockout
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.pairs.Len() + l.addresses.Len() + l.users.Len()
}

// Known tells whether a user would be let in without a query.
func (s *Service) Known(user string) bool {
	s.admission.mu.Lock()
	defer s.admission.mu.Unlock()
	_, ok := s.admission.known.Get(user)
	return ok
}

// AdmissionWaiting is how many users wait to be asked for.
func (s *Service) AdmissionWaiting() int {
	s.admission.mu.Lock()
	defer s.admission.mu.Unlock()
	return len(s.admission.waiting)
}

// Sweep does the housekeeping that Run does every minute.
func (s *Service) Sweep(ctx context.Context) { s.clean(ctx) }

// ID is the key id; "" when it has none.
func (k Key) ID() string { return k.id }

// Algorithm is one of the four algorithms.
func (k Key) Algorithm() string { return k.algorithm }

// All returns the known platforms in ascending order.
func (p *Platforms) All() []Platform { return slices.Clone(p.all) }
