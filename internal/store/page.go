package store

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"slices"

	"pushd/internal/chat"
)

// What a page says; the seqs are exclusive bounds.
const (
	sqlBackward = `SELECT ` + messageColumns + ` FROM messages m` + hiddenFrom +
		` WHERE m.conversation = $2 AND m.seq < $3 AND m.seq > $4 ORDER BY m.seq DESC LIMIT $5`
	sqlForward = `SELECT ` + messageColumns + ` FROM messages m` + hiddenFrom +
		` WHERE m.conversation = $2 AND m.seq > $3 ORDER BY m.seq LIMIT $4`
	sqlChanged = `SELECT ` + messageColumns + ` FROM messages m` + hiddenFrom +
		` WHERE m.conversation = $2 AND m.rev > $3 AND m.rev > 0 AND m.seq <= $4 AND m.seq > $5 ORDER BY m.rev LIMIT $6`
)

// Page implements chat.Messages.
func (s *Store) Page(ctx context.Context, reader, conv string, q chat.PageQuery) (page []chat.Message, more bool, err error) {
	number, err := s.conversation(ctx, conv)
	if err != nil {
		return nil, false, err
	}
	if q.Forward || q.After > 0 {
		page, err = s.messages(ctx, s.cached, reader, conv, q.Now, sqlForward, reader, number, seqArg(max(q.After, q.From)), q.Limit+1)
	} else {
		before := q.Before
		if before == 0 {
			before = math.MaxUint64
		}
		page, err = s.messages(ctx, s.cached, reader, conv, q.Now, sqlBackward, reader, number, seqArg(before), seqArg(q.From), q.Limit+1)
	}
	page, more = cut(page, q.Limit)
	return page, more, s.failure(err)
}

// seqArg is a seq that a client named, as an argument: what is above every seq
// stays so.
func seqArg(seq uint64) int64 { return int64(min(seq, math.MaxInt64)) }

// cut takes a page of at most limit out of one that was asked for one more.
func cut[T any](found []T, limit int) (page []T, more bool) {
	if len(found) <= limit {
		return found, false
	}
	return slices.Clip(found[:limit]), true
}

// conversation is a key's number. Only the two of a conversation know it, but a
// notice or a broadcast that nobody has sent yet is no error: it is empty.
func (s *Store) conversation(ctx context.Context, key string) (number int64, err error) {
	err = s.cached.QueryRowContext(ctx, `SELECT id FROM conversations WHERE key = $1`, key).Scan(&number)
	if errors.Is(err, sql.ErrNoRows) {
		if kind, _, ok := keyMembers(key); ok && (kind == chat.KindNotice || kind == chat.KindBroadcast) {
			return 0, nil
		}
		return 0, noConversation()
	}
	return number, s.failure(err)
}

// Message implements chat.Messages. What was said before the reader joined isn't
// there for him; whether he is a member is the caller's to ask.
func (s *Store) Message(ctx context.Context, reader, id string) (chat.Message, error) {
	return s.oneMessage(ctx, reader, s.now(), `WHERE m.id = $2 AND NOT EXISTS (
		SELECT 1 FROM members p WHERE p.conversation = m.conversation AND p."user" = $1 AND p.join_seq >= m.seq)`, id)
}

// Changed implements chat.Messages.
func (s *Store) Changed(ctx context.Context, reader, conv string, rev, upTo uint64, limit int, now int64) (page []chat.Message, more bool, err error) {
	p, err := s.placeOf(ctx, reader, conv)
	if err != nil {
		return nil, false, err
	}
	page, err = s.messages(ctx, s.cached, reader, conv, now, sqlChanged, reader, p.number, seqArg(rev), seqArg(upTo), seqArg(p.member.JoinSeq), limit+1)
	page, more = cut(page, limit)
	return page, more, s.failure(err)
}
