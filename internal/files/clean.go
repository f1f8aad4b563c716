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

// Run removes unused files every ten minutes until ctx ends.
func (s *Service) Run(ctx context.Context) {
	t := time.NewTicker(cleanEvery)
	defer t.Stop()
	for {
		if removed, err := s.Clean(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("some unused files are not removed; it is tried again in ten minutes",
				slog.Any("error", err), slog.Int("removed", removed))
		} else if removed > 0 {
			s.log.Info("unused files removed", slog.Int("removed", removed))
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// Clean removes the files that no message has carried for too long, the uploads that
// were never finished, and the rest of files that could not be removed as a whole. It
// returns how many. Several nodes may do it at once.
func (s *Service) Clean(ctx context.Context) (removed int, err error) {
	now := s.opts.Clock()
	for {
		uploading, unattached := now.Add(-uploadTime).UnixMilli(), now.Add(-s.opts.Unattached).UnixMilli()
		ids, err := s.store.CondemnStale(ctx, uploading, unattached, cleanBatch)
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
		// Those that failed would be found again at once, so the rest waits for the next
		// time.
		if failed != nil || len(ids) < cleanBatch {
			return removed, failed
		}
	}
}

func logFile(id string) slog.Attr { return slog.String("file", id) }
