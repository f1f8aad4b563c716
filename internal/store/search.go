package store

import (
	"context"
	"slices"
	"strings"

	"pushd/internal/chat"
)

// sqlFound ends a search's conditions on messages m: what has no content for the
// reader isn't found, and pages go on below the id given.
const sqlFound = ` AND h.seq IS NULL AND m.type NOT IN ('recalled', 'gone') AND (m.expires = 0 OR m.expires > $3) AND m.id < $4`

// where is a conversation to search in, from the user's time in it.
type where struct {
	number, lastTime int64
	joinSeq          uint64
	key              string
}

// Search implements chat.Messages: all the words given have to be in a message.
func (s *Store) Search(ctx context.Context, user, text, conv string, limit int, cursor string, now int64) (found []chat.Message, next string, err error) {
	below, err := afterName(cursor)
	if err != nil {
		return nil, "", err
	}
	if cursor == "" {
		below = "~" // above every ULID
	}
	places, err := s.searchable(ctx, user, conv)
	if err != nil {
		return nil, "", err
	}
	terms := asked(text)
	if len(terms) == 0 || len(places) == 0 {
		return []chat.Message{}, "", nil
	}
	search := s.searchSQLite
	if s.engine == postgres {
		search = s.searchPostgres
	}
	rows, err := search(ctx, user, terms, places, limit+1, below, now)
	if err != nil {
		return nil, "", s.failure(err)
	}
	rows, more := cut(rows, limit)
	found = make([]chat.Message, len(rows))
	for i := range rows {
		if found[i], err = rows[i].seenBy(user, now); err == nil {
			err = s.react(ctx, s.cached, rows[i].number, found[i:i+1])
		}
		if err != nil {
			return nil, "", s.failure(err)
		}
	}
	if more {
		next = nameCursor(found[len(found)-1].ID)
	}
	return found, next, nil
}

// searchable are the user's conversations, or the one he names, the latest first.
func (s *Store) searchable(ctx context.Context, user, conv string) ([]where, error) {
	if conv != "" {
		p, err := s.placeOf(ctx, user, conv)
		if err != nil || p.virtual {
			return nil, err
		}
		return []where{{p.number, p.lastTime, p.member.JoinSeq, conv}}, nil
	}
	if err := s.seatEveryone(ctx, user); err != nil {
		return nil, err
	}
	rows, err := s.cached.QueryContext(ctx, `SELECT c.id, c.last_time, m.join_seq, c.key`+seatsFrom+` WHERE m."user" = $1 AND c.max_seq > m.join_seq ORDER BY c.last_time DESC, c.id`, user)
	places, err := scanAll(rows, err, func(w *where) []any { return []any{&w.number, &w.lastTime, &w.joinSeq, &w.key} })
	return places, s.failure(err)
}

// searchSQLite asks one conversation after the other, as its rows in the index
// stand together: what other users say costs nothing. It ends once no
// conversation left has anything as new as what it found.
func (s *Store) searchSQLite(ctx context.Context, user string, terms []string, places []where, limit int, below string, now int64) ([]row, error) {
	// Quoted, each is one token of the index.
	match := `"` + strings.Join(terms, `" AND "`) + `"`
	var found []row
	for _, place := range places {
		if len(found) >= limit && place.lastTime < found[limit-1].Time {
			break
		}
		// CROSS JOIN keeps the order of the tables: the index first.
		rows, err := s.cached.QueryContext(ctx, `SELECT `+messageColumns+` FROM words w CROSS JOIN messages m`+hiddenFrom+`
			WHERE w.words MATCH $2 AND w.rowid BETWEEN $6 AND $7 AND m.conversation = $5 AND m.seq = w.rowid - ($5 << 32)`+sqlFound+`
			ORDER BY w.rowid DESC LIMIT $8`,
			user, match, now, below, place.number, wordsRow(place.number, place.joinSeq+1), wordsRow(place.number, maxSeqWords), limit)
		some, err := scanAll(rows, err, (*row).fields)
		if err != nil {
			return nil, err
		}
		for i := range some {
			some[i].Conv = place.key
		}
		found = append(found, some...)
		slices.SortFunc(found, func(a, b row) int { return strings.Compare(b.ID, a.ID) })
		found = found[:min(limit, len(found))]
	}
	return found, nil
}

// searchPostgres asks once: the index knows the words and the conversations.
func (s *Store) searchPostgres(ctx context.Context, user string, terms []string, places []where, limit int, below string, now int64) ([]row, error) {
	in := make([]string, len(places))
	keys := make(map[int64]string, len(places))
	for i, place := range places {
		in[i] = "'" + conversationWord(place.number) + "'"
		keys[place.number] = place.key
	}
	match := "(" + strings.Join(in, "|") + ") & '" + strings.Join(terms, "' & '") + "'"
	rows, err := s.cached.QueryContext(ctx, `SELECT `+messageColumns+` FROM words w
		JOIN messages m ON m.conversation = w.conversation AND m.seq = w.seq
		JOIN members p ON p.conversation = w.conversation AND p."user" = $1 AND p.join_seq < w.seq`+hiddenFrom+`
		WHERE w.words @@ CAST($2::text AS tsquery)`+sqlFound+` ORDER BY m.id DESC LIMIT $5`, user, match, now, below, limit)
	found, err := scanAll(rows, err, (*row).fields)
	for i := range found {
		found[i].Conv = keys[found[i].number]
	}
	return found, err
}
