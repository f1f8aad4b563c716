package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"pushd/internal/chat"
	"pushd/internal/codec"
)

// maxVersions is how often one message can be edited.
const maxVersions = 100

// sqlInsertMention is one user that a message mentions.
const sqlInsertMention = `INSERT INTO mentions (conversation, "user", seq) VALUES ($1, $2, $3)
	ON CONFLICT (conversation, "user", seq) DO NOTHING`

// lockedMessage is a message that a transaction changes. The transaction has locked
// its conversation, so that changes of one conversation have their revs in the order
// in which they are seen.
type lockedMessage struct {
	s   *Store
	tx  *sql.Tx
	row messageRow
	rev uint64 // the conversation's
}

// lockMessage finds a message to change: 404 when it isn't there or has expired, 409
// when it was recalled.
func (s *Store) lockMessage(ctx context.Context, tx *sql.Tx, id string, now int64) (*lockedMessage, error) {
	l := &lockedMessage{s: s, tx: tx}
	r := &l.row
	err := tx.QueryRowContext(ctx, `SELECT conversation, seq FROM messages WHERE id = $1`, id).Scan(&r.convID, &r.Seq)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, messageNotFound()
	}
	if err != nil {
		return nil, fmt.Errorf("find a message: %w", err)
	}
	lock := `SELECT key, rev FROM conversations WHERE id = $1` + s.engine.lockClause(false)
	if err := tx.QueryRowContext(ctx, lock, r.convID).Scan(&r.Conv, &l.rev); err != nil {
		return nil, fmt.Errorf("lock a conversation: %w", err)
	}
	const read = `SELECT ` + messageColumns + ` FROM messages m` + joinHidden + ` WHERE m.conversation = $2 AND m.seq = $3`
	if err := tx.QueryRowContext(ctx, read, "", r.convID, int64(r.Seq)).Scan(r.fields()...); err != nil {
		return nil, fmt.Errorf("read a message: %w", err)
	}
	switch {
	case r.bodyType == chat.TypeRecalled:
		return nil, codec.Errorf(codec.CodeConflict, "this message was recalled")
	case r.isGone(now):
		return nil, codec.Errorf(codec.CodeNotFound, "this message has expired")
	}
	return l, nil
}

// exec runs a statement whose first arguments are the message's conversation and seq.
func (l *lockedMessage) exec(ctx context.Context, query string, args ...any) (affected int64, err error) {
	return exec(ctx, l.tx, query, append([]any{l.row.convID, int64(l.row.Seq)}, args...)...)
}

// changed gives the message the conversation's next rev, and returns it as
// everybody sees it.
func (l *lockedMessage) changed(ctx context.Context, now int64) (chat.Message, error) {
	l.rev++
	const advance = `UPDATE conversations SET rev = $2 WHERE id = $1`
	if _, err := exec(ctx, l.tx, advance, l.row.convID, int64(l.rev)); err != nil {
		return chat.Message{}, fmt.Errorf("advance a conversation's rev: %w", err)
	}
	const set = `UPDATE messages SET rev = $3 WHERE conversation = $1 AND seq = $2`
	if _, err := l.exec(ctx, set, int64(l.rev)); err != nil {
		return chat.Message{}, fmt.Errorf("set a message's rev: %w", err)
	}
	return l.read(ctx, now)
}

func (l *lockedMessage) read(ctx context.Context, now int64) (chat.Message, error) {
	page, err := l.s.messages(ctx, l.tx, "", l.row.Conv, now, sqlForward, "", l.row.convID, int64(l.row.Seq)-1, 1)
	if err != nil {
		return chat.Message{}, err
	}
	return page[0], nil
}

// Recall implements chat.Messages.
func (s *Store) Recall(ctx context.Context, id string, now int64) (m chat.Message, rev uint64, err error) {
	defer s.answer("message.recall", &err)
	err = s.write(ctx, func(tx *sql.Tx) error {
		l, err := s.lockMessage(ctx, tx, id, now)
		if err != nil {
			return err
		}
		if err := s.clearContent(ctx, tx, &l.row, chat.TypeRecalled); err != nil {
			return err
		}
		m, err = l.changed(ctx, now)
		rev = l.rev
		return err
	})
	return m, rev, err
}

// clearContent takes a message's content away, with all that was made of it, and
// gives it the type of a tombstone.
func (s *Store) clearContent(ctx context.Context, tx *sql.Tx, r *messageRow, tombstone string) error {
	if err := s.unindex(ctx, tx, r); err != nil {
		return err
	}
	const clearBody = `UPDATE messages SET type = $3, body = '{}', mention = '', expires = 0
		WHERE conversation = $1 AND seq = $2`
	if _, err := tx.ExecContext(ctx, clearBody, r.convID, int64(r.Seq), tombstone); err != nil {
		return fmt.Errorf("clear a message: %w", err)
	}
	const react = `DELETE FROM reactions WHERE conversation = $1 AND seq = $2`
	if _, err := tx.ExecContext(ctx, react, r.convID, int64(r.Seq)); err != nil {
		return fmt.Errorf("remove reactions: %w", err)
	}
	if r.Edited == 0 {
		return nil
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM versions WHERE message = $1`, r.ID); err != nil {
		return fmt.Errorf("remove versions: %w", err)
	}
	return nil
}

// unindex takes away by what a message was found: its mentions and words.
func (s *Store) unindex(ctx context.Context, tx *sql.Tx, r *messageRow) error {
	mention, err := decodeMention(r.mention)
	if err != nil {
		return err
	}
	const remove = `DELETE FROM mentions WHERE conversation = $1 AND "user" = $2 AND seq = $3`
	for _, user := range mention {
		if _, err := tx.ExecContext(ctx, remove, r.convID, user, int64(r.Seq)); err != nil {
			return fmt.Errorf("remove a mention: %w", err)
		}
	}
	return s.engine.unindexWords(ctx, tx, r.convID, r.Seq)
}

// Edit implements chat.Messages. 429 after maxVersions edits of one message.
func (s *Store) Edit(
	ctx context.Context, id string, body chat.Body, mention []string, now int64,
) (m chat.Message, rev uint64, err error) {
	defer s.answer("message.edit", &err)
	text, err := encodeBody(body)
	if err != nil {
		return m, 0, err
	}
	mentions, err := encodeMention(mention)
	if err != nil {
		return m, 0, err
	}
	const edit = `UPDATE messages SET type = $3, body = $4, mention = $5, edited = $6 WHERE conversation = $1 AND seq = $2`
	err = s.write(ctx, func(tx *sql.Tx) error {
		l, err := s.lockMessage(ctx, tx, id, now)
		if err != nil {
			return err
		}
		if err := l.saveVersion(ctx, now); err != nil {
			return err
		}
		if err := s.unindex(ctx, tx, &l.row); err != nil {
			return err
		}
		for _, user := range mention {
			if _, err := tx.ExecContext(ctx, sqlInsertMention, l.row.convID, user, int64(l.row.Seq)); err != nil {
				return fmt.Errorf("index a mention: %w", err)
			}
		}
		if err := s.engine.indexWords(ctx, tx, l.row.convID, l.row.Seq, indexedWords(body)); err != nil {
			return err
		}
		if _, err := l.exec(ctx, edit, body.Type, text, mentions, now); err != nil {
			return fmt.Errorf("edit a message: %w", err)
		}
		m, err = l.changed(ctx, now)
		rev = l.rev
		return err
	})
	return m, rev, err
}

// saveVersion keeps the present body as one that stood until now.
func (l *lockedMessage) saveVersion(ctx context.Context, now int64) error {
	var last int
	const newest = `SELECT COALESCE(MAX(version), 0) FROM versions WHERE message = $1`
	if err := l.tx.QueryRowContext(ctx, newest, l.row.ID).Scan(&last); err != nil {
		return fmt.Errorf("count versions: %w", err)
	}
	if last >= maxVersions {
		return codec.Errorf(codec.CodeTooMany, "this message was edited %d times, which is the most", maxVersions)
	}
	_, err := exec(ctx, l.tx, `INSERT INTO versions (message, version, type, body, time) VALUES ($1, $2, $3, $4, $5)`,
		l.row.ID, last+1, l.row.bodyType, l.row.body, now)
	if err != nil {
		return fmt.Errorf("save a version: %w", err)
	}
	return nil
}

// Versions implements chat.Messages.
func (s *Store) Versions(ctx context.Context, id string) (_ []chat.Version, err error) {
	defer s.answer("message.versions", &err)
	if _, err := s.oneMessage(ctx, "", s.now(), sqlMessageByID, id); err != nil {
		return nil, err
	}
	type version struct {
		bodyType, body string
		time           int64
	}
	const read = `SELECT type, body, time FROM versions WHERE message = $1 ORDER BY version`
	rows, err := s.cached.QueryContext(ctx, read, id)
	found, err := scanRows(rows, err, func(v *version) []any { return []any{&v.bodyType, &v.body, &v.time} })
	if err != nil {
		return nil, err
	}
	versions := make([]chat.Version, len(found))
	for i, v := range found {
		versions[i].Time = v.time
		if versions[i].Body, err = decodeBody(v.bodyType, v.body); err != nil {
			return nil, err
		}
	}
	return versions, nil
}

// React implements chat.Messages.
func (s *Store) React(
	ctx context.Context, id, user, sign string, on bool, now int64,
) (m chat.Message, rev uint64, changed bool, err error) {
	defer s.answer("message.react", &err)
	err = s.write(ctx, func(tx *sql.Tx) error {
		l, err := s.lockMessage(ctx, tx, id, now)
		if err != nil {
			return err
		}
		if changed, err = l.setReaction(ctx, user, sign, on, now); err != nil {
			return err
		}
		if changed {
			m, err = l.changed(ctx, now)
		} else {
			m, err = l.read(ctx, now)
		}
		rev = l.rev
		return err
	})
	return m, rev, changed && err == nil, err
}

// setReaction gives or takes back a reaction; changed is false when it was so already.
func (l *lockedMessage) setReaction(
	ctx context.Context, user, sign string, on bool, now int64,
) (changed bool, err error) {
	if !on {
		n, err := l.exec(ctx, `DELETE FROM reactions WHERE conversation = $1 AND seq = $2 AND sign = $3 AND "user" = $4`,
			sign, user)
		return n > 0, err
	}
	n, err := l.exec(ctx, `INSERT INTO reactions (conversation, seq, sign, "user", time) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (conversation, seq, sign, "user") DO NOTHING`, sign, user, now)
	if err != nil || n == 0 {
		return false, err
	}
	var signs int
	const count = `SELECT COUNT(DISTINCT sign) FROM reactions WHERE conversation = $1 AND seq = $2`
	if err := l.tx.QueryRowContext(ctx, count, l.row.convID, int64(l.row.Seq)).Scan(&signs); err != nil {
		return false, err
	}
	if signs > chat.MaxSigns {
		return false, codec.Errorf(codec.CodeTooMany, "this message has %d different reactions, which is the most",
			chat.MaxSigns)
	}
	return true, nil
}

// Hide implements chat.Messages.
func (s *Store) Hide(ctx context.Context, conv, user string, seqs []uint64) (err error) {
	defer s.answer("message.hide", &err)
	p, err := s.membershipOf(ctx, user, conv)
	if err != nil {
		return err
	}
	numbers := make([]int64, 0, len(seqs))
	for _, seq := range seqs {
		if seq > p.member.JoinSeq && seq <= p.MaxSeq {
			numbers = append(numbers, int64(seq))
		}
	}
	if len(numbers) == 0 || p.virtual {
		return nil
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO hidden (conversation, "user", seq)
			SELECT m.conversation, CAST($2 AS TEXT), m.seq FROM messages m
			WHERE m.conversation = $1 AND `+s.engine.oneOf("m.seq", "$3")+`
			ON CONFLICT (conversation, "user", seq) DO NOTHING`, p.convID, user, s.engine.list(numbers))
		return err
	})
}
