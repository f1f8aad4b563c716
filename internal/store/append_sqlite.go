package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"pushd/internal/chat"
)

// What a batch says on SQLite. All of it is prepared before the first batch.
const (
	sqlConversation = `SELECT id, max_seq, (SELECT COUNT(*) FROM members m WHERE m.conversation = c.id) FROM conversations c WHERE key = $1`
	sqlGroupOf      = `SELECT id, max_seq, EXISTS (SELECT 1 FROM groups g WHERE g.conversation = c.id) FROM conversations c WHERE key = $1`
	sqlBroadcast    = `SELECT id, max_seq, 0 FROM conversations WHERE key = $1`
	sqlConverse     = `INSERT INTO conversations (key) VALUES ($1) RETURNING id`
	sqlBelong       = `INSERT INTO members (conversation, "user", join_seq, since) VALUES ($1, $2, $3, $4) ON CONFLICT (conversation, "user") DO NOTHING`
	sqlMessage      = `INSERT INTO messages (conversation, seq, id, sender, client_id, time, type, body, mention, one_device, expires)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (sender, client_id) WHERE client_id IS NOT NULL DO NOTHING`
	sqlMention  = `INSERT INTO mentions (conversation, "user", seq) VALUES ($1, $2, $3) ON CONFLICT (conversation, "user", seq) DO NOTHING`
	sqlWords    = `INSERT INTO words (rowid, text) VALUES ($1, $2)`
	sqlAdvance  = `UPDATE conversations SET max_seq = $2, last_time = MAX(last_time, $3) WHERE id = $1`
	sqlSent     = `UPDATE members SET sent_seq = $3 WHERE conversation = $1 AND "user" = $2`
	sqlVersion  = `PRAGMA data_version`
	sqlSave     = `SAVEPOINT one`
	sqlRelease  = `RELEASE one`
	sqlUndo     = `ROLLBACK TO one`
	maxSeqWords = 1<<32 - 1 // beyond it a message has no words, see wordsRow
)

// sqliteBatch are the texts that the writer prepares.
var sqliteBatch = [...]string{
	sqlConversation, sqlGroupOf, sqlBroadcast, sqlConverse, sqlBelong, sqlMessage, sqlMention, sqlWords, sqlAdvance, sqlSent, sqlVersion, sqlSave, sqlRelease, sqlUndo,
}

// commitSQLite writes a batch in one transaction: its messages first, then what
// else is to be written, each within a savepoint, so that one which fails takes
// nothing of the others with it.
func (s *Store) commitSQLite(batch []*job) (err error) {
	ctx := context.Background()
	for _, text := range sqliteBatch {
		s.batch.prepared(ctx, text)
	}
	tx, err := s.writes.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = tx.Rollback() // SQLite may have done so already
		}
	}()
	t := s.batch.in(tx)
	convs := s.writer.convs
	defer func() {
		if err != nil {
			convs.forget() // what it has heard of may not have come true
		}
	}()
	if err := convs.check(ctx, t); err != nil {
		return err
	}
	if err := appendSQLite(ctx, t, convs, batch); err != nil {
		return err
	}
	for _, j := range batch {
		if j.draft != nil {
			continue
		}
		if !j.marks {
			convs.forget() // it may be about groups, or members
		}
		if err := s.alongside(ctx, t, j); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// alongside runs a job's f within a savepoint. Its own error is that the
// transaction as a whole is lost, as it is after some failures of the disk.
func (s *Store) alongside(ctx context.Context, t inTx, j *job) error {
	select {
	case <-j.ctx.Done():
		j.err = gaveUp(j.ctx)
		return nil
	default:
	}
	if _, err := t.exec(ctx, sqlSave); err != nil {
		return errors.Join(errLost, err)
	}
	if failure := j.call(t.tx); failure != nil {
		if _, err := t.exec(ctx, sqlUndo); err != nil {
			return errors.Join(errLost, failure, err)
		}
		j.err = s.failure(failure)
	}
	if _, err := t.exec(ctx, sqlRelease); err != nil {
		return errors.Join(errLost, err)
	}
	return nil
}

// errLost is a transaction that ended under its writer's hands. It is not tried
// again, as some of what it held has been called.
var errLost = errors.New("the transaction was lost")

// open is a conversation that a batch adds to.
type open struct {
	number int64
	maxSeq uint64
	first  uint64            // maxSeq before this batch, on PostgreSQL
	seated int               // how many are in it, of a single chat or notices on PostgreSQL
	last   int64             // time of its newest message in this batch
	sent   map[string]uint64 // the last seq of each sender in this batch
}

func appendSQLite(ctx context.Context, t inTx, convs *opened, batch []*job) error {
	touched := map[string]*open{}
	for _, j := range batch {
		d := j.draft
		if d == nil {
			continue
		}
		conv := touched[d.Conv]
		if conv == nil {
			var err error
			if conv, err = convs.find(ctx, t, d); err != nil {
				return err
			}
			if conv == nil {
				j.err = noConversation()
				continue
			}
			touched[d.Conv] = conv
			conv.last, conv.sent = 0, map[string]uint64{}
		}
		if err := insertSQLite(ctx, t, conv, d); err != nil {
			return err
		}
	}
	for _, conv := range touched {
		if len(conv.sent) == 0 {
			continue
		}
		if _, err := t.exec(ctx, sqlAdvance, conv.number, int64(conv.maxSeq), conv.last); err != nil {
			return fmt.Errorf("advance a conversation: %w", err)
		}
		for user, seq := range conv.sent {
			if _, err := t.exec(ctx, sqlSent, conv.number, user, int64(seq)); err != nil {
				return fmt.Errorf("note the sender's place: %w", err)
			}
		}
	}
	return nil
}

// openSQLite finds a conversation or begins it; nil for a group that isn't there.
func openSQLite(ctx context.Context, t inTx, d *sending) (*open, error) {
	conv := &open{}
	query := sqlConversation
	switch d.kind {
	case chat.KindGroup:
		query = sqlGroupOf
	case chat.KindBroadcast:
		query = sqlBroadcast
	}
	var seated int // how many of its users are in it; of a group, whether it is there
	err := t.QueryRowContext(ctx, query, d.Conv).Scan(&conv.number, &conv.maxSeq, &seated)
	missing := errors.Is(err, sql.ErrNoRows)
	switch {
	case err != nil && !missing:
		return nil, fmt.Errorf("find a conversation: %w", err)
	case d.kind == chat.KindGroup && seated == 0:
		return nil, nil // never made, or dismissed
	case missing:
		if err := t.QueryRowContext(ctx, sqlConverse, d.Conv).Scan(&conv.number); err != nil {
			return nil, fmt.Errorf("begin a conversation: %w", err)
		}
	}
	if seated >= len(d.users) {
		return conv, nil
	}
	// A new conversation, or one of an account that was deleted and made anew.
	for _, user := range d.users {
		if _, err := t.exec(ctx, sqlBelong, conv.number, user, int64(conv.maxSeq), d.Time); err != nil {
			return nil, fmt.Errorf("add a member: %w", err)
		}
	}
	return conv, nil
}

// insertSQLite gives a message the next seq, unless it is a duplicate: that
// takes none, or there would be a hole.
func insertSQLite(ctx context.Context, t inTx, conv *open, d *sending) error {
	seq := conv.maxSeq + 1
	n, err := t.exec(ctx, sqlMessage, conv.number, int64(seq), d.ID, d.From, sql.NullString{String: d.ClientID, Valid: d.ClientID != ""},
		d.Time, d.Body.Type, d.body, d.mention, d.OneDevice, d.Expires)
	if err != nil {
		return fmt.Errorf("insert a message: %w", err)
	}
	if d.duplicate = n == 0; d.duplicate {
		return nil
	}
	d.seq, conv.maxSeq = seq, seq
	conv.sent[d.From] = seq
	conv.last = max(conv.last, d.Time)
	return indexSQLite(ctx, t, conv.number, seq, d.words, d.Mention)
}
