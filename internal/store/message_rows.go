package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"pushd/internal/chat"
)

const (
	// messageColumns are what messageRow.fields takes, of messages m joined by joinHidden.
	messageColumns = `m.conversation, m.seq, m.id, m.sender, m.client_id, m.time, m.type, m.body, m.mention,
		m.one_device, m.expires, m.edited, m.rev, h.seq IS NOT NULL`
	// joinHidden finds what the reader, $1, has deleted.
	joinHidden = ` LEFT JOIN hidden h ON h.conversation = m.conversation AND h."user" = $1 AND h.seq = m.seq`

	sqlOneMessage = `SELECT ` + messageColumns + `, c.key
		FROM messages m JOIN conversations c ON c.id = m.conversation` + joinHidden
	sqlMessageByID       = sqlOneMessage + ` WHERE m.id = $2`
	sqlMessageByClientID = sqlOneMessage + ` WHERE m.sender = $2 AND m.client_id = $3`

	// sqlReactions gives the number of each sign on messages of one conversation and its
	// first users.
	sqlReactions = `SELECT seq, sign, "user", total FROM (
			SELECT seq, sign, "user",
				COUNT(*) OVER (PARTITION BY seq, sign) AS total,
				MIN(time) OVER (PARTITION BY seq, sign) AS first,
				ROW_NUMBER() OVER (PARTITION BY seq, sign ORDER BY time, "user") AS place
			FROM reactions WHERE conversation = $1 AND seq BETWEEN $2 AND $3
		) r WHERE place <= $4 ORDER BY seq, first, sign, place`
)

// messageRow is a message as it stands in its table.
type messageRow struct {
	chat.Message
	convID   int64
	bodyType string
	clientID sql.NullString
	body     string
	mention  string
	hidden   bool // the reader has deleted it
}

func (r *messageRow) fields() []any {
	return []any{
		&r.convID, &r.Seq, &r.ID, &r.From, &r.clientID, &r.Time, &r.bodyType, &r.body, &r.mention,
		&r.OneDevice, &r.Expires, &r.Edited, &r.Rev, &r.hidden,
	}
}

// seenBy makes of a row what its reader sees: where its content is gone, a
// tombstone with the same id and seq.
func (r *messageRow) seenBy(reader string, now int64) (chat.Message, error) {
	m := chat.Message{ID: r.ID, Conv: r.Conv, Seq: r.Seq, From: r.From, Time: r.Time, Rev: r.Rev}
	if r.clientID.Valid && reader == r.From {
		m.ClientID = r.clientID.String
	}
	switch {
	case r.bodyType == chat.TypeRecalled:
		m.Type = chat.TypeRecalled
		return m, nil
	case r.hidden || r.isGone(now):
		m.Type = chat.TypeGone
		return m, nil
	}
	var err error
	if m.Body, err = decodeBody(r.bodyType, r.body); err != nil {
		return m, err
	}
	if m.Mention, err = decodeMention(r.mention); err != nil {
		return m, err
	}
	m.Expires, m.Edited, m.OneDevice = r.Expires, r.Edited, r.OneDevice
	return m, nil
}

// isGone tells whether the message has expired.
func (r *messageRow) isGone(now int64) bool {
	return r.bodyType == chat.TypeGone || r.Expires > 0 && r.Expires <= now
}

// messages reads messages of one conversation, key, as the reader sees them.
func (s *Store) messages(
	ctx context.Context, q querier, reader, key string, now int64, query string, args ...any,
) ([]chat.Message, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	found, err := scanRows(rows, err, (*messageRow).fields)
	if err != nil {
		return nil, fmt.Errorf("read messages: %w", err)
	}
	page := make([]chat.Message, len(found))
	for i := range found {
		found[i].Conv = key
		if page[i], err = found[i].seenBy(reader, now); err != nil {
			return nil, err
		}
	}
	if len(found) == 0 {
		return page, nil
	}
	return page, loadReactions(ctx, q, found[0].convID, page)
}

// oneMessage finds a message as the reader sees it. The first argument of the query,
// one that begins with sqlOneMessage, is $2.
func (s *Store) oneMessage(
	ctx context.Context, reader string, now int64, query string, args ...any,
) (chat.Message, error) {
	var r messageRow
	row := s.cached.QueryRowContext(ctx, query, append([]any{reader}, args...)...)
	err := row.Scan(append(r.fields(), &r.Conv)...)
	if errors.Is(err, sql.ErrNoRows) {
		return chat.Message{}, messageNotFound()
	}
	if err != nil {
		return chat.Message{}, fmt.Errorf("read a message: %w", err)
	}
	m, err := r.seenBy(reader, now)
	if err != nil {
		return chat.Message{}, err
	}
	page := []chat.Message{m}
	err = loadReactions(ctx, s.cached, r.convID, page)
	return page[0], err
}

// loadReactions fills in the reactions to messages of one conversation. Each reaction
// has given its message a rev, so that most pages need no question.
func loadReactions(ctx context.Context, q querier, convID int64, page []chat.Message) error {
	bySeq := map[uint64]*chat.Message{}
	var first, last uint64
	for i := range page {
		m := &page[i]
		if m.Rev == 0 || m.Type == chat.TypeGone || m.Type == chat.TypeRecalled {
			continue
		}
		if len(bySeq) == 0 {
			first, last = m.Seq, m.Seq
		}
		first, last = min(first, m.Seq), max(last, m.Seq)
		bySeq[m.Seq] = m
	}
	if len(bySeq) == 0 {
		return nil
	}
	type reaction struct {
		seq        uint64
		sign, user string
		total      int
	}
	rows, err := q.QueryContext(ctx, sqlReactions, convID, int64(first), int64(last), chat.MaxReactors)
	found, err := scanRows(rows, err, func(r *reaction) []any { return []any{&r.seq, &r.sign, &r.user, &r.total} })
	if err != nil {
		return fmt.Errorf("read reactions: %w", err)
	}
	for _, r := range found {
		m := bySeq[r.seq]
		if m == nil {
			continue
		}
		if n := len(m.Reactions); n == 0 || m.Reactions[n-1].Sign != r.sign {
			m.Reactions = append(m.Reactions, chat.Reaction{Sign: r.sign, Count: r.total})
		}
		of := &m.Reactions[len(m.Reactions)-1]
		of.Users = append(of.Users, r.user)
	}
	return nil
}
