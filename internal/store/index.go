package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// indexSQLite notes whom a message mentions and what words it has.
func indexSQLite(ctx context.Context, t inTx, number int64, seq uint64, words, mention []string) error {
	for _, user := range mention {
		if _, err := t.exec(ctx, sqlMention, number, user, int64(seq)); err != nil {
			return fmt.Errorf("note a mention: %w", err)
		}
	}
	if len(words) == 0 || seq > maxSeqWords {
		return nil
	}
	if _, err := t.exec(ctx, sqlWords, wordsRow(number, seq), strings.Join(words, " ")); err != nil {
		return fmt.Errorf("note a message's words: %w", err)
	}
	return nil
}

// index notes whom an edited message mentions and what words it has now.
func (s *Store) index(ctx context.Context, tx *sql.Tx, number int64, seq uint64, words, mention []string) error {
	if s.engine == sqlite {
		return indexSQLite(ctx, s.batch.in(tx), number, seq, words, mention)
	}
	for _, user := range mention {
		if _, err := tx.ExecContext(ctx, sqlMention, number, user, int64(seq)); err != nil {
			return fmt.Errorf("note a mention: %w", err)
		}
	}
	if len(words) == 0 {
		return nil
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO words (conversation, seq, words) VALUES ($1, $2, array_to_tsvector(string_to_array($3, ' ')))`,
		number, int64(seq), conversationWord(number)+" "+strings.Join(words, " "))
	if err != nil {
		return fmt.Errorf("note a message's words: %w", err)
	}
	return nil
}

// unindex takes away what index noted.
func (s *Store) unindex(ctx context.Context, tx *sql.Tx, number int64, seq uint64, mention []string) error {
	for _, user := range mention {
		if _, err := tx.ExecContext(ctx, `DELETE FROM mentions WHERE conversation = $1 AND "user" = $2 AND seq = $3`, number, user, int64(seq)); err != nil {
			return fmt.Errorf("remove a mention: %w", err)
		}
	}
	var err error
	switch {
	case s.engine == postgres:
		_, err = tx.ExecContext(ctx, `DELETE FROM words WHERE conversation = $1 AND seq = $2`, number, int64(seq))
	case seq <= maxSeqWords:
		_, err = tx.ExecContext(ctx, `DELETE FROM words WHERE rowid = $1`, wordsRow(number, seq))
	}
	if err != nil {
		return fmt.Errorf("remove a message's words: %w", err)
	}
	return nil
}
