package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"pushd/internal/chat"
)

// messageColumns are what row.fields takes, of messages m. reader's deletions are
// joined by hiddenFrom, whose $1 is the reader.
const (
	messageColumns = `m.conversation, m.seq, m.id, m.sender, m.client_id, m.time, m.type, m.body, m.mention, m.one_device, m.expires, m.edited, m.rev, h.seq IS NOT NULL`
	hiddenFrom     = ` LEFT JOIN hidden h ON h.conversation = m.conversation AND h."user" = $1 AND h.seq = m.seq`
)

// row is a message as it stands in its table.
type row struct {
	chat.Message
	number   int64 // its conversation's
	kind     string
	clientID sql.NullString
	body     string
	mention  string
	hidden   bool // the reader deleted it for himself
}

func (r *row) fields() []any {
	return []any{
		&r.number, &r.Seq, &r.ID, &r.From, &r.clientID, &r.Time, &r.kind, &r.body, &r.mention, &r.OneDevice, &r.Expires, &r.Edited, &r.Rev, &r.hidden,
	}
}

// seenBy makes of a row what its reader sees: where its content is gone, a
// tombstone with the same id and seq.
func (r *row) seenBy(reader string, now int64) (chat.Message, error) {
	m := chat.Message{ID: r.ID, Conv: r.Conv, Seq: r.Seq, From: r.From, Time: r.Time, Rev: r.Rev}
	if r.clientID.Valid && reader == r.From {
		m.ClientID = r.clientID.String
	}
	switch {
	case r.kind == chat.TypeRecalled:
		m.Type = chat.TypeRecalled
		return m, nil
	case r.kind == chat.TypeGone || r.hidden || r.Expires > 0 && r.Expires <= now:
		m.Type = chat.TypeGone
		return m, nil
	}
	var err error
	if m.Body, err = decodeBody(r.kind, r.body); err != nil {
		return m, err
	}
	if m.Mention, err = decodeMention(r.mention); err != nil {
		return m, fmt.Errorf("read whom a message mentions: %w", err)
	}
	m.Expires, m.Edited, m.OneDevice = r.Expires, r.Edited, r.OneDevice
	return m, nil
}

// messages reads rows of one conversation, key, as its reader sees them.
func (s *Store) messages(ctx context.Context, q querier, reader, key string, now int64, query string, args ...any) ([]chat.Message, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	found, err := scanAll(rows, err, (*row).fields)
	if err != nil {
		return nil, err
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
	return page, s.react(ctx, q, found[0].number, page)
}

// oneMessage finds one as its reader sees it. The condition's first argument is $2.
func (s *Store) oneMessage(ctx context.Context, reader string, now int64, where string, args ...any) (chat.Message, error) {
	var r row
	err := s.cached.QueryRowContext(ctx, `SELECT `+messageColumns+`, c.key FROM messages m JOIN conversations c ON c.id = m.conversation`+hiddenFrom+` `+where,
		append([]any{reader}, args...)...).Scan(append(r.fields(), &r.Conv)...)
	if errors.Is(err, sql.ErrNoRows) {
		return chat.Message{}, noMessage()
	}
	if err != nil {
		return chat.Message{}, s.failure(err)
	}
	page := make([]chat.Message, 1)
	if page[0], err = r.seenBy(reader, now); err == nil {
		err = s.react(ctx, s.cached, r.number, page)
	}
	return page[0], s.failure(err)
}

// react fills in the reactions to messages of one conversation. Each reaction has
// given its message a rev, so that most pages need no question.
func (s *Store) react(ctx context.Context, q querier, number int64, page []chat.Message) error {
	at := map[uint64]*chat.Message{}
	var first, last uint64
	for i := range page {
		m := &page[i]
		if m.Rev == 0 || m.Type == chat.TypeGone || m.Type == chat.TypeRecalled {
			continue
		}
		if len(at) == 0 {
			first, last = m.Seq, m.Seq
		}
		first, last = min(first, m.Seq), max(last, m.Seq)
		at[m.Seq] = m
	}
	if len(at) == 0 {
		return nil
	}
	rows, err := q.QueryContext(ctx, `SELECT seq, sign, "user", total FROM (
			SELECT seq, sign, "user",
				COUNT(*) OVER (PARTITION BY seq, sign) AS total,
				MIN(time) OVER (PARTITION BY seq, sign) AS first,
				ROW_NUMBER() OVER (PARTITION BY seq, sign ORDER BY time, "user") AS place
			FROM reactions WHERE conversation = $1 AND seq BETWEEN $2 AND $3
		) r WHERE place <= $4 ORDER BY seq, first, sign, place`, number, int64(first), int64(last), chat.MaxReactors)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var seq uint64
		var sign, user string
		var total int
		if err := rows.Scan(&seq, &sign, &user, &total); err != nil {
			return err
		}
		m := at[seq]
		if m == nil {
			continue
		}
		if n := len(m.Reactions); n == 0 || m.Reactions[n-1].Sign != sign {
			m.Reactions = append(m.Reactions, chat.Reaction{Sign: sign, Count: total})
		}
		r := &m.Reactions[len(m.Reactions)-1]
		r.Users = append(r.Users, user)
	}
	return rows.Err()
}
