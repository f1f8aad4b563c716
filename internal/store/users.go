package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"pushd/internal/account"
	"pushd/internal/chat"
	"pushd/internal/codec"
)

var _ account.Store = (*Store)(nil)

const userColumns = `id, name, avatar, extra, hash, bot, disabled, external, created, last_seen`

func userFields(u *account.User) []any {
	return []any{&u.ID, &u.Name, &u.Avatar, (*jsonText)(&u.Extra), &u.Hash, &u.Bot, &u.Disabled, &u.External, &u.Created, &u.LastSeen}
}

// jsonText is JSON in a column of text, "" for none.
type jsonText json.RawMessage

// Scan implements sql.Scanner.
func (j *jsonText) Scan(value any) error {
	text, ok := value.(string)
	if !ok {
		return fmt.Errorf("a column of text holds a %T", value)
	}
	*j = nil
	if text != "" {
		*j = jsonText(text)
	}
	return nil
}

// oneUser reads a user, or is 404.
func oneUser(row *sql.Row, id string) (account.User, error) {
	var u account.User
	err := row.Scan(userFields(&u)...)
	if errors.Is(err, sql.ErrNoRows) {
		return account.User{}, codec.Errorf(codec.CodeNotFound, "there is no user %.128q", id)
	}
	return u, err
}

// CreateUser implements account.Store.
func (s *Store) CreateUser(ctx context.Context, u account.User) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, `INSERT INTO users (`+userColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING`,
			u.ID, u.Name, u.Avatar, string(u.Extra), u.Hash, u.Bot, u.Disabled, u.External, u.Created, u.LastSeen)
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n > 0 {
			return err
		}
		return codec.Errorf(codec.CodeConflict, "the user id %.128q is taken", u.ID)
	})
}

// EnsureUsers implements account.Store.
func (s *Store) EnsureUsers(ctx context.Context, ids []string, now int64) error {
	// In one order, so that two of these can't wait for each other.
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	if len(ids) == 0 {
		return nil
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		return chunked(ids, func(part []string) error {
			args := []any{now}
			var rows strings.Builder
			for i, id := range part {
				if i > 0 {
					rows.WriteByte(',')
				}
				args = append(args, id)
				fmt.Fprintf(&rows, "($%d, TRUE, $1)", len(args))
			}
			_, err := tx.ExecContext(ctx, `INSERT INTO users (id, external, created) VALUES `+rows.String()+` ON CONFLICT DO NOTHING`, args...)
			return err
		})
	})
}

// User implements account.Store.
func (s *Store) User(ctx context.Context, id string) (account.User, error) {
	u, err := oneUser(s.reads.QueryRowContext(ctx, `SELECT `+userColumns+` FROM users WHERE id = $1`, id), id)
	return u, s.failure(err)
}

// Users implements account.Store.
func (s *Store) Users(ctx context.Context, ids []string) ([]account.User, error) {
	found := []account.User{}
	err := chunked(ids, func(part []string) error {
		names, args := numbered(nil, part)
		rows, err := s.reads.QueryContext(ctx, `SELECT `+userColumns+` FROM users WHERE id IN (`+names+`)`, args...)
		users, err := scanAll(rows, err, userFields)
		found = append(found, users...)
		return err
	})
	if err != nil {
		return nil, s.failure(err)
	}
	return found, nil
}

// lastRune is behind every character that an id may have.
const lastRune = "\U0010FFFF"

// ListUsers implements account.Store.
func (s *Store) ListUsers(ctx context.Context, prefix string, limit int, cursor string) ([]account.User, string, error) {
	after, err := afterName(cursor)
	if err != nil {
		return nil, "", err
	}
	rows, err := s.reads.QueryContext(ctx, `SELECT `+userColumns+` FROM users WHERE id > $1 AND id >= $2 AND id < $3 ORDER BY id LIMIT $4`,
		after, prefix, prefix+lastRune, limit+1)
	users, err := scanAll(rows, err, userFields)
	if err != nil {
		return nil, "", s.failure(err)
	}
	page, next := cutPage(users, limit, func(u account.User) string { return u.ID })
	return page, next, nil
}

// ChangeUser implements account.Store.
func (s *Store) ChangeUser(ctx context.Context, id string, c account.UserChange) (u account.User, err error) {
	var sets []string
	args := []any{id}
	set := func(column string, value any) {
		args = append(args, value)
		sets = append(sets, fmt.Sprintf("%s = $%d", column, len(args)))
	}
	if c.Name != nil {
		set("name", *c.Name)
	}
	if c.Avatar != nil {
		set("avatar", *c.Avatar)
	}
	if c.Extra != nil {
		set("extra", string(*c.Extra))
	}
	if c.Disabled != nil {
		set("disabled", *c.Disabled)
	}
	if c.Hash != nil {
		set("hash", *c.Hash)
	}
	if len(sets) == 0 {
		return s.User(ctx, id)
	}
	where := `id = $1`
	if c.OldHash != nil {
		args = append(args, *c.OldHash)
		where += fmt.Sprintf(" AND hash = $%d", len(args))
	}
	err = s.write(ctx, func(tx *sql.Tx) error {
		u, err = oneUser(tx.QueryRowContext(ctx, `UPDATE users SET `+strings.Join(sets, ", ")+` WHERE `+where+` RETURNING `+userColumns, args...), id)
		if c.OldHash != nil && codec.AsError(err) != nil && codec.AsError(err).Code == codec.CodeNotFound {
			return codec.Errorf(codec.CodeConflict, "the password was changed meanwhile")
		}
		return err
	})
	return u, err
}

// DeleteUser implements account.Store. Groups that he owns go to the member of
// the highest role who is in them the longest.
func (s *Store) DeleteUser(ctx context.Context, id string) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		if _, err := oneUser(tx.QueryRowContext(ctx, `DELETE FROM users WHERE id = $1 RETURNING `+userColumns, id), id); err != nil {
			return err
		}
		owned, err := textColumn(ctx, tx, `SELECT id FROM groups WHERE owner = $1 ORDER BY id`, id)
		if err != nil {
			return err
		}
		const his = `conversation IN (SELECT conversation FROM members WHERE "user" = $1)`
		for _, statement := range []string{
			`UPDATE groups SET members = members - 1 WHERE ` + his,
			`DELETE FROM devices WHERE "user" = $1 AND ` + his,
			`DELETE FROM hidden WHERE "user" = $1 AND ` + his,
			`DELETE FROM members WHERE "user" = $1`,
			`DELETE FROM join_requests WHERE "user" = $1`,
			`DELETE FROM friends WHERE "user" = $1`,
			`DELETE FROM friends WHERE other = $1`,
			`DELETE FROM grants WHERE "user" = $1`,
			`DELETE FROM push_tokens WHERE "user" = $1`,
		} {
			if _, err := tx.ExecContext(ctx, statement, id); err != nil {
				return err
			}
		}
		for _, group := range owned {
			if err := inherit(ctx, tx, group); err != nil {
				return err
			}
		}
		return disownFiles(ctx, tx, id)
	})
}

// inherit gives a group whose owner has left its members to one of them, or to
// nobody.
func inherit(ctx context.Context, tx *sql.Tx, group string) error {
	var heir string
	err := tx.QueryRowContext(ctx, `UPDATE groups SET owner = COALESCE((SELECT m."user" FROM members m
		WHERE m.conversation = groups.conversation ORDER BY m.role DESC, m.since, m."user" LIMIT 1), '') WHERE id = $1 RETURNING owner`, group).Scan(&heir)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE members SET role = $1 WHERE "user" = $2 AND conversation = (SELECT conversation FROM groups WHERE id = $3)`,
		int(chat.RoleOwner), heir, group)
	return err
}

// SeenUsers implements account.Store.
func (s *Store) SeenUsers(ctx context.Context, lastSeen map[string]int64) error {
	if len(lastSeen) == 0 {
		return nil
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		update, err := tx.PrepareContext(ctx, `UPDATE users SET last_seen = $2 WHERE id = $1 AND last_seen < $2`)
		if err != nil {
			return err
		}
		for _, id := range slices.Sorted(maps.Keys(lastSeen)) {
			if _, err := update.ExecContext(ctx, id, lastSeen[id]); err != nil {
				return errors.Join(err, update.Close())
			}
		}
		return update.Close()
	})
}
