package store

import (
	"context"
	"database/sql"
	"errors"

	"pushd/internal/chat"
	"pushd/internal/codec"
)

const friendColumns = `other, state, remark, text, blocked, since`

func friendFields(f *chat.Friend) []any {
	return []any{&f.User, &f.State, &f.Remark, &f.Text, &f.Blocked, &f.Since}
}

// Relation implements chat.Friends.
func (s *Store) Relation(ctx context.Context, user, other string) (chat.Friend, error) {
	var f chat.Friend
	err := s.cached.QueryRowContext(ctx, `SELECT `+friendColumns+` FROM friends WHERE "user" = $1 AND other = $2`, user, other).Scan(friendFields(&f)...)
	if errors.Is(err, sql.ErrNoRows) {
		return chat.Friend{}, nil
	}
	return f, s.failure(err)
}

// pair is how two users have each other in their lists, while a transaction
// holds both rows.
type pair struct {
	user, other  string
	mine, theirs chat.Friend
}

// changePair lets f change both rows. Rows that then say nothing are deleted.
func (s *Store) changePair(ctx context.Context, user, other string, now int64, f func(ctx context.Context, tx *sql.Tx, p *pair) error) (chat.Friend, error) {
	p := pair{user: user, other: other}
	err := s.write(ctx, func(tx *sql.Tx) error {
		// Both rows are made first, in one order, so that two requests that cross wait
		// for each other instead of both finding nothing.
		a, b := min(user, other), max(user, other)
		for _, side := range [][2]string{{a, b}, {b, a}} {
			row := &p.mine
			if side[0] == other {
				row = &p.theirs
			}
			// One statement: between two, another transaction could delete the row.
			if err := tx.QueryRowContext(ctx, `INSERT INTO friends ("user", other, state, since) VALUES ($1, $2, $3, $4)
				ON CONFLICT ("user", other) DO UPDATE SET other = excluded.other RETURNING `+friendColumns,
				side[0], side[1], chat.FriendNone, now).Scan(friendFields(row)...); err != nil {
				return err
			}
		}
		if err := f(ctx, tx, &p); err != nil {
			return err
		}
		return errors.Join(saveFriend(ctx, tx, user, p.mine), saveFriend(ctx, tx, other, p.theirs))
	})
	return p.mine, err
}

func saveFriend(ctx context.Context, tx *sql.Tx, user string, f chat.Friend) error {
	if f.State == chat.FriendNone && !f.Blocked {
		_, err := tx.ExecContext(ctx, `DELETE FROM friends WHERE "user" = $1 AND other = $2`, user, f.User)
		return err
	}
	_, err := tx.ExecContext(ctx, `UPDATE friends SET state = $3, remark = $4, text = $5, blocked = $6, since = $7 WHERE "user" = $1 AND other = $2`,
		user, f.User, f.State, f.Remark, f.Text, f.Blocked, f.Since)
	return err
}

// become gives both rows new states.
func (p *pair) become(mine, theirs, text string, now int64) {
	p.mine.State, p.mine.Text, p.mine.Since = mine, text, now
	p.theirs.State, p.theirs.Text, p.theirs.Since = theirs, text, now
}

// end takes a friendship or a request away. A name given to a friend goes with it.
func (p *pair) end() {
	for _, f := range []*chat.Friend{&p.mine, &p.theirs} {
		f.State, f.Text, f.Remark = chat.FriendNone, "", ""
	}
}

// entries is how many of the user's own making his list holds without other: friends,
// requests of his, and blocks. What others ask of him is not among them, so that
// strangers can't fill it.
const entries = `SELECT COUNT(*) FROM friends WHERE "user" = $1 AND other <> $2 AND (state = 'friend' OR state = 'asked' OR blocked)`

// roomFor is 429 when the user's list can't take another entry.
func roomFor(ctx context.Context, tx *sql.Tx, user, other string, most int) error {
	if most == 0 {
		return nil
	}
	var n int
	if err := tx.QueryRowContext(ctx, entries, user, other).Scan(&n); err != nil {
		return err
	}
	if n >= most {
		return codec.Errorf(codec.CodeTooMany, "the list of %.128s is full with %d friends, requests and blocks: some have to be removed first", user, n)
	}
	return nil
}

// AskFriend implements chat.Friends.
func (s *Store) AskFriend(ctx context.Context, user, other, text string, b chat.FriendBounds, now int64) (f chat.Friend, fresh bool, err error) {
	f, err = s.changePair(ctx, user, other, now, func(ctx context.Context, tx *sql.Tx, p *pair) error {
		switch {
		case p.mine.Blocked:
			return codec.Errorf(codec.CodeConflict, "you have blocked %.128s: unblock first", other)
		case p.theirs.Blocked:
			return codec.Errorf(codec.CodeForbidden, "%.128s doesn't want to hear from you", other)
		}
		switch p.mine.State {
		case chat.FriendYes:
			return nil
		case chat.FriendAsked:
			p.mine.Text, p.theirs.Text = text, text
			return nil
		case chat.FriendAsking:
			if err := befriend(ctx, tx, p, b, now); err != nil {
				return err
			}
		default:
			if err := errors.Join(roomFor(ctx, tx, user, other, b.Entries), roomForRequest(ctx, tx, other, b.Requests)); err != nil {
				return err
			}
			p.become(chat.FriendAsked, chat.FriendAsking, text, now)
		}
		fresh = true
		return nil
	})
	return f, fresh, err
}

// roomForRequest is 429 when too many requests wait for the user's answer.
func roomForRequest(ctx context.Context, tx *sql.Tx, user string, most int) error {
	if most == 0 {
		return nil
	}
	var n int
	if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM friends WHERE "user" = $1 AND state = $2`, user, chat.FriendAsking).Scan(&n); err != nil {
		return err
	}
	if n >= most {
		return codec.Errorf(codec.CodeTooMany, "%d requests wait for an answer of %.128s already: try again later", n, user)
	}
	return nil
}

// befriend makes friends of two, of whom the other one has asked: only for him is
// there certainly room.
func befriend(ctx context.Context, tx *sql.Tx, p *pair, b chat.FriendBounds, now int64) error {
	if err := roomFor(ctx, tx, p.user, p.other, b.Entries); err != nil {
		return err
	}
	p.become(chat.FriendYes, chat.FriendYes, "", now)
	return nil
}

func noRequest(other string) error {
	return codec.Errorf(codec.CodeNotFound, "no request of %.128s waits for an answer", other)
}

// AcceptFriend implements chat.Friends.
func (s *Store) AcceptFriend(ctx context.Context, user, other string, b chat.FriendBounds, now int64) (chat.Friend, error) {
	return s.changePair(ctx, user, other, now, func(ctx context.Context, tx *sql.Tx, p *pair) error {
		if p.mine.State != chat.FriendAsking {
			return noRequest(other)
		}
		return befriend(ctx, tx, p, b, now)
	})
}

// RefuseFriend implements chat.Friends.
func (s *Store) RefuseFriend(ctx context.Context, user, other string) error {
	_, err := s.changePair(ctx, user, other, 0, func(_ context.Context, _ *sql.Tx, p *pair) error {
		if p.mine.State != chat.FriendAsking {
			return noRequest(other)
		}
		p.end()
		return nil
	})
	return err
}

// RemoveFriend implements chat.Friends.
func (s *Store) RemoveFriend(ctx context.Context, user, other string) (was string, err error) {
	_, err = s.changePair(ctx, user, other, 0, func(_ context.Context, _ *sql.Tx, p *pair) error {
		was = p.mine.State
		p.end()
		return nil
	})
	return was, err
}

// RemarkFriend implements chat.Friends.
func (s *Store) RemarkFriend(ctx context.Context, user, other, remark string) (chat.Friend, error) {
	var f chat.Friend
	err := s.write(ctx, func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, `UPDATE friends SET remark = $3 WHERE "user" = $1 AND other = $2 RETURNING `+friendColumns, user, other, remark).
			Scan(friendFields(&f)...)
		if errors.Is(err, sql.ErrNoRows) {
			return codec.Errorf(codec.CodeNotFound, "%.128s is not in your list", other)
		}
		return err
	})
	return f, err
}

// Block implements chat.Friends.
func (s *Store) Block(ctx context.Context, user, other string, on bool, b chat.FriendBounds, now int64) (chat.Friend, error) {
	return s.changePair(ctx, user, other, now, func(ctx context.Context, tx *sql.Tx, p *pair) error {
		p.mine.Blocked = on
		if !on {
			return nil
		}
		if p.mine.State == chat.FriendAsked || p.mine.State == chat.FriendAsking {
			p.end()
		}
		return roomFor(ctx, tx, user, other, b.Entries)
	})
}

// Blocking implements chat.Friends.
func (s *Store) Blocking(ctx context.Context, user string, others []string) ([]string, error) {
	found := []string{}
	err := chunked(others, func(part []string) error {
		names, args := numbered([]any{user}, part)
		some, err := textColumn(ctx, s.reads, `SELECT "user" FROM friends WHERE other = $1 AND blocked AND "user" IN (`+names+`) ORDER BY "user"`, args...)
		found = append(found, some...)
		return err
	})
	return found, s.failure(err)
}

// FriendsOf implements chat.Friends.
func (s *Store) FriendsOf(ctx context.Context, user, state string, limit int, cursor string) ([]chat.Friend, string, error) {
	after, err := afterName(cursor)
	if err != nil {
		return nil, "", err
	}
	rows, err := s.reads.QueryContext(ctx, `SELECT `+friendColumns+` FROM friends WHERE "user" = $1 AND other > $2
		AND (state = $3 OR $3 = '' OR $3 = 'blocked' AND blocked) ORDER BY other LIMIT $4`, user, after, state, limit+1)
	found, err := scanAll(rows, err, friendFields)
	if err != nil {
		return nil, "", s.failure(err)
	}
	page, next := cutPage(found, limit, func(f chat.Friend) string { return f.User })
	return page, next, nil
}
