package store

import (
	"context"
	"database/sql"
	"errors"

	"pushd/internal/account"
	"pushd/internal/codec"
)

const grantColumns = `id, "user", device, platform, address, hash, previous, created, used, expires`

func grantFields(g *account.Grant) []any {
	return []any{&g.ID, &g.User, &g.Device, &g.Platform, &g.Address, &g.Hash, &g.Previous, &g.Created, &g.Used, &g.Expires}
}

// CreateGrant implements account.Store.
func (s *Store) CreateGrant(ctx context.Context, g account.Grant) (err error) {
	defer s.answer("grant.create", &err)
	return s.write(ctx, func(tx *sql.Tx) error {
		_, err := exec(ctx, tx, `INSERT INTO grants (`+grantColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
			g.ID, g.User, g.Device, g.Platform, g.Address, g.Hash, g.Previous, g.Created, g.Used, g.Expires)
		return err
	})
}

// Grant implements account.Store.
func (s *Store) Grant(ctx context.Context, id string) (g account.Grant, err error) {
	defer s.answer("grant.find", &err)
	err = s.cached.QueryRowContext(ctx, `SELECT `+grantColumns+` FROM grants WHERE id = $1`, id).Scan(grantFields(&g)...)
	if errors.Is(err, sql.ErrNoRows) {
		return account.Grant{}, codec.Errorf(codec.CodeNotFound, "there is no such device")
	}
	return g, err
}

// RotateGrant implements account.Store.
func (s *Store) RotateGrant(ctx context.Context, id string, old, next []byte, now, expires int64) (err error) {
	defer s.answer("grant.rotate", &err)
	return s.write(ctx, func(tx *sql.Tx) error {
		n, err := exec(ctx, tx, `UPDATE grants SET previous = hash, hash = $3, used = $4, expires = $5
			WHERE id = $1 AND hash = $2`, id, old, next, now, expires)
		if err != nil || n > 0 {
			return err
		}
		return codec.Errorf(codec.CodeConflict, "the refresh token was used meanwhile")
	})
}

// Grants implements account.Store.
func (s *Store) Grants(ctx context.Context, user string) (_ []account.Grant, err error) {
	defer s.answer("grant.list", &err)
	const list = `SELECT ` + grantColumns + ` FROM grants WHERE "user" = $1 ORDER BY created DESC, id DESC`
	rows, err := s.cached.QueryContext(ctx, list, user)
	return scanRows(rows, err, grantFields)
}

// DeleteGrants implements account.Store.
func (s *Store) DeleteGrants(ctx context.Context, user string, ids ...string) (err error) {
	defer s.answer("grant.delete", &err)
	return s.write(ctx, func(tx *sql.Tx) error {
		if len(ids) == 0 {
			_, err := exec(ctx, tx, `DELETE FROM grants WHERE "user" = $1`, user)
			return err
		}
		return inChunks(ids, func(part []string) error {
			names, args := placeholders([]any{user}, part)
			_, err := exec(ctx, tx, `DELETE FROM grants WHERE "user" = $1 AND id IN (`+names+`)`, args...)
			return err
		})
	})
}

// ExpireGrants implements account.Store.
func (s *Store) ExpireGrants(ctx context.Context, now int64, limit int) (gone int, err error) {
	defer s.answer("grant.expire", &err)
	err = s.write(ctx, func(tx *sql.Tx) error {
		for _, statement := range []string{
			`DELETE FROM grants WHERE id IN (SELECT id FROM grants WHERE expires <= $1 LIMIT $2)`,
			`DELETE FROM revocations WHERE id IN (SELECT id FROM revocations WHERE expires <= $1 LIMIT $2)`,
		} {
			n, err := exec(ctx, tx, statement, now, limit)
			if err != nil {
				return err
			}
			gone += int(n)
		}
		return nil
	})
	return gone, err
}
