package store

import (
	"context"
	"database/sql"

	"pushd/internal/account"
)

// revocationsLock is the number of the advisory lock under which revocations are
// made: any that nobody else uses.
const revocationsLock = 7_316_505_248

// Revoke implements account.Store. Revocations become visible in the order of
// their ids, since readers go on from the last that they have seen: PostgreSQL
// gives ids before it commits, so there makers wait for one another.
func (s *Store) Revoke(ctx context.Context, revoked ...account.Revocation) error {
	if len(revoked) == 0 {
		return nil
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		if s.engine == postgres {
			if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(revocationsLock)); err != nil {
				return err
			}
		}
		for _, r := range revoked {
			if _, err := tx.ExecContext(ctx, `INSERT INTO revocations (grant_id, "user", before, expires) VALUES ($1, $2, $3, $4)`,
				r.Grant, r.User, r.Before, r.Expires); err != nil {
				return err
			}
		}
		return nil
	})
}

// Revocations implements account.Store.
func (s *Store) Revocations(ctx context.Context, after, now int64) ([]account.Revocation, error) {
	rows, err := s.reads.QueryContext(ctx, `SELECT id, grant_id, "user", before, expires FROM revocations WHERE id > $1 AND expires > $2 ORDER BY id`, after, now)
	found, err := scanAll(rows, err, func(r *account.Revocation) []any {
		return []any{&r.ID, &r.Grant, &r.User, &r.Before, &r.Expires}
	})
	return found, s.failure(err)
}
