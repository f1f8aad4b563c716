package store

import (
	"context"
	"database/sql"

	"pushd/internal/offline"
)

var _ offline.Tokens = (*Store)(nil)

// PutPushToken implements offline.Tokens.
func (s *Store) PutPushToken(ctx context.Context, t offline.Token, limit int) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		for _, q := range []struct {
			text string
			args []any
		}{
			// Whoever else had this token: the phone is this user's now. It is also the
			// user's own, under another name of the device.
			{`DELETE FROM push_tokens WHERE provider = $1 AND token = $2 AND NOT ("user" = $3 AND device = $4)`, []any{t.Provider, t.Token, t.User, t.Device}},
			{`INSERT INTO push_tokens ("user", device, provider, platform, token, time) VALUES ($1, $2, $3, $4, $5, $6)
				ON CONFLICT ("user", device) DO UPDATE SET provider = $3, platform = $4, token = $5, time = $6`, []any{t.User, t.Device, t.Provider, t.Platform, t.Token, t.Time}},
			{`DELETE FROM push_tokens WHERE "user" = $1 AND device <> $2 AND device NOT IN (
				SELECT device FROM push_tokens WHERE "user" = $1 AND device <> $2 ORDER BY time DESC, device LIMIT $3)`, []any{t.User, t.Device, limit - 1}},
		} {
			if _, err := tx.ExecContext(ctx, q.text, q.args...); err != nil {
				return err
			}
		}
		return nil
	})
}

// DeletePushToken implements offline.Tokens.
func (s *Store) DeletePushToken(ctx context.Context, user, device string) (there bool, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, `DELETE FROM push_tokens WHERE "user" = $1 AND device = $2`, user, device)
		if err != nil {
			return err
		}
		n, err := r.RowsAffected()
		there = n > 0
		return err
	})
	return there, err
}

// PushTokens implements offline.Tokens.
func (s *Store) PushTokens(ctx context.Context, users []string) ([]offline.Token, error) {
	tokens := []offline.Token{}
	err := chunked(users, func(some []string) error {
		in, args := numbered(nil, some)
		rows, err := s.reads.QueryContext(ctx, `SELECT "user", device, provider, platform, token, time FROM push_tokens
			WHERE "user" IN (`+in+`) ORDER BY "user", device`, args...)
		found, err := scanAll(rows, err, func(t *offline.Token) []any {
			return []any{&t.User, &t.Device, &t.Provider, &t.Platform, &t.Token, &t.Time}
		})
		tokens = append(tokens, found...)
		return err
	})
	if err != nil {
		return nil, s.failure(err)
	}
	return tokens, nil
}

// ForgetPushTokens implements offline.Tokens.
func (s *Store) ForgetPushTokens(ctx context.Context, tokens []offline.Token) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		for _, t := range tokens {
			if _, err := tx.ExecContext(ctx, `DELETE FROM push_tokens WHERE "user" = $1 AND device = $2 AND token = $3`, t.User, t.Device, t.Token); err != nil {
				return err
			}
		}
		return nil
	})
}
