package files

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

const (
	cleanEvery = 10 * time.Minute
	cleanBatch = 500
)

// Run cleans every ten minutes until ctx ends.
func (s *Service) Run(ctx context.Context) {
	t := time.NewTicker(cleanEvery)
	defer t.Stop()
	for {
		if removed, err := s.Clean(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("files were not cleaned", logError(err), slog.Int("removed", removed))
		} else if removed > 0 {
			s.log.Info("files were cleaned", slog.Int("removed", removed))
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// Clean removes the files that no message carries after the time for that, the
// uploads that came to nothing, and what was deleted and could not be erased then.
// It tells how many. Several nodes may do it at once.
func (s *Service) Clean(ctx context.Context) (removed int, err error) {
	now := s.opts.Clock()
	for {
		ids, err := s.store.CondemnStale(ctx, now.Add(-uploadTime).UnixMilli(), now.Add(-s.opts.Unattached).UnixMilli(), cleanBatch)
		if err != nil {
			return removed, err
		}
		var failed error
		for _, id := range ids {
			if err := s.erase(ctx, id); err != nil {
				failed = errors.Join(failed, err)
				continue
			}
			removed++
		}
		// What failed would be found again at once, so the rest waits for the next time.
		if failed != nil || len(ids) < cleanBatch {
			return removed, failed
		}
	}
}

func logFile(id string) slog.Attr  { return slog.String("file", id) }
func logError(err error) slog.Attr { return slog.String("error", describe(err)) }
