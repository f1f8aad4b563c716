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
	"pushd/internal/codec"
)

const userColumns = `id, name, avatar, extra, hash, bot, disabled, external, created, last_seen`

func userFields(u *account.User) []any {
	return []any{
		&u.ID, &u.Name, &u.Avatar, (*jsonText)(&u.Extra), &u.Hash, &u.Bot, &u.Disabled, &u.External, &u.Created, &u.LastSeen,
	}
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
		return account.User{}, userNotFound(id)
	}
	return u, err
}

func userNotFound(id string) error {
	return codec.Errorf(codec.CodeNotFound, "there is no user %.128q", id)
}

// CreateUser implements account.Store.
func (s *Store) CreateUser(ctx context.Context, u account.User) (err error) {
	defer s.answer("user.create", &err)
	return s.write(ctx, func(tx *sql.Tx) error {
		n, err := exec(ctx, tx, `INSERT INTO users (`+userColumns+`)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING`,
			u.ID, u.Name, u.Avatar, string(u.Extra), u.Hash, u.Bot, u.Disabled, u.External, u.Created, u.LastSeen)
		if err != nil || n > 0 {
			return err
		}
		return codec.Errorf(codec.CodeConflict, "the user id %.128q is taken", u.ID)
	})
}

// EnsureUsers implements account.Store.
func (s *Store) EnsureUsers(ctx context.Context, ids []string, now int64) (err error) {
	defer s.answer("user.ensure", &err)
	ids = distinct(ids)
	if len(ids) == 0 {
		return nil
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		return inChunks(ids, func(part []string) error {
			rows, args := valueRows("(%s, TRUE, $1)", []any{now}, part)
			_, err := exec(ctx, tx, `INSERT INTO users (id, external, created) VALUES `+rows+` ON CONFLICT DO NOTHING`, args...)
			return err
		})
	})
}

// User implements account.Store.
func (s *Store) User(ctx context.Context, id string) (_ account.User, err error) {
	defer s.answer("user.find", &err)
	return oneUser(s.cached.QueryRowContext(ctx, `SELECT `+userColumns+` FROM users WHERE id = $1`, id), id)
}

// Users implements account.Store.
func (s *Store) Users(ctx context.Context, ids []string) (_ []account.User, err error) {
	defer s.answer("user.find_many", &err)
	found := []account.User{}
	err = inChunks(ids, func(part []string) error {
		names, args := placeholders(nil, part)
		rows, err := s.uncached.QueryContext(ctx, `SELECT `+userColumns+` FROM users WHERE id IN (`+names+`)`, args...)
		users, err := scanRows(rows, err, userFields)
		found = append(found, users...)
		return err
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// lastRune is behind every character that an id may have.
const lastRune = "\U0010FFFF"

// ListUsers implements account.Store.
func (s *Store) ListUsers(
	ctx context.Context, prefix string, limit int, cursor string,
) (_ []account.User, _ string, err error) {
	defer s.answer("user.list", &err)
	after, err := decodeCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	rows, err := s.cached.QueryContext(ctx, `SELECT `+userColumns+` FROM users
		WHERE id > $1 AND id >= $2 AND id < $3 ORDER BY id LIMIT $4`, after, prefix, prefix+lastRune, limit+1)
	users, err := scanRows(rows, err, userFields)
	if err != nil {
		return nil, "", err
	}
	page, next := cursorPage(users, limit, func(u account.User) string { return u.ID })
	return page, next, nil
}

// ChangeUser implements account.Store.
func (s *Store) ChangeUser(ctx context.Context, id string, c account.UserChange) (u account.User, err error) {
	defer s.answer("user.change", &err)
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
		update := `UPDATE users SET ` + strings.Join(sets, ", ") + ` WHERE ` + where + ` RETURNING ` + userColumns
		u, err = oneUser(tx.QueryRowContext(ctx, update, args...), id)
		if e := codec.AsError(err); e != nil && e.Code == codec.CodeNotFound && c.OldHash != nil {
			return codec.Errorf(codec.CodeConflict, "the password was changed meanwhile")
		}
		return err
	})
	return u, err
}

// DeleteUser implements account.Store. Groups that the user owns go to the member with
// the highest role who is in them the longest.
func (s *Store) DeleteUser(ctx context.Context, id string) (err error) {
	defer s.answer("user.delete", &err)
	return s.write(ctx, func(tx *sql.Tx) error {
		n, err := exec(ctx, tx, `DELETE FROM users WHERE id = $1`, id)
		if err != nil {
			return err
		}
		if n == 0 {
			return userNotFound(id)
		}
		owned, err := queryStrings(ctx, tx, `SELECT id FROM groups WHERE owner = $1 ORDER BY id`, id)
		if err != nil {
			return err
		}
		const theirs = `conversation IN (SELECT conversation FROM members WHERE "user" = $1)`
		for _, statement := range []string{
			`UPDATE groups SET members = members - 1 WHERE ` + theirs,
			`UPDATE group_revisions SET revision = revision + 1 WHERE id IN (SELECT id FROM groups WHERE ` + theirs + `)`,
			`DELETE FROM devices WHERE "user" = $1 AND ` + theirs,
			`DELETE FROM hidden WHERE "user" = $1 AND ` + theirs,
			`DELETE FROM members WHERE "user" = $1`,
			`DELETE FROM join_requests WHERE "user" = $1`,
			`DELETE FROM friends WHERE "user" = $1`,
			`DELETE FROM friends WHERE other = $1`,
			`DELETE FROM grants WHERE "user" = $1`,
			`DELETE FROM push_tokens WHERE "user" = $1`,
		} {
			if _, err := exec(ctx, tx, statement, id); err != nil {
				return err
			}
		}
		for _, group := range owned {
			if err := passOnGroup(ctx, tx, group); err != nil {
				return err
			}
		}
		return disownFiles(ctx, tx, id)
	})
}

// SeenUsers implements account.Store.
func (s *Store) SeenUsers(ctx context.Context, lastSeen map[string]int64) (err error) {
	defer s.answer("user.seen", &err)
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
