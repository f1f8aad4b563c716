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

// held is a message that a transaction changes, of a conversation that it holds,
// so that changes of one conversation have their revs in the order in which they
// are seen.
type held struct {
	s   *Store
	tx  *sql.Tx
	row row
	rev uint64 // the conversation's
}

// hold finds a message to change: 404 when it isn't there or has run out.
func (s *Store) hold(ctx context.Context, tx *sql.Tx, id string, now int64) (*held, error) {
	h := &held{s: s, tx: tx}
	r := &h.row
	err := tx.QueryRowContext(ctx, `SELECT conversation, seq FROM messages WHERE id = $1`, id).Scan(&r.number, &r.Seq)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, noMessage()
	}
	if err != nil {
		return nil, fmt.Errorf("find a message: %w", err)
	}
	if err := tx.QueryRowContext(ctx, `SELECT key, rev FROM conversations WHERE id = $1`+s.lockRow(), r.number).Scan(&r.Conv, &h.rev); err != nil {
		return nil, fmt.Errorf("hold a conversation: %w", err)
	}
	err = tx.QueryRowContext(ctx, `SELECT `+messageColumns+` FROM messages m`+hiddenFrom+` WHERE m.conversation = $2 AND m.seq = $3`, "", r.number, int64(r.Seq)).Scan(r.fields()...)
	if err != nil {
		return nil, fmt.Errorf("read a message: %w", err)
	}
	switch {
	case r.kind == chat.TypeRecalled:
		return nil, codec.Errorf(codec.CodeConflict, "this message was recalled")
	case r.kind == chat.TypeGone || r.Expires > 0 && r.Expires <= now:
		return nil, codec.Errorf(codec.CodeNotFound, "this message has run out")
	}
	return h, nil
}

// exec runs one statement of the transaction.
func (h *held) exec(ctx context.Context, query string, args ...any) (int64, error) {
	result, err := h.tx.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// changed gives the message the conversation's next rev, and returns it as
// everybody sees it.
func (h *held) changed(ctx context.Context, now int64) (chat.Message, error) {
	h.rev++
	if _, err := h.exec(ctx, `UPDATE conversations SET rev = $2 WHERE id = $1`, h.row.number, int64(h.rev)); err != nil {
		return chat.Message{}, fmt.Errorf("advance a conversation's rev: %w", err)
	}
	if _, err := h.exec(ctx, `UPDATE messages SET rev = $3 WHERE conversation = $1 AND seq = $2`, h.row.number, int64(h.row.Seq), int64(h.rev)); err != nil {
		return chat.Message{}, fmt.Errorf("set a message's rev: %w", err)
	}
	return h.read(ctx, now)
}

func (h *held) read(ctx context.Context, now int64) (chat.Message, error) {
	page, err := h.s.messages(ctx, h.tx, "", h.row.Conv, now, sqlForward, "", h.row.number, int64(h.row.Seq)-1, 1)
	if err != nil {
		return chat.Message{}, err
	}
	return page[0], nil
}

// Recall implements chat.Messages.
func (s *Store) Recall(ctx context.Context, id string, now int64) (m chat.Message, rev uint64, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		h, err := s.hold(ctx, tx, id, now)
		if err != nil {
			return err
		}
		if err := s.empty(ctx, tx, &h.row, chat.TypeRecalled); err != nil {
			return err
		}
		m, err = h.changed(ctx, now)
		rev = h.rev
		return err
	})
	return m, rev, err
}

// empty takes a message's content away, with all that was made of it.
func (s *Store) empty(ctx context.Context, tx *sql.Tx, r *row, kind string) error {
	mention, err := decodeMention(r.mention)
	if err != nil {
		return fmt.Errorf("read whom a message mentions: %w", err)
	}
	if err := s.unindex(ctx, tx, r.number, r.Seq, mention); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE messages SET type = $3, body = '{}', mention = '', expires = 0 WHERE conversation = $1 AND seq = $2`, r.number, int64(r.Seq), kind)
	if err != nil {
		return fmt.Errorf("empty a message: %w", err)
	}
	if _, err = tx.ExecContext(ctx, `DELETE FROM reactions WHERE conversation = $1 AND seq = $2`, r.number, int64(r.Seq)); err != nil {
		return fmt.Errorf("remove reactions: %w", err)
	}
	if r.Edited == 0 {
		return nil
	}
	if _, err = tx.ExecContext(ctx, `DELETE FROM versions WHERE message = $1`, r.ID); err != nil {
		return fmt.Errorf("remove versions: %w", err)
	}
	return nil
}

// Edit implements chat.Messages. 429 after maxVersions edits of one message.
func (s *Store) Edit(ctx context.Context, id string, body chat.Body, mention []string, now int64) (m chat.Message, rev uint64, err error) {
	text, err := encodeBody(body)
	if err != nil {
		return m, 0, err
	}
	mentions, err := encodeMention(mention)
	if err != nil {
		return m, 0, err
	}
	err = s.write(ctx, func(tx *sql.Tx) error {
		h, err := s.hold(ctx, tx, id, now)
		if err != nil {
			return err
		}
		if err := h.keepVersion(ctx, now); err != nil {
			return err
		}
		before, err := decodeMention(h.row.mention)
		if err != nil {
			return fmt.Errorf("read whom a message mentions: %w", err)
		}
		if err := s.unindex(ctx, tx, h.row.number, h.row.Seq, before); err != nil {
			return err
		}
		if err := s.index(ctx, tx, h.row.number, h.row.Seq, words(body), mention); err != nil {
			return err
		}
		if _, err := h.exec(ctx, `UPDATE messages SET type = $3, body = $4, mention = $5, edited = $6 WHERE conversation = $1 AND seq = $2`,
			h.row.number, int64(h.row.Seq), body.Type, text, mentions, now); err != nil {
			return fmt.Errorf("edit a message: %w", err)
		}
		m, err = h.changed(ctx, now)
		rev = h.rev
		return err
	})
	return m, rev, err
}

// keepVersion keeps the present body as one that stood until now.
func (h *held) keepVersion(ctx context.Context, now int64) error {
	var last int
	if err := h.tx.QueryRowContext(ctx, `SELECT COALESCE(MAX(version), 0) FROM versions WHERE message = $1`, h.row.ID).Scan(&last); err != nil {
		return fmt.Errorf("count versions: %w", err)
	}
	if last >= maxVersions {
		return &codec.Error{Code: codec.CodeTooMany, Msg: fmt.Sprintf("this message was edited %d times, which is the most", maxVersions)}
	}
	_, err := h.exec(ctx, `INSERT INTO versions (message, version, type, body, time) VALUES ($1, $2, $3, $4, $5)`, h.row.ID, last+1, h.row.kind, h.row.body, now)
	if err != nil {
		return fmt.Errorf("keep a version: %w", err)
	}
	return nil
}

// Versions implements chat.Messages.
func (s *Store) Versions(ctx context.Context, id string) ([]chat.Version, error) {
	if _, err := s.oneMessage(ctx, "", s.now(), `WHERE m.id = $2`, id); err != nil {
		return nil, err
	}
	type version struct {
		kind, body string
		time       int64
	}
	rows, err := s.cached.QueryContext(ctx, `SELECT type, body, time FROM versions WHERE message = $1 ORDER BY version`, id)
	found, err := scanAll(rows, err, func(v *version) []any { return []any{&v.kind, &v.body, &v.time} })
	if err != nil {
		return nil, s.failure(err)
	}
	versions := make([]chat.Version, len(found))
	for i, v := range found {
		versions[i].Time = v.time
		if versions[i].Body, err = decodeBody(v.kind, v.body); err != nil {
			return nil, s.failure(err)
		}
	}
	return versions, nil
}

// React implements chat.Messages.
func (s *Store) React(ctx context.Context, id, user, sign string, on bool, now int64) (m chat.Message, rev uint64, changed bool, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		h, err := s.hold(ctx, tx, id, now)
		if err != nil {
			return err
		}
		if changed, err = h.sign(ctx, user, sign, on, now); err != nil {
			return err
		}
		if changed {
			m, err = h.changed(ctx, now)
		} else {
			m, err = h.read(ctx, now)
		}
		rev = h.rev
		return err
	})
	return m, rev, changed && err == nil, err
}

// sign gives or takes back a reaction; changed is false when it was so already.
func (h *held) sign(ctx context.Context, user, sign string, on bool, now int64) (changed bool, err error) {
	if !on {
		n, err := h.exec(ctx, `DELETE FROM reactions WHERE conversation = $1 AND seq = $2 AND sign = $3 AND "user" = $4`, h.row.number, int64(h.row.Seq), sign, user)
		return n > 0, err
	}
	n, err := h.exec(ctx, `INSERT INTO reactions (conversation, seq, sign, "user", time) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (conversation, seq, sign, "user") DO NOTHING`,
		h.row.number, int64(h.row.Seq), sign, user, now)
	if err != nil || n == 0 {
		return false, err
	}
	var signs int
	if err := h.tx.QueryRowContext(ctx, `SELECT COUNT(DISTINCT sign) FROM reactions WHERE conversation = $1 AND seq = $2`, h.row.number, int64(h.row.Seq)).Scan(&signs); err != nil {
		return false, err
	}
	if signs > chat.MaxSigns {
		return false, &codec.Error{Code: codec.CodeTooMany, Msg: fmt.Sprintf("this message has %d different reactions, which is the most", chat.MaxSigns)}
	}
	return true, nil
}

// Hide implements chat.Messages.
func (s *Store) Hide(ctx context.Context, conv, user string, seqs []uint64) error {
	p, err := s.placeOf(ctx, user, conv)
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
			SELECT m.conversation, CAST($2 AS TEXT), m.seq FROM messages m WHERE m.conversation = $1 AND `+s.among("m.seq", "$3")+`
			ON CONFLICT (conversation, "user", seq) DO NOTHING`, p.number, user, s.list(numbers))
		if err != nil {
			return fmt.Errorf("hide messages: %w", err)
		}
		return nil
	})
}
