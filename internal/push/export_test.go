package push

import (
	"context"

	"pushd/internal/account"
)

// Announce is what the service's goroutine does each second for
// Options.PresenceAnnounce.
func (s *Service) Announce(ctx context.Context) { s.announce(ctx) }

// Presence is what a node's PresenceChanged does.
func (s *Service) Presence(user string, platform account.Platform, online bool) {
	s.presenceChanged(PresenceChanged{user, platform, online})
}
