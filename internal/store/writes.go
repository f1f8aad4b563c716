package store

import (
	"context"
	"database/sql"
)

// write runs f in a transaction and commits it; an error of f undoes what it did and
// comes back as it is. f is called at most once. It uses tx alone, and nothing else of
// the store: on SQLite it shares a commit with others, who wait for it.
func (s *Store) write(ctx context.Context, f func(tx *sql.Tx) error) error {
	return s.engine.change(ctx, s.writer, work{change: f})
}

// writeMarks is write for an f that moves read and delivery marks and nothing else.
func (s *Store) writeMarks(ctx context.Context, f func(tx *sql.Tx) error) error {
	return s.engine.change(ctx, s.writer, work{change: f, marksOnly: true})
}

// exec runs one statement of a transaction and tells how many rows it changed.
func exec(ctx context.Context, tx *sql.Tx, query string, args ...any) (affected int64, err error) {
	r, err := tx.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}
