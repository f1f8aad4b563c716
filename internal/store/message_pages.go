package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"

	"pushd/internal/chat"
)

// Pages of a conversation; seqs and revs are exclusive bounds.
const (
	sqlBackward = `SELECT ` + messageColumns + ` FROM messages m` + joinHidden +
		` WHERE m.conversation = $2 AND m.seq < $3 AND m.seq > $4 ORDER BY m.seq DESC LIMIT $5`
	sqlForward = `SELECT ` + messageColumns + ` FROM messages m` + joinHidden +
		` WHERE m.conversation = $2 AND m.seq > $3 ORDER BY m.seq LIMIT $4`
	sqlChanged = `SELECT ` + messageColumns + ` FROM messages m` + joinHidden + `
		WHERE m.conversation = $2 AND m.rev > $3 AND m.rev > 0 AND m.seq <= $4 AND m.seq > $5
		ORDER BY m.rev LIMIT $6`

	// What was said before the reader joined isn't there for them.
	sqlReadableByID = sqlMessageByID + ` AND NOT EXISTS (
		SELECT 1 FROM members p WHERE p.conversation = m.conversation AND p."user" = $1 AND p.join_seq >= m.seq)`
)

// Page implements chat.Messages.
func (s *Store) Page(
	ctx context.Context, reader, conv string, q chat.PageQuery,
) (page []chat.Message, more bool, err error) {
	defer s.answer("message.page", &err)
	convID, err := s.conversationID(ctx, conv)
	if err != nil {
		return nil, false, err
	}
	query, args := sqlBackward, []any{reader, convID, seqArg(math.MaxUint64), seqArg(q.From), q.Limit + 1}
	switch {
	case q.Forward || q.After > 0:
		query, args = sqlForward, []any{reader, convID, seqArg(max(q.After, q.From)), q.Limit + 1}
	case q.Before > 0:
		args[2] = seqArg(q.Before)
	}
	page, err = s.messages(ctx, s.cached, reader, conv, q.Now, query, args...)
	page, more = firstPage(page, q.Limit)
	return page, more, err
}

// seqArg is a seq that a client named, as an argument: what is above every seq
// stays so.
func seqArg(seq uint64) int64 { return int64(min(seq, math.MaxInt64)) }

// conversationID finds a conversation by its key. Notices or broadcasts that nobody
// has sent yet are no error: they are empty, and have the id 0.
func (s *Store) conversationID(ctx context.Context, key string) (id int64, err error) {
	err = s.cached.QueryRowContext(ctx, `SELECT id FROM conversations WHERE key = $1`, key).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		if kind, _, ok := splitKey(key); ok && (kind == chat.KindNotice || kind == chat.KindBroadcast) {
			return 0, nil
		}
		return 0, conversationNotFound()
	}
	if err != nil {
		return 0, fmt.Errorf("find a conversation: %w", err)
	}
	return id, nil
}

// Message implements chat.Messages. Whether the reader is a member of the conversation
// is for the caller to check.
func (s *Store) Message(ctx context.Context, reader, id string) (_ chat.Message, err error) {
	defer s.answer("message.find", &err)
	return s.oneMessage(ctx, reader, s.now(), sqlReadableByID, id)
}

// Changed implements chat.Messages.
func (s *Store) Changed(
	ctx context.Context, reader, conv string, rev, upTo uint64, limit int, now int64,
) (page []chat.Message, more bool, err error) {
	defer s.answer("message.changed", &err)
	p, err := s.membershipOf(ctx, reader, conv)
	if err != nil {
		return nil, false, err
	}
	page, err = s.messages(ctx, s.cached, reader, conv, now, sqlChanged,
		reader, p.convID, seqArg(rev), seqArg(upTo), seqArg(p.member.JoinSeq), limit+1)
	page, more = firstPage(page, limit)
	return page, more, err
}
