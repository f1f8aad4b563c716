package store

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
)

// conversationWord stands among a message's words, so that the index alone finds a
// word in a conversation. No word of a text has a colon.
func conversationWord(convID int64) string { return "c:" + strconv.FormatInt(convID, 10) }

// wordsColumn is what the index keeps of a message.
func wordsColumn(convID int64, words []string) string {
	return conversationWord(convID) + " " + joinWords(words)
}

func (*postgresEngine) indexWords(ctx context.Context, tx *sql.Tx, convID int64, seq uint64, words []string) error {
	if len(words) == 0 {
		return nil
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO words (conversation, seq, words)
		VALUES ($1, $2, array_to_tsvector(string_to_array($3, ' ')))`, convID, int64(seq), wordsColumn(convID, words))
	if err != nil {
		return fmt.Errorf("index a message's words: %w", err)
	}
	return nil
}

func (*postgresEngine) unindexWords(ctx context.Context, tx *sql.Tx, convID int64, seq uint64) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM words WHERE conversation = $1 AND seq = $2`, convID, int64(seq))
	if err != nil {
		return fmt.Errorf("remove a message's words: %w", err)
	}
	return nil
}

// search asks once: the index knows the words and the conversations.
func (e *postgresEngine) search(ctx context.Context, q wordSearch) ([]messageRow, error) {
	in := make([]string, len(q.scopes))
	keys := make(map[int64]string, len(q.scopes))
	for i, scope := range q.scopes {
		in[i] = "'" + conversationWord(scope.convID) + "'"
		keys[scope.convID] = scope.key
	}
	match := "(" + strings.Join(in, "|") + ") & '" + strings.Join(q.terms, "' & '") + "'"
	rows, err := e.reads.QueryContext(ctx, `SELECT `+messageColumns+` FROM words w
		JOIN messages m ON m.conversation = w.conversation AND m.seq = w.seq
		JOIN members p ON p.conversation = w.conversation AND p."user" = $1 AND p.join_seq < w.seq`+joinHidden+`
		WHERE w.words @@ CAST($2::text AS tsquery)`+searchable+` ORDER BY m.id DESC LIMIT $5`,
		q.user, match, q.now, q.below, q.limit)
	found, err := scanRows(rows, err, (*messageRow).fields)
	if err != nil {
		return nil, fmt.Errorf("search conversations: %w", err)
	}
	for i := range found {
		found[i].Conv = keys[found[i].convID]
	}
	return found, nil
}
