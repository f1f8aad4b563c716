package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"pushd/internal/chat"
)

// seat is a user's place in a conversation, and the conversation's state.
type seat struct {
	number   int64 // the conversation's; 0 when nothing was ever said in it
	lastTime int64
	chat.Head
	member  chat.Member
	sent    uint64
	virtual bool // there is no row of it
}

// floor is an SQL expression for how far a member m has seen his conversation, by
// reading, by sending, or because it was before his time. What is above it is unread.
const floor = `CASE WHEN m.read_seq >= m.sent_seq AND m.read_seq >= m.join_seq THEN m.read_seq
	WHEN m.sent_seq >= m.join_seq THEN m.sent_seq ELSE m.join_seq END`

// seatColumns are what seat.fields takes, of members m and conversations c. Of the
// other one in a single chat it tells how far he has read, where an answer of his
// counts as reading, and what his devices have.
const seatColumns = `c.id, c.key, c.max_seq, c.rev, c.last_time, m."user", m.role, m.join_seq, m.read_seq, m.sent_seq, m.muted_until, m.remark, m.since,
	COALESCE(CASE WHEN c.key LIKE 's:%' THEN (SELECT CASE WHEN p.read_seq > p.sent_seq THEN p.read_seq ELSE p.sent_seq END
		FROM members p WHERE p.conversation = c.id AND p."user" <> m."user") END, 0),
	COALESCE(CASE WHEN c.key LIKE 's:%' THEN (SELECT MAX(d.delivered)
		FROM devices d WHERE d.conversation = c.id AND d."user" <> m."user") END, 0),
	EXISTS (SELECT 1 FROM mentions n WHERE n.conversation = c.id AND n."user" IN (m."user", '*') AND n.seq > ` + floor + `)`

const seatsFrom = ` FROM members m JOIN conversations c ON c.id = m.conversation`

func (p *seat) fields() []any {
	return []any{
		&p.number, &p.Conv, &p.MaxSeq, &p.Rev, &p.lastTime, &p.member.User, &p.member.Role, &p.member.JoinSeq, &p.member.ReadSeq,
		&p.sent, &p.member.MutedUntil, &p.member.Remark, &p.member.Since, &p.PeerRead, &p.PeerGot, &p.Mentioned,
	}
}

// head completes what the columns don't say.
func (p *seat) head() chat.Head {
	h := p.Head
	h.Kind, _, _ = keyMembers(h.Conv)
	h.JoinSeq, h.ReadSeq, h.LastTime = p.member.JoinSeq, p.member.ReadSeq, p.lastTime
	h.PeerGot = max(h.PeerGot, h.PeerRead)
	if seen := max(p.member.ReadSeq, p.sent, p.member.JoinSeq); h.MaxSeq > seen {
		h.Unread = int(h.MaxSeq - seen)
	}
	return h
}

// placeOf is one user's seat: 404 when there is no such conversation, or he isn't
// in it. Everybody is in the broadcasts and in his own notices, also before
// there are any.
func (s *Store) placeOf(ctx context.Context, user, conv string) (*seat, error) {
	if conv == chat.Everyone {
		if err := s.seatEveryone(ctx, user); err != nil {
			return nil, err
		}
	}
	p := &seat{}
	err := s.cached.QueryRowContext(ctx, `SELECT `+seatColumns+seatsFrom+` WHERE m."user" = $1 AND c.key = $2`, user, conv).Scan(p.fields()...)
	if !errors.Is(err, sql.ErrNoRows) {
		return p, s.failure(err)
	}
	kind, users, ok := keyMembers(conv)
	if !ok || kind != chat.KindBroadcast && (kind != chat.KindNotice || users[0] != user) {
		return nil, noConversation()
	}
	p.Conv, p.virtual = conv, true
	p.member = chat.Member{User: user, Role: chat.RoleMember}
	// His notices may be older than his account, whose namesake was deleted: they are
	// not for him.
	err = s.cached.QueryRowContext(ctx, `SELECT id, max_seq, rev, last_time FROM conversations WHERE key = $1`, conv).
		Scan(&p.number, &p.MaxSeq, &p.Rev, &p.lastTime)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, s.failure(err)
	}
	p.member.JoinSeq = p.MaxSeq
	return p, nil
}

// seatEveryone gives a user his row in the conversation of broadcasts when he is
// first seen after there is one, so that a broadcast writes nothing for each
// user. He joins it where it stood when his account was made: what was said before
// is neither unread nor shown. Without an account he joins it now.
func (s *Store) seatEveryone(ctx context.Context, user string) error {
	var number, maxSeq int64
	var seated bool
	err := s.cached.QueryRowContext(ctx, `SELECT c.id, c.max_seq, m.join_seq IS NOT NULL FROM conversations c
		LEFT JOIN members m ON m.conversation = c.id AND m."user" = $1 WHERE c.key = 'b:all'`, user).Scan(&number, &maxSeq, &seated)
	if errors.Is(err, sql.ErrNoRows) || err == nil && seated {
		return nil
	}
	if err != nil {
		return s.failure(err)
	}
	var created int64
	err = s.cached.QueryRowContext(ctx, `SELECT created FROM users WHERE id = $1`, user).Scan(&created)
	join := maxSeq
	if err == nil {
		// From the newest backwards: who comes now finds his place at once.
		err = s.cached.QueryRowContext(ctx, `SELECT seq FROM messages WHERE conversation = $1 AND time <= $2 ORDER BY conversation DESC, seq DESC LIMIT 1`, number, created).Scan(&join)
		if errors.Is(err, sql.ErrNoRows) {
			join = 0
		}
	}
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return s.failure(err)
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO members (conversation, "user", join_seq, since) VALUES ($1, $2, $3, $4)
			ON CONFLICT (conversation, "user") DO NOTHING`, number, user, join, s.now())
		if err != nil {
			return fmt.Errorf("join the broadcasts: %w", err)
		}
		return nil
	})
}
