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
func (s *Store) Member(ctx context.Context, conv, user string) (_ chat.Member, err error) {
	defer s.answer("conversation.member", &err)
	m, err := s.membershipOf(ctx, user, conv)
	if err != nil {
		return chat.Member{}, err
	}
	return m.member, nil
}

// SetRead implements chat.Conversations.
func (s *Store) SetRead(ctx context.Context, conv, user string, seq uint64) (now uint64, moved bool, err error) {
	defer s.answer("conversation.set_read", &err)
	m, err := s.membershipOf(ctx, user, conv)
	if err != nil {
		return 0, false, err
	}
	// Most marks that don't move are known here, and cost no write.
	seq = min(seq, m.MaxSeq)
	if seq <= m.member.ReadSeq || m.virtual {
		return m.member.ReadSeq, false, nil
	}
	const (
		move = `UPDATE members SET read_seq = $3 WHERE conversation = $1 AND "user" = $2 AND read_seq < $3`
		read = `SELECT read_seq FROM members WHERE conversation = $1 AND "user" = $2`
	)
	err = s.writeMarks(ctx, func(tx *sql.Tx) error {
		n, err := exec(ctx, tx, move, m.convID, user, int64(seq))
		if err != nil {
			return fmt.Errorf("move a read mark: %w", err)
		}
		if moved = n > 0; moved {
			now = seq
			return nil
		}
		// Another request was quicker, and got further.
		return tx.QueryRowContext(ctx, read, m.convID, user).Scan(&now)
	})
	if errors.Is(err, sql.ErrNoRows) { // the user was removed this moment
		err = conversationNotFound()
	}
	return now, moved, err
}

// SetDelivered implements chat.Conversations.
func (s *Store) SetDelivered(
	ctx context.Context, conv, user, device string, seq uint64,
) (now uint64, moved bool, err error) {
	defer s.answer("conversation.set_delivered", &err)
	m, err := s.membershipOf(ctx, user, conv)
	if err != nil {
		return 0, false, err
	}
	const read = `SELECT delivered FROM devices WHERE conversation = $1 AND "user" = $2 AND device = $3`
	err = s.cached.QueryRowContext(ctx, read, m.convID, user, device).Scan(&now)
	known := err == nil
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, false, err
	}
	seq = min(seq, m.MaxSeq)
	if seq <= now {
		return now, false, nil
	}
	const (
		move = `INSERT INTO devices (conversation, "user", device, delivered) VALUES ($1, $2, $3, $4)
			ON CONFLICT (conversation, "user", device) DO UPDATE SET delivered = excluded.delivered
			WHERE devices.delivered < excluded.delivered`
		forget = `DELETE FROM devices WHERE conversation = $1 AND "user" = $2 AND device IN (
			SELECT device FROM devices WHERE conversation = $1 AND "user" = $2 AND device <> $3
			ORDER BY delivered DESC, device LIMIT 1000 OFFSET $4)`
	)
	err = s.writeMarks(ctx, func(tx *sql.Tx) error {
		n, err := exec(ctx, tx, move, m.convID, user, device, int64(seq))
		if err != nil {
			return fmt.Errorf("move a delivery mark: %w", err)
		}
		if moved = n > 0; !moved { // another request was quicker, and got further
			return tx.QueryRowContext(ctx, read, m.convID, user, device).Scan(&now)
		}
		now = seq
		if known {
			return nil
		}
		_, err = exec(ctx, tx, forget, m.convID, user, device, maxDevices-1)
		return err
	})
	return now, moved, err
}

// Readers implements chat.Conversations. The message's sender is in neither list,
// and neither are those who joined after it. An answer counts as reading.
func (s *Store) Readers(
	ctx context.Context, conv string, seq uint64, read bool, limit int, cursor string,
) (users []string, next string, total int, err error) {
	defer s.answer("conversation.readers", &err)
	after, err := decodeCursor(cursor)
	if err != nil {
		return nil, "", 0, err
	}
	convID, err := s.conversationID(ctx, conv)
	if err != nil {
		return nil, "", 0, err
	}
	const readers = ` FROM members m
		WHERE m.conversation = $1 AND m.join_seq < $2 AND (m.read_seq >= $2 OR m.sent_seq >= $2) = $3
		AND m."user" <> COALESCE((SELECT sender FROM messages WHERE conversation = $1 AND seq = $2), '')`
	err = s.cached.QueryRowContext(ctx, `SELECT COUNT(*)`+readers, convID, seqArg(seq), read).Scan(&total)
	if err != nil {
		return nil, "", 0, err
	}
	users, err = queryStrings(ctx, s.cached, `SELECT m."user"`+readers+` AND m."user" > $4 ORDER BY m."user" LIMIT $5`,
		convID, seqArg(seq), read, after, limit+1)
	users, next = cursorPage(users, limit, func(user string) string { return user })
	return users, next, total, err
}

// HideConversation implements chat.Conversations.
func (s *Store) HideConversation(ctx context.Context, conv, user string) (err error) {
	defer s.answer("conversation.hide", &err)
	m, err := s.membershipOf(ctx, user, conv)
	if err != nil || m.virtual {
		return err
	}
	return s.writeMarks(ctx, func(tx *sql.Tx) error {
		_, err := exec(ctx, tx, `UPDATE members SET hidden_seq = $3 WHERE conversation = $1 AND "user" = $2`,
			m.convID, user, int64(m.MaxSeq)+1)
		return err
	})
}
