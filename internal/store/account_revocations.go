package store

import (
	"context"
	"database/sql"

	"pushd/internal/account"
)

// revocationsKey is the key under which revocations are serialized: any that nothing
// else uses.
const revocationsKey = 7_316_505_248

// Revoke implements account.Store. Revocations become visible in the order of
// their ids, since readers go on from the last that they have seen: PostgreSQL
// gives ids before it commits, so that there one waits for another.
func (s *Store) Revoke(ctx context.Context, revoked ...account.Revocation) (err error) {
	defer s.answer("revocation.create", &err)
	if len(revoked) == 0 {
		return nil
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		if err := s.engine.serialize(ctx, tx, revocationsKey); err != nil {
			return err
		}
		for _, r := range revoked {
			_, err := exec(ctx, tx, `INSERT INTO revocations (grant_id, "user", before, expires) VALUES ($1, $2, $3, $4)`,
				r.Grant, r.User, r.Before, r.Expires)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Revocations implements account.Store.
func (s *Store) Revocations(ctx context.Context, after, now int64) (_ []account.Revocation, err error) {
	defer s.answer("revocation.list", &err)
	rows, err := s.cached.QueryContext(ctx, `SELECT id, grant_id, "user", before, expires FROM revocations
		WHERE id > $1 AND expires > $2 ORDER BY id`, after, now)
	return scanRows(rows, err, func(r *account.Revocation) []any {
		return []any{&r.ID, &r.Grant, &r.User, &r.Before, &r.Expires}
	})
}
