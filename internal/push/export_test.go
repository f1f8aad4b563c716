package push

import "context"

// Announce is what the service's goroutine does each second for
// Options.PresenceAnnounce.
func (s *Service) Announce(ctx context.Context) { s.announce(ctx) }
