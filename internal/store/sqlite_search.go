package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// maxIndexedSeq is the last seq that wordsRow has room for; a message beyond it is
// not found by its words.
const maxIndexedSeq = 1<<32 - 1

// wordsRow is the number of a message's row in the index of words: the rows of one
// conversation stand together, in the order of its messages.
func wordsRow(convID int64, seq uint64) int64 { return convID<<32 | int64(seq) }

func (*sqliteEngine) indexWords(ctx context.Context, tx *sql.Tx, convID int64, seq uint64, words []string) error {
	if len(words) == 0 || seq > maxIndexedSeq {
		return nil
	}
	if _, err := tx.ExecContext(ctx, sqlInsertWords, wordsRow(convID, seq), joinWords(words)); err != nil {
		return fmt.Errorf("index a message's words: %w", err)
	}
	return nil
}

func (*sqliteEngine) unindexWords(ctx context.Context, tx *sql.Tx, convID int64, seq uint64) error {
	if seq > maxIndexedSeq {
		return nil
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM words WHERE rowid = $1`, wordsRow(convID, seq)); err != nil {
		return fmt.Errorf("remove a message's words: %w", err)
	}
	return nil
}

// sqlSearch keeps the order of its tables, the index first, by CROSS JOIN.
const sqlSearch = `SELECT ` + messageColumns + ` FROM words w CROSS JOIN messages m` + joinHidden + `
	WHERE w.words MATCH $2 AND w.rowid BETWEEN $6 AND $7
	AND m.conversation = $5 AND m.seq = w.rowid - ($5 << 32)` + searchable + `
	ORDER BY w.rowid DESC LIMIT $8`

// search asks one conversation after the other, as its rows in the index stand
// together: messages of other users cost nothing. It ends once no conversation left
// has anything as new as what it found.
func (e *sqliteEngine) search(ctx context.Context, q wordSearch) ([]messageRow, error) {
	// Quoted, each is one token of the index.
	match := `"` + strings.Join(q.terms, `" AND "`) + `"`
	var found []messageRow
	for _, scope := range q.scopes {
		if len(found) >= q.limit && scope.lastTime < found[q.limit-1].Time {
			break
		}
		first, last := wordsRow(scope.convID, scope.joinSeq+1), wordsRow(scope.convID, maxIndexedSeq)
		rows, err := e.cached.QueryContext(ctx, sqlSearch, q.user, match, q.now, q.below, scope.convID, first, last, q.limit)
		inScope, err := scanRows(rows, err, (*messageRow).fields)
		if err != nil {
			return nil, fmt.Errorf("search a conversation: %w", err)
		}
		for i := range inScope {
			inScope[i].Conv = scope.key
		}
		found = append(found, inScope...)
		slices.SortFunc(found, func(a, b messageRow) int { return strings.Compare(b.ID, a.ID) })
		found = found[:min(q.limit, len(found))]
	}
	return found, nil
}
