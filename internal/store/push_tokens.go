package store

import (
	"context"
	"database/sql"

	"pushd/internal/offline"
)

// PutPushToken implements offline.Tokens.
func (s *Store) PutPushToken(ctx context.Context, t offline.Token, limit int) (err error) {
	defer s.answer("push_token.put", &err)
	const (
		// The phone is this user's now, whoever had the token before. It is also the
		// user's own, under another name of the device.
		takeOver = `DELETE FROM push_tokens WHERE provider = $1 AND token = $2 AND NOT ("user" = $3 AND device = $4)`
		put      = `INSERT INTO push_tokens ("user", device, provider, platform, token, time) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT ("user", device) DO UPDATE SET provider = $3, platform = $4, token = $5, time = $6`
		trim = `DELETE FROM push_tokens WHERE "user" = $1 AND device <> $2 AND device NOT IN (
			SELECT device FROM push_tokens WHERE "user" = $1 AND device <> $2 ORDER BY time DESC, device LIMIT $3)`
	)
	return s.write(ctx, func(tx *sql.Tx) error {
		if _, err := exec(ctx, tx, takeOver, t.Provider, t.Token, t.User, t.Device); err != nil {
			return err
		}
		if _, err := exec(ctx, tx, put, t.User, t.Device, t.Provider, t.Platform, t.Token, t.Time); err != nil {
			return err
		}
		_, err := exec(ctx, tx, trim, t.User, t.Device, limit-1)
		return err
	})
}

// DeletePushToken implements offline.Tokens.
func (s *Store) DeletePushToken(ctx context.Context, user, device string) (there bool, err error) {
	defer s.answer("push_token.delete", &err)
	err = s.write(ctx, func(tx *sql.Tx) error {
		n, err := exec(ctx, tx, `DELETE FROM push_tokens WHERE "user" = $1 AND device = $2`, user, device)
		there = n > 0
		return err
	})
	return there, err
}

// PushTokens implements offline.Tokens.
func (s *Store) PushTokens(ctx context.Context, users []string) (_ []offline.Token, err error) {
	defer s.answer("push_token.list", &err)
	tokens := []offline.Token{}
	err = inChunks(users, func(part []string) error {
		names, args := placeholders(nil, part)
		rows, err := s.uncached.QueryContext(ctx, `SELECT "user", device, provider, platform, token, time FROM push_tokens
			WHERE "user" IN (`+names+`) ORDER BY "user", device`, args...)
		found, err := scanRows(rows, err, func(t *offline.Token) []any {
			return []any{&t.User, &t.Device, &t.Provider, &t.Platform, &t.Token, &t.Time}
		})
		tokens = append(tokens, found...)
		return err
	})
	if err != nil {
		return nil, err
	}
	return tokens, nil
}

// ForgetPushTokens implements offline.Tokens.
func (s *Store) ForgetPushTokens(ctx context.Context, tokens []offline.Token) (err error) {
	defer s.answer("push_token.forget", &err)
	const forget = `DELETE FROM push_tokens WHERE "user" = $1 AND device = $2 AND token = $3`
	return s.write(ctx, func(tx *sql.Tx) error {
		for _, t := range tokens {
			if _, err := exec(ctx, tx, forget, t.User, t.Device, t.Token); err != nil {
				return err
			}
		}
		return nil
	})
}
