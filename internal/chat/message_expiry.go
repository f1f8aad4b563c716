package chat

import (
	"context"
	"log/slog"
	"time"
)

// Bounds of removing what ran out.
const (
	expireEvery = 10 * time.Second
	expireBatch = 500 // messages in one transaction, so that sends get their turn between
)

// RunExpiry removes messages that ran out, until ctx ends. Readers don't see them
// from the moment they ran out, so there is no hurry.
func (s *Service) RunExpiry(ctx context.Context) {
	tick := time.NewTicker(expireEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.expire(ctx)
		}
	}
}

func (s *Service) expire(ctx context.Context) {
	for ctx.Err() == nil {
		n, err := s.store.Expire(ctx, s.now(), expireBatch)
		if err != nil {
			s.log.Warn("expired messages are still stored: clients don't see them, and the next turn removes them",
				slog.Any("error", err))
			return
		}
		if n < expireBatch {
			return
		}
	}
}
