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

const sqlExpired = ` FROM messages m WHERE m.expires > 0 AND m.expires <= $1`

// Expire implements chat.Messages.
func (s *Store) Expire(ctx context.Context, now int64, limit int) (removed int, err error) {
	defer s.answer("message.expire", &err)
	for removed < limit {
		n, err := s.expireBatch(ctx, now, min(expireAtOnce, limit-removed))
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

func (s *Store) expireBatch(ctx context.Context, now int64, limit int) (removed int, err error) {
	// Asked without the writer first: mostly there is nothing.
	var due bool
	if err := s.cached.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1`+sqlExpired+`)`, now).Scan(&due); err != nil || !due {
		return 0, err
	}
	// Another node may be at it, and holds what it has found.
	find := `SELECT m.conversation, m.seq, m.id, m.mention, m.edited` + sqlExpired +
		` ORDER BY m.expires LIMIT $2` + s.engine.lockClause(true)
	err = s.write(ctx, func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, find, now, limit)
		found, err := scanRows(rows, err, func(r *messageRow) []any {
			return []any{&r.convID, &r.Seq, &r.ID, &r.mention, &r.Edited}
		})
		if err != nil {
			return fmt.Errorf("find what has expired: %w", err)
		}
		for i := range found {
			if err := s.clearContent(ctx, tx, &found[i], chat.TypeGone); err != nil {
				return err
			}
		}
		removed = len(found)
		return nil
	})
	return removed, err
}
