package account

import "context"

// HoldHasher takes every turn to compute a password, until the function that it
// returns is called.
func (s *Service) HoldHasher() (release func()) {
	for range cap(s.hasher.turns) {
		s.hasher.turns <- struct{}{}
	}
	return func() {
		for range cap(s.hasher.turns) {
			<-s.hasher.turns
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
	s.entrance.mu.Lock()
	defer s.entrance.mu.Unlock()
	_, ok := s.entrance.known.Get(user)
	return ok
}

// EntranceWaiting is how many users wait to be asked for.
func (s *Service) EntranceWaiting() int {
	s.entrance.mu.Lock()
	defer s.entrance.mu.Unlock()
	return len(s.entrance.waiting)
}

// Sweep does the housekeeping that Run does every minute.
func (s *Service) Sweep(ctx context.Context) { s.clean(ctx) }
