package store

import (
	"context"
	"fmt"

	"pushd/internal/chat"
)

// searchable ends a search's conditions on messages m: what has no content for the
// reader isn't found, and pages go on below the id given.
const searchable = ` AND h.seq IS NULL AND m.type NOT IN ('recalled', 'gone')
	AND (m.expires = 0 OR m.expires > $3) AND m.id < $4`

// aboveAllIDs is behind every ULID.
const aboveAllIDs = "~"

// wordSearch asks an engine for messages that hold all the terms.
type wordSearch struct {
	user   string
	terms  []string
	scopes []searchScope // the latest first
	below  string        // id of a message
	now    int64         // Unix milliseconds
	limit  int
}

// searchScope is a conversation to search in, from when the user joined it.
type searchScope struct {
	convID, lastTime int64
	joinSeq          uint64
	key              string
}

// Search implements chat.Messages: all the words given have to be in a message.
func (s *Store) Search(
	ctx context.Context, user, text, conv string, limit int, cursor string, now int64,
) (found []chat.Message, next string, err error) {
	defer s.answer("message.search", &err)
	below, err := decodeCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	if cursor == "" {
		below = aboveAllIDs
	}
	scopes, err := s.searchScopes(ctx, user, conv)
	if err != nil {
		return nil, "", err
	}
	terms := searchTerms(text)
	if len(terms) == 0 || len(scopes) == 0 {
		return []chat.Message{}, "", nil
	}
	rows, err := s.engine.search(ctx, wordSearch{
		user: user, terms: terms, scopes: scopes, below: below, now: now, limit: limit + 1,
	})
	if err != nil {
		return nil, "", err
	}
	rows, next = cursorPage(rows, limit, func(r messageRow) string { return r.ID })
	found = make([]chat.Message, len(rows))
	for i := range rows {
		if found[i], err = rows[i].seenBy(user, now); err != nil {
			return nil, "", err
		}
		if err := loadReactions(ctx, s.cached, rows[i].convID, found[i:i+1]); err != nil {
			return nil, "", err
		}
	}
	return found, next, nil
}

// searchScopes are the user's conversations, or the one named, the latest first.
func (s *Store) searchScopes(ctx context.Context, user, conv string) ([]searchScope, error) {
	if conv != "" {
		p, err := s.membershipOf(ctx, user, conv)
		if err != nil || p.virtual {
			return nil, err
		}
		return []searchScope{{p.convID, p.lastTime, p.member.JoinSeq, conv}}, nil
	}
	if err := s.joinBroadcasts(ctx, user); err != nil {
		return nil, err
	}
	rows, err := s.cached.QueryContext(ctx, `SELECT c.id, c.last_time, m.join_seq, c.key`+membershipTables+`
		WHERE m."user" = $1 AND c.max_seq > m.join_seq ORDER BY c.last_time DESC, c.id`, user)
	scopes, err := scanRows(rows, err, func(w *searchScope) []any {
		return []any{&w.convID, &w.lastTime, &w.joinSeq, &w.key}
	})
	if err != nil {
		return nil, fmt.Errorf("find the user's conversations: %w", err)
	}
	return scopes, nil
}
