package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"pushd/internal/chat"
	"pushd/internal/store/commit"
)

// What a batch says on SQLite. All of it is prepared before the first batch.
const (
	// The third column is how many of its users are members; of a group, whether it is
	// there.
	sqlFindConversation = `SELECT id, max_seq, (SELECT COUNT(*) FROM members m WHERE m.conversation = c.id)
		FROM conversations c WHERE key = $1`
	sqlFindGroup = `SELECT id, max_seq, EXISTS (SELECT 1 FROM groups g WHERE g.conversation = c.id)
		FROM conversations c WHERE key = $1`
	sqlFindBroadcasts    = `SELECT id, max_seq, 0 FROM conversations WHERE key = $1`
	sqlBeginConversation = `INSERT INTO conversations (key) VALUES ($1) RETURNING id`
	sqlAddMember         = `INSERT INTO members (conversation, "user", join_seq, since) VALUES ($1, $2, $3, $4)
		ON CONFLICT (conversation, "user") DO NOTHING`
	sqlInsertMessage = `INSERT INTO messages
		(conversation, seq, id, sender, client_id, time, type, body, mention, one_device, expires)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
		ON CONFLICT (sender, client_id) WHERE client_id IS NOT NULL DO NOTHING`
	sqlInsertWords = `INSERT INTO words (rowid, text) VALUES ($1, $2)`
	sqlAdvance     = `UPDATE conversations SET max_seq = $2, last_time = MAX(last_time, $3) WHERE id = $1`
	sqlSetSent     = `UPDATE members SET sent_seq = $3 WHERE conversation = $1 AND "user" = $2`
	sqlDataVersion = `PRAGMA data_version`
	sqlSavepoint   = `SAVEPOINT one`
	sqlRelease     = `RELEASE one`
	sqlRollbackTo  = `ROLLBACK TO one`
)

// sqliteBatchTexts are what the writer prepares.
var sqliteBatchTexts = [...]string{
	sqlFindConversation, sqlFindGroup, sqlFindBroadcasts, sqlBeginConversation, sqlAddMember,
	sqlInsertMessage, sqlInsertMention, sqlInsertWords, sqlAdvance, sqlSetSent,
	sqlDataVersion, sqlSavepoint, sqlRelease, sqlRollbackTo,
}

// sqliteMaxBatch is how much work shares a commit. More would only make the first
// wait for the last.
const sqliteMaxBatch = 1000

func (*sqliteEngine) maxBatch() int { return sqliteMaxBatch }

// change implements writeEngine: all writes share commits, as the file has one writer
// at a time.
func (*sqliteEngine) change(ctx context.Context, w *commit.Writer[work], c work) error {
	return w.SubmitShared(ctx, c)
}

// Probe implements commit.Database: a transaction takes the file for writing when it
// begins.
func (e *sqliteEngine) Probe(ctx context.Context) error {
	tx, err := e.writes.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		return fmt.Errorf("begin a transaction: %w", err)
	}
	return tx.Rollback()
}

// Committed implements commit.Database.
func (*sqliteEngine) Committed(w work) { w.committed() }

// Commit implements commit.Database. It writes a batch in one transaction: its
// messages first, then the changes, each within a savepoint, so that one which fails
// takes nothing of the others with it.
func (e *sqliteEngine) Commit(batch []*commit.Job[work]) (err error) {
	ctx := context.Background()
	for _, text := range sqliteBatchTexts {
		e.batch.prepared(ctx, text)
	}
	tx, err := e.writes.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin a batch: %w", err)
	}
	defer func() {
		if err != nil {
			_ = tx.Rollback()        // SQLite may have done so already
			e.conversations.forget() // what it has heard of may not have come true
		}
	}()
	t := e.batch.in(tx)
	if err := e.conversations.check(ctx, t); err != nil {
		return err
	}
	if err := e.appendMessages(ctx, t, batch); err != nil {
		return err
	}
	for _, j := range batch {
		if j.Work.message != nil {
			continue
		}
		if !j.Work.marksOnly {
			e.conversations.forget() // the change may be about groups, or members
		}
		if err := runInSavepoint(ctx, t, j); err != nil {
			return err
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit a batch: %w", err)
	}
	return nil
}

// runInSavepoint runs a change, and undoes it when it fails. An error of its own is
// that the transaction as a whole is lost.
func runInSavepoint(ctx context.Context, t preparedTx, j *commit.Job[work]) error {
	if err := j.Abandoned(); err != nil {
		j.Fail(err)
		return nil
	}
	if _, err := t.exec(ctx, sqlSavepoint); err != nil {
		return errors.Join(errTransactionLost, err)
	}
	if failure := j.Run(func() error { return j.Work.change(t.tx) }); failure != nil {
		if _, err := t.exec(ctx, sqlRollbackTo); err != nil {
			return errors.Join(errTransactionLost, failure, err)
		}
		j.Fail(failure)
	}
	if _, err := t.exec(ctx, sqlRelease); err != nil {
		return errors.Join(errTransactionLost, err)
	}
	return nil
}

// sqliteConversation is a conversation that batches add to.
type sqliteConversation struct {
	id     int64
	maxSeq uint64
	// Of the batch at hand: the time of its newest message and the last seq of each
	// sender.
	lastTime int64
	sent     map[string]uint64
}

func (e *sqliteEngine) appendMessages(ctx context.Context, t preparedTx, batch []*commit.Job[work]) error {
	touched := map[string]*sqliteConversation{}
	for _, j := range batch {
		d := j.Work.message
		if d == nil {
			continue
		}
		conv := touched[d.Conv]
		if conv == nil {
			var err error
			if conv, err = e.conversations.find(ctx, t, d); err != nil {
				return err
			}
			if conv == nil {
				j.Fail(receivingGroupNotFound())
				continue
			}
			touched[d.Conv] = conv
			conv.lastTime, conv.sent = 0, map[string]uint64{}
		}
		if err := conv.insert(ctx, t, d); err != nil {
			return err
		}
	}
	for _, conv := range touched {
		if err := conv.advance(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

// findConversation finds a conversation or begins it; nil for a group that isn't
// there.
func findConversation(ctx context.Context, t preparedTx, d *draft) (*sqliteConversation, error) {
	conv := &sqliteConversation{}
	query := sqlFindConversation
	switch d.kind {
	case chat.KindGroup:
		query = sqlFindGroup
	case chat.KindBroadcast:
		query = sqlFindBroadcasts
	}
	var present int
	err := t.QueryRowContext(ctx, query, d.Conv).Scan(&conv.id, &conv.maxSeq, &present)
	missing := errors.Is(err, sql.ErrNoRows)
	switch {
	case err != nil && !missing:
		return nil, fmt.Errorf("find a conversation: %w", err)
	case d.kind == chat.KindGroup && present == 0:
		return nil, nil // never made, or dismissed
	case missing:
		if err := t.QueryRowContext(ctx, sqlBeginConversation, d.Conv).Scan(&conv.id); err != nil {
			return nil, fmt.Errorf("begin a conversation: %w", err)
		}
	}
	if present >= len(d.users) {
		return conv, nil
	}
	// A new conversation, or one of an account that was deleted and made anew.
	for _, user := range d.users {
		if _, err := t.exec(ctx, sqlAddMember, conv.id, user, int64(conv.maxSeq), d.Time); err != nil {
			return nil, fmt.Errorf("add a member: %w", err)
		}
	}
	return conv, nil
}

// insert gives a message the next seq, unless it is a duplicate: that takes none, or
// there would be a hole.
func (c *sqliteConversation) insert(ctx context.Context, t preparedTx, d *draft) error {
	seq := c.maxSeq + 1
	clientID := sql.NullString{String: d.ClientID, Valid: d.ClientID != ""}
	n, err := t.exec(ctx, sqlInsertMessage, c.id, int64(seq), d.ID, d.From, clientID,
		d.Time, d.Body.Type, d.body, d.mention, d.OneDevice, d.Expires)
	if err != nil {
		return fmt.Errorf("insert a message: %w", err)
	}
	if d.duplicate = n == 0; d.duplicate {
		return nil
	}
	d.seq, c.maxSeq = seq, seq
	c.sent[d.From] = seq
	c.lastTime = max(c.lastTime, d.Time)
	for _, user := range d.Mention {
		if _, err := t.exec(ctx, sqlInsertMention, c.id, user, int64(seq)); err != nil {
			return fmt.Errorf("index a mention: %w", err)
		}
	}
	if len(d.words) == 0 || seq > maxIndexedSeq {
		return nil
	}
	if _, err := t.exec(ctx, sqlInsertWords, wordsRow(c.id, seq), joinWords(d.words)); err != nil {
		return fmt.Errorf("index a message's words: %w", err)
	}
	return nil
}

// advance writes down how far the batch has moved the conversation and its senders.
func (c *sqliteConversation) advance(ctx context.Context, t preparedTx) error {
	if len(c.sent) == 0 {
		return nil
	}
	if _, err := t.exec(ctx, sqlAdvance, c.id, int64(c.maxSeq), c.lastTime); err != nil {
		return fmt.Errorf("advance a conversation: %w", err)
	}
	for user, seq := range c.sent {
		if _, err := t.exec(ctx, sqlSetSent, c.id, user, int64(seq)); err != nil {
			return fmt.Errorf("advance a sender: %w", err)
		}
	}
	return nil
}
