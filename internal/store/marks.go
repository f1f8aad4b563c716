package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"pushd/internal/chat"
)

// maxDevices is how many devices of one user a conversation remembers; the one
// that is furthest behind is forgotten for another.
const maxDevices = 16

// Member implements chat.Conversations.
func (s *Store) Member(ctx context.Context, conv, user string) (chat.Member, error) {
	p, err := s.placeOf(ctx, user, conv)
	if err != nil {
		return chat.Member{}, err
	}
	return p.member, nil
}

// SetRead implements chat.Conversations.
func (s *Store) SetRead(ctx context.Context, conv, user string, seq uint64) (now uint64, moved bool, err error) {
	p, err := s.placeOf(ctx, user, conv)
	if err != nil {
		return 0, false, err
	}
	// Most marks that don't move are known here, and cost no write.
	seq = min(seq, p.MaxSeq)
	if seq <= p.member.ReadSeq || p.virtual {
		return p.member.ReadSeq, false, nil
	}
	err = s.writeMarks(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `UPDATE members SET read_seq = $3 WHERE conversation = $1 AND "user" = $2 AND read_seq < $3`, p.number, user, int64(seq))
		if err != nil {
			return fmt.Errorf("move a read mark: %w", err)
		}
		if n, err := result.RowsAffected(); err != nil || n > 0 {
			now, moved = seq, n > 0
			return err
		}
		// Somebody else was quicker, and got further.
		return tx.QueryRowContext(ctx, `SELECT read_seq FROM members WHERE conversation = $1 AND "user" = $2`, p.number, user).Scan(&now)
	})
	if errors.Is(err, sql.ErrNoRows) { // he was removed this moment
		err = noConversation()
	}
	return now, moved, err
}

// SetDelivered implements chat.Conversations.
func (s *Store) SetDelivered(ctx context.Context, conv, user, device string, seq uint64) (now uint64, moved bool, err error) {
	p, err := s.placeOf(ctx, user, conv)
	if err != nil {
		return 0, false, err
	}
	const have = `SELECT delivered FROM devices WHERE conversation = $1 AND "user" = $2 AND device = $3`
	err = s.cached.QueryRowContext(ctx, have, p.number, user, device).Scan(&now)
	known := err == nil
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, false, s.failure(err)
	}
	seq = min(seq, p.MaxSeq)
	if seq <= now {
		return now, false, nil
	}
	err = s.writeMarks(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `INSERT INTO devices (conversation, "user", device, delivered) VALUES ($1, $2, $3, $4)
			ON CONFLICT (conversation, "user", device) DO UPDATE SET delivered = excluded.delivered WHERE devices.delivered < excluded.delivered`,
			p.number, user, device, int64(seq))
		if err != nil {
			return fmt.Errorf("move a delivery mark: %w", err)
		}
		n, err := result.RowsAffected()
		if err != nil {
			return err
		}
		if moved = n > 0; !moved { // somebody else was quicker, and got further
			return tx.QueryRowContext(ctx, have, p.number, user, device).Scan(&now)
		}
		now = seq
		if known {
			return nil
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM devices WHERE conversation = $1 AND "user" = $2 AND device IN (
			SELECT device FROM devices WHERE conversation = $1 AND "user" = $2 AND device <> $3 ORDER BY delivered DESC, device LIMIT 1000 OFFSET $4)`,
			p.number, user, device, maxDevices-1)
		return err
	})
	return now, moved, err
}

// Readers implements chat.Conversations. The message's sender is in neither list,
// and neither are those who joined after it. An answer counts as reading.
func (s *Store) Readers(ctx context.Context, conv string, seq uint64, read bool, limit int, cursor string) (users []string, next string, total int, err error) {
	after, err := afterName(cursor)
	if err != nil {
		return nil, "", 0, err
	}
	number, err := s.conversation(ctx, conv)
	if err != nil {
		return nil, "", 0, err
	}
	const who = ` FROM members m WHERE m.conversation = $1 AND m.join_seq < $2 AND (m.read_seq >= $2 OR m.sent_seq >= $2) = $3
		AND m."user" <> COALESCE((SELECT sender FROM messages WHERE conversation = $1 AND seq = $2), '')`
	if err := s.cached.QueryRowContext(ctx, `SELECT COUNT(*)`+who, number, seqArg(seq), read).Scan(&total); err != nil {
		return nil, "", 0, s.failure(err)
	}
	users, err = textColumn(ctx, s.cached, `SELECT m."user"`+who+` AND m."user" > $4 ORDER BY m."user" LIMIT $5`, number, seqArg(seq), read, after, limit+1)
	users, next = cutPage(users, limit, func(user string) string { return user })
	return users, next, total, s.failure(err)
}

// HideConversation implements chat.Conversations.
func (s *Store) HideConversation(ctx context.Context, conv, user string) error {
	p, err := s.placeOf(ctx, user, conv)
	if err != nil || p.virtual {
		return err
	}
	return s.writeMarks(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE members SET hidden_seq = $3 WHERE conversation = $1 AND "user" = $2`, p.number, user, int64(p.MaxSeq)+1)
		if err != nil {
			return fmt.Errorf("hide a conversation: %w", err)
		}
		return nil
	})
}
