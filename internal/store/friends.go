package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"pushd/internal/chat"
	"pushd/internal/codec"
)

const friendColumns = `other, state, remark, text, blocked, since`

func friendFields(f *chat.Friend) []any {
	return []any{&f.User, &f.State, &f.Remark, &f.Text, &f.Blocked, &f.Since}
}

// Relation implements chat.Friends.
func (s *Store) Relation(ctx context.Context, user, other string) (f chat.Friend, err error) {
	defer s.answer("friend.find", &err)
	const find = `SELECT ` + friendColumns + ` FROM friends WHERE "user" = $1 AND other = $2`
	err = s.cached.QueryRowContext(ctx, find, user, other).Scan(friendFields(&f)...)
	if errors.Is(err, sql.ErrNoRows) {
		return chat.Friend{}, nil
	}
	return f, err
}

// AskFriend implements chat.Friends.
func (s *Store) AskFriend(
	ctx context.Context, user, other, text string, b chat.FriendBounds, now int64,
) (f chat.Friend, fresh bool, err error) {
	defer s.answer("friend.ask", &err)
	f, err = s.changePair(ctx, user, other, now, func(tx *sql.Tx, p *friendPair) error {
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
			fresh = true
			return befriend(ctx, tx, p, b, now)
		}
		fresh = true
		if err := checkEntries(ctx, tx, user, other, b.Entries); err != nil {
			return err
		}
		if err := checkRequests(ctx, tx, other, b.Requests); err != nil {
			return err
		}
		p.become(chat.FriendAsked, chat.FriendAsking, text, now)
		return nil
	})
	return f, fresh && err == nil, err
}

// AcceptFriend implements chat.Friends.
func (s *Store) AcceptFriend(
	ctx context.Context, user, other string, b chat.FriendBounds, now int64,
) (_ chat.Friend, err error) {
	defer s.answer("friend.accept", &err)
	return s.changePair(ctx, user, other, now, func(tx *sql.Tx, p *friendPair) error {
		if p.mine.State != chat.FriendAsking {
			return friendRequestNotFound(other)
		}
		return befriend(ctx, tx, p, b, now)
	})
}

// RefuseFriend implements chat.Friends.
func (s *Store) RefuseFriend(ctx context.Context, user, other string) (err error) {
	defer s.answer("friend.refuse", &err)
	_, err = s.changePair(ctx, user, other, 0, func(_ *sql.Tx, p *friendPair) error {
		if p.mine.State != chat.FriendAsking {
			return friendRequestNotFound(other)
		}
		p.end()
		return nil
	})
	return err
}

func friendRequestNotFound(other string) error {
	return codec.Errorf(codec.CodeNotFound, "no request of %.128s waits for an answer", other)
}

// RemoveFriend implements chat.Friends.
func (s *Store) RemoveFriend(ctx context.Context, user, other string) (was string, err error) {
	defer s.answer("friend.remove", &err)
	_, err = s.changePair(ctx, user, other, 0, func(_ *sql.Tx, p *friendPair) error {
		was = p.mine.State
		p.end()
		return nil
	})
	return was, err
}

// RemarkFriend implements chat.Friends.
func (s *Store) RemarkFriend(ctx context.Context, user, other, remark string) (f chat.Friend, err error) {
	defer s.answer("friend.remark", &err)
	const set = `UPDATE friends SET remark = $3 WHERE "user" = $1 AND other = $2 RETURNING ` + friendColumns
	err = s.write(ctx, func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, set, user, other, remark).Scan(friendFields(&f)...)
		if errors.Is(err, sql.ErrNoRows) {
			return codec.Errorf(codec.CodeNotFound, "%.128s is not in your list", other)
		}
		return err
	})
	return f, err
}

// Block implements chat.Friends.
func (s *Store) Block(
	ctx context.Context, user, other string, on bool, b chat.FriendBounds, now int64,
) (_ chat.Friend, err error) {
	defer s.answer("friend.block", &err)
	return s.changePair(ctx, user, other, now, func(tx *sql.Tx, p *friendPair) error {
		p.mine.Blocked = on
		if !on {
			return nil
		}
		if p.mine.State == chat.FriendAsked || p.mine.State == chat.FriendAsking {
			p.end()
		}
		return checkEntries(ctx, tx, user, other, b.Entries)
	})
}

// Blocking implements chat.Friends.
func (s *Store) Blocking(ctx context.Context, user string, others []string) (_ []string, err error) {
	defer s.answer("friend.blocking", &err)
	found := []string{}
	err = inChunks(others, func(part []string) error {
		names, args := placeholders([]any{user}, part)
		blocking, err := queryStrings(ctx, s.uncached, `SELECT "user" FROM friends
			WHERE other = $1 AND blocked AND "user" IN (`+names+`) ORDER BY "user"`, args...)
		found = append(found, blocking...)
		return err
	})
	return found, err
}

// FriendsOf implements chat.Friends.
func (s *Store) FriendsOf(
	ctx context.Context, user, state string, limit int, cursor string,
) (_ []chat.Friend, _ string, err error) {
	defer s.answer("friend.list", &err)
	after, err := decodeCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	rows, err := s.cached.QueryContext(ctx, `SELECT `+friendColumns+` FROM friends WHERE "user" = $1 AND other > $2
		AND (state = $3 OR $3 = '' OR $3 = 'blocked' AND blocked) ORDER BY other LIMIT $4`, user, after, state, limit+1)
	found, err := scanRows(rows, err, friendFields)
	if err != nil {
		return nil, "", err
	}
	page, next := cursorPage(found, limit, func(f chat.Friend) string { return f.User })
	return page, next, nil
}

// friendPair is how two users have each other in their lists, while a transaction
// has locked both rows.
type friendPair struct {
	user, other  string
	mine, theirs chat.Friend
}

// become gives both rows new states.
func (p *friendPair) become(mine, theirs, text string, now int64) {
	p.mine.State, p.mine.Text, p.mine.Since = mine, text, now
	p.theirs.State, p.theirs.Text, p.theirs.Since = theirs, text, now
}

// end takes a friendship or a request away. A name given to a friend goes with it.
func (p *friendPair) end() {
	for _, f := range []*chat.Friend{&p.mine, &p.theirs} {
		f.State, f.Text, f.Remark = chat.FriendNone, "", ""
	}
}

// changePair lets f change both rows. Rows that then say nothing are deleted.
func (s *Store) changePair(
	ctx context.Context, user, other string, now int64, f func(tx *sql.Tx, p *friendPair) error,
) (chat.Friend, error) {
	p := friendPair{user: user, other: other}
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
			const lock = `INSERT INTO friends ("user", other, state, since) VALUES ($1, $2, $3, $4)
				ON CONFLICT ("user", other) DO UPDATE SET other = excluded.other RETURNING ` + friendColumns
			err := tx.QueryRowContext(ctx, lock, side[0], side[1], chat.FriendNone, now).Scan(friendFields(row)...)
			if err != nil {
				return fmt.Errorf("lock a friendship: %w", err)
			}
		}
		if err := f(tx, &p); err != nil {
			return err
		}
		if err := saveFriend(ctx, tx, user, p.mine); err != nil {
			return err
		}
		return saveFriend(ctx, tx, other, p.theirs)
	})
	return p.mine, err
}

func saveFriend(ctx context.Context, tx *sql.Tx, user string, f chat.Friend) (err error) {
	if f.State == chat.FriendNone && !f.Blocked {
		_, err = exec(ctx, tx, `DELETE FROM friends WHERE "user" = $1 AND other = $2`, user, f.User)
	} else {
		_, err = exec(ctx, tx, `UPDATE friends SET state = $3, remark = $4, text = $5, blocked = $6, since = $7
			WHERE "user" = $1 AND other = $2`, user, f.User, f.State, f.Remark, f.Text, f.Blocked, f.Since)
	}
	if err != nil {
		return fmt.Errorf("save a friendship: %w", err)
	}
	return nil
}

// befriend makes friends of two users, of which the other one has asked: their list has
// room for certain, as the request counts.
func befriend(ctx context.Context, tx *sql.Tx, p *friendPair, b chat.FriendBounds, now int64) error {
	if err := checkEntries(ctx, tx, p.user, p.other, b.Entries); err != nil {
		return err
	}
	p.become(chat.FriendYes, chat.FriendYes, "", now)
	return nil
}

// checkEntries is 429 when the user's list can't take another entry of their own
// making: friends, requests to others, and blocks. Requests of others are not among
// them, so that strangers can't fill the list.
func checkEntries(ctx context.Context, tx *sql.Tx, user, other string, most int) error {
	if most == 0 {
		return nil
	}
	var n int
	const count = `SELECT COUNT(*) FROM friends
		WHERE "user" = $1 AND other <> $2 AND (state = 'friend' OR state = 'asked' OR blocked)`
	if err := tx.QueryRowContext(ctx, count, user, other).Scan(&n); err != nil {
		return fmt.Errorf("count a user's friends: %w", err)
	}
	if n >= most {
		return codec.Errorf(codec.CodeTooMany,
			"the list of %.128s is full with %d friends, requests and blocks: some have to be removed first", user, n)
	}
	return nil
}

// checkRequests is 429 when too many requests wait for the user's answer.
func checkRequests(ctx context.Context, tx *sql.Tx, user string, most int) error {
	if most == 0 {
		return nil
	}
	var n int
	const count = `SELECT COUNT(*) FROM friends WHERE "user" = $1 AND state = $2`
	if err := tx.QueryRowContext(ctx, count, user, chat.FriendAsking).Scan(&n); err != nil {
		return fmt.Errorf("count a user's requests: %w", err)
	}
	if n >= most {
		return codec.Errorf(codec.CodeTooMany, "%d requests wait for an answer of %.128s already: try again later", n, user)
	}
	return nil
}
