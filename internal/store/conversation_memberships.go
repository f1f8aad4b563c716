package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"pushd/internal/chat"
)

// membership is a user's place in a conversation, and the conversation's state.
type membership struct {
	convID   int64 // 0 when nothing was ever said in it
	lastTime int64
	chat.Head
	member  chat.Member
	sentSeq uint64 // of the user's own last message
	virtual bool   // a member by right, without a row
}

const (
	// seenSeq is how far a member m has seen the conversation: by reading, by sending,
	// or because it was said before they joined. What is above it is unread.
	seenSeq = `CASE WHEN m.read_seq >= m.sent_seq AND m.read_seq >= m.join_seq THEN m.read_seq
		WHEN m.sent_seq >= m.join_seq THEN m.sent_seq ELSE m.join_seq END`

	// membershipColumns are what membership.fields takes, of members m and conversations
	// c. In a single chat the last but one and the one before tell how far the peer has
	// read, where an answer counts as reading, and what the peer's devices have.
	membershipColumns = `c.id, c.key, c.max_seq, c.rev, c.last_time, m."user", m.role, m.join_seq, m.read_seq, m.sent_seq,
		m.muted_until, m.remark, m.since,
		COALESCE(CASE WHEN c.key LIKE 's:%' THEN (
			SELECT CASE WHEN p.read_seq > p.sent_seq THEN p.read_seq ELSE p.sent_seq END
			FROM members p WHERE p.conversation = c.id AND p."user" <> m."user") END, 0),
		COALESCE(CASE WHEN c.key LIKE 's:%' THEN (
			SELECT MAX(d.delivered) FROM devices d WHERE d.conversation = c.id AND d."user" <> m."user") END, 0),
		EXISTS (SELECT 1 FROM mentions n
			WHERE n.conversation = c.id AND n."user" IN (m."user", '*') AND n.seq > ` + seenSeq + `)`

	membershipTables = ` FROM members m JOIN conversations c ON c.id = m.conversation`

	sqlMembership = `SELECT ` + membershipColumns + membershipTables + ` WHERE m."user" = $1 AND c.key = $2`
)

func (m *membership) fields() []any {
	return []any{
		&m.convID, &m.Conv, &m.MaxSeq, &m.Rev, &m.lastTime, &m.member.User, &m.member.Role, &m.member.JoinSeq,
		&m.member.ReadSeq, &m.sentSeq, &m.member.MutedUntil, &m.member.Remark, &m.member.Since,
		&m.PeerRead, &m.PeerGot, &m.Mentioned,
	}
}

// head completes what the columns don't say.
func (m *membership) head() chat.Head {
	h := m.Head
	h.Kind, _, _ = splitKey(h.Conv)
	h.JoinSeq, h.ReadSeq, h.LastTime = m.member.JoinSeq, m.member.ReadSeq, m.lastTime
	h.PeerGot = max(h.PeerGot, h.PeerRead)
	if seen := max(m.member.ReadSeq, m.sentSeq, m.member.JoinSeq); h.MaxSeq > seen {
		h.Unread = int(h.MaxSeq - seen)
	}
	return h
}

// membershipOf is one user's membership: 404 when there is no such conversation, or
// the user isn't in it. Every user is in the broadcasts and in their own notices, also
// before there are any.
func (s *Store) membershipOf(ctx context.Context, user, conv string) (*membership, error) {
	if conv == chat.Everyone {
		if err := s.joinBroadcasts(ctx, user); err != nil {
			return nil, err
		}
	}
	m := &membership{}
	err := s.cached.QueryRowContext(ctx, sqlMembership, user, conv).Scan(m.fields()...)
	switch {
	case err == nil:
		return m, nil
	case !errors.Is(err, sql.ErrNoRows):
		return nil, fmt.Errorf("find a membership: %w", err)
	}
	kind, users, ok := splitKey(conv)
	if !ok || kind != chat.KindBroadcast && (kind != chat.KindNotice || users[0] != user) {
		return nil, conversationNotFound()
	}
	m = &membership{virtual: true, Head: chat.Head{Conv: conv}, member: chat.Member{User: user, Role: chat.RoleMember}}
	// The notices may be older than the account, and meant for another one of the same
	// name that was deleted: the user joins behind them.
	const read = `SELECT id, max_seq, rev, last_time FROM conversations WHERE key = $1`
	err = s.cached.QueryRowContext(ctx, read, conv).Scan(&m.convID, &m.MaxSeq, &m.Rev, &m.lastTime)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("find a conversation: %w", err)
	}
	m.member.JoinSeq = m.MaxSeq
	return m, nil
}

// joinBroadcasts gives a user a row in the conversation of broadcasts when they are
// first seen after there is one, so that a broadcast writes nothing for each user. They
// join it where it stood when their account was made: what was said before is neither
// unread nor shown. Without an account they join it now.
func (s *Store) joinBroadcasts(ctx context.Context, user string) error {
	var convID, maxSeq int64
	var joined bool
	const find = `SELECT c.id, c.max_seq, m.join_seq IS NOT NULL FROM conversations c
		LEFT JOIN members m ON m.conversation = c.id AND m."user" = $1 WHERE c.key = 'b:all'`
	err := s.cached.QueryRowContext(ctx, find, user).Scan(&convID, &maxSeq, &joined)
	if errors.Is(err, sql.ErrNoRows) || err == nil && joined {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find the broadcasts: %w", err)
	}
	join, err := s.broadcastsBefore(ctx, user, convID, maxSeq)
	if err != nil {
		return fmt.Errorf("find the broadcasts before an account: %w", err)
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO members (conversation, "user", join_seq, since) VALUES ($1, $2, $3, $4)
			ON CONFLICT (conversation, "user") DO NOTHING`, convID, user, join, s.now())
		if err != nil {
			return fmt.Errorf("join the broadcasts: %w", err)
		}
		return nil
	})
}

// broadcastsBefore is the seq of the last broadcast before the user's account was
// made, maxSeq if there is none.
func (s *Store) broadcastsBefore(ctx context.Context, user string, convID, maxSeq int64) (seq int64, err error) {
	var created int64
	err = s.cached.QueryRowContext(ctx, `SELECT created FROM users WHERE id = $1`, user).Scan(&created)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return maxSeq, nil
	case err != nil:
		return 0, err
	}
	// From the newest backwards: for a new user the first row is the one.
	const last = `SELECT seq FROM messages WHERE conversation = $1 AND time <= $2
		ORDER BY conversation DESC, seq DESC LIMIT 1`
	err = s.cached.QueryRowContext(ctx, last, convID, created).Scan(&seq)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return seq, err
}
