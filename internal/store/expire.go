package store

import (
	"context"
	"database/sql"
	"fmt"

	"pushd/internal/chat"
)

// expireAtOnce is how many messages one transaction empties: on SQLite senders
// wait for it.
const expireAtOnce = 100

// Expire implements chat.Messages.
func (s *Store) Expire(ctx context.Context, now int64, limit int) (removed int, err error) {
	for removed < limit {
		n, err := s.expireSome(ctx, now, min(expireAtOnce, limit-removed))
		if err != nil {
			return removed, err
		}
		removed += n
		if n < expireAtOnce {
			break
		}
	}
	return removed, nil
}

func (s *Store) expireSome(ctx context.Context, now int64, limit int) (removed int, err error) {
	// Asked without the writer first: mostly there is nothing.
	const due = `FROM messages m WHERE m.expires > 0 AND m.expires <= $1`
	var some bool
	if err := s.cached.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 `+due+`)`, now).Scan(&some); err != nil || !some {
		return 0, s.failure(err)
	}
	lock := ""
	if s.engine == postgres {
		lock = ` FOR UPDATE SKIP LOCKED` // another node may be at it
	}
	err = s.write(ctx, func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT m.conversation, m.seq, m.id, m.mention, m.edited `+due+` ORDER BY m.expires LIMIT $2`+lock, now, limit)
		found, err := scanAll(rows, err, func(r *row) []any { return []any{&r.number, &r.Seq, &r.ID, &r.mention, &r.Edited} })
		if err != nil {
			return fmt.Errorf("find what ran out: %w", err)
		}
		for i := range found {
			if err := s.empty(ctx, tx, &found[i], chat.TypeGone); err != nil {
				return err
			}
		}
		removed = len(found)
		return nil
	})
	return removed, err
}
