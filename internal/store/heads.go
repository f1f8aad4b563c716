package store

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"pushd/internal/chat"
	"pushd/internal/codec"
)

// lastColumns are what row.fields takes of a conversation's newest message l, which
// may be missing or before the reader's time. h is its deletion by the reader.
const (
	lastColumns = `COALESCE(l.conversation, 0), COALESCE(l.seq, 0), COALESCE(l.id, ''), COALESCE(l.sender, ''), l.client_id, COALESCE(l.time, 0),
	COALESCE(l.type, ''), COALESCE(l.body, ''), COALESCE(l.mention, ''), COALESCE(l.one_device, FALSE), COALESCE(l.expires, 0), COALESCE(l.edited, 0),
	COALESCE(l.rev, 0), h.seq IS NOT NULL`
	lastFrom = ` LEFT JOIN messages l ON l.conversation = c.id AND l.seq = c.max_seq AND l.seq > m.join_seq
	LEFT JOIN hidden h ON h.conversation = c.id AND h."user" = m."user" AND h.seq = c.max_seq`

	sqlHead = `SELECT ` + seatColumns + `, ` + lastColumns + seatsFrom + lastFrom + ` WHERE m."user" = $1 AND c.key = $2`
	// The page is chosen first: what its columns ask for costs more than choosing.
	sqlHeads = `SELECT ` + seatColumns + `, ` + lastColumns + ` FROM (
		SELECT k.conversation FROM members k JOIN conversations o ON o.id = k.conversation
		WHERE k."user" = $1 AND o.max_seq >= k.hidden_seq AND (o.last_time < $2 OR o.last_time = $2 AND o.id < $3)
		ORDER BY o.last_time DESC, o.id DESC LIMIT $4
	) page JOIN members m ON m.conversation = page.conversation AND m."user" = $1 JOIN conversations c ON c.id = m.conversation` + lastFrom + `
	ORDER BY c.last_time DESC, c.id DESC`
	sqlKnown  = `SELECT c.id, c.key, c.max_seq, c.rev` + seatsFrom + ` WHERE m."user" = $1 AND c.key > $2 ORDER BY c.key`
	sqlUnread = `SELECT CAST(COALESCE(SUM(c.max_seq - (` + floor + `)), 0) AS BIGINT)` + seatsFrom + ` WHERE m."user" = $1`
)

// headRow is a seat with its conversation's newest message.
type headRow struct {
	seat
	last row
}

func (h *headRow) fields() []any { return append(h.seat.fields(), h.last.fields()...) }

// Head implements chat.Conversations.
func (s *Store) Head(ctx context.Context, user, conv string, now int64) (chat.Head, error) {
	p, err := s.placeOf(ctx, user, conv)
	if err != nil {
		return chat.Head{}, err
	}
	if p.virtual {
		return p.head(), nil
	}
	found, err := s.headRows(ctx, now, sqlHead, user, conv)
	if err != nil {
		return chat.Head{}, s.failure(err)
	}
	if len(found) == 0 { // he was removed this moment
		return chat.Head{}, noConversation()
	}
	return found[0], nil
}

// Heads implements chat.Conversations.
func (s *Store) Heads(ctx context.Context, user string, limit int, cursor string, now int64) (page []chat.Head, next string, err error) {
	time, number, err := beforeHead(cursor)
	if err != nil {
		return nil, "", err
	}
	if err := s.seatEveryone(ctx, user); err != nil {
		return nil, "", err
	}
	rows, err := s.cached.QueryContext(ctx, sqlHeads, user, time, number, limit+1)
	found, err := scanAll(rows, err, (*headRow).fields)
	if err != nil {
		return nil, "", s.failure(err)
	}
	found, more := cut(found, limit)
	if more {
		last := found[len(found)-1]
		next = headCursor(last.lastTime, last.number)
	}
	page, err = s.headsOf(ctx, found, now)
	return page, next, s.failure(err)
}

func (s *Store) headRows(ctx context.Context, now int64, query string, args ...any) ([]chat.Head, error) {
	rows, err := s.cached.QueryContext(ctx, query, args...)
	found, err := scanAll(rows, err, (*headRow).fields)
	if err != nil {
		return nil, err
	}
	return s.headsOf(ctx, found, now)
}

// headsOf makes heads of rows, with their newest messages as the member sees them.
func (s *Store) headsOf(ctx context.Context, found []headRow, now int64) ([]chat.Head, error) {
	page := make([]chat.Head, len(found))
	for i := range found {
		h := &found[i]
		page[i] = h.head()
		if h.last.Seq == 0 {
			continue
		}
		h.last.Conv = h.Conv
		last, err := h.last.seenBy(h.member.User, now)
		if err != nil {
			return nil, err
		}
		one := []chat.Message{last}
		if err := s.react(ctx, s.cached, h.number, one); err != nil {
			return nil, err
		}
		page[i].Last = &one[0]
	}
	return page, nil
}

// Moved implements chat.Conversations. It looks through all of the user's
// conversations for those that moved, and only then at these in full.
func (s *Store) Moved(ctx context.Context, user string, known map[string]chat.Mark, after string, limit int) (page []chat.Head, next string, err error) {
	if err := s.seatEveryone(ctx, user); err != nil {
		return nil, "", err
	}
	moved, more, err := s.movedNumbers(ctx, user, known, after, limit)
	if err != nil || len(moved) == 0 {
		return []chat.Head{}, "", s.failure(err)
	}
	rows, err := s.cached.QueryContext(ctx, `SELECT `+seatColumns+seatsFrom+` WHERE m."user" = $1 AND `+s.among("m.conversation", "$2")+` ORDER BY c.key`,
		user, s.list(moved))
	found, err := scanAll(rows, err, (*seat).fields)
	if err != nil {
		return nil, "", s.failure(err)
	}
	page = make([]chat.Head, len(found))
	for i := range found {
		page[i] = found[i].head()
	}
	if more && len(page) > 0 {
		next = page[len(page)-1].Conv
	}
	return page, next, nil
}

func (s *Store) movedNumbers(ctx context.Context, user string, known map[string]chat.Mark, after string, limit int) (moved []int64, more bool, err error) {
	rows, err := s.cached.QueryContext(ctx, sqlKnown, user, after)
	if err != nil {
		return nil, false, err
	}
	defer rows.Close()
	for rows.Next() {
		var number int64
		var key string
		var at chat.Mark
		if err := rows.Scan(&number, &key, &at.Seq, &at.Rev); err != nil {
			return nil, false, err
		}
		if mark, is := known[key]; is && at == mark {
			continue
		}
		if len(moved) == limit {
			return moved, true, nil
		}
		moved = append(moved, number)
	}
	return moved, false, rows.Err()
}

// Unread implements chat.Conversations.
func (s *Store) Unread(ctx context.Context, user string) (int, error) {
	if err := s.seatEveryone(ctx, user); err != nil {
		return 0, err
	}
	var n int
	err := s.cached.QueryRowContext(ctx, sqlUnread, user).Scan(&n)
	return n, s.failure(err)
}

// among is a condition that a number is one of a list, which is one argument: so
// that the text is the same for every length.
func (s *Store) among(column, argument string) string {
	if s.engine == postgres {
		return column + ` = ANY (` + argument + `::bigint[])`
	}
	return column + ` IN (SELECT value FROM json_each(` + argument + `))`
}

// list is the argument of among.
func (s *Store) list(numbers []int64) any {
	if s.engine == postgres {
		return numbers
	}
	text, err := json.Marshal(numbers)
	if err != nil {
		panic("store: numbers are always JSON: " + err.Error())
	}
	return string(text)
}

// headCursor holds the time and number of the last conversation of a page.
func headCursor(time, number int64) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d:%d", time, number))
}

func beforeHead(cursor string) (time, number int64, err error) {
	if cursor == "" {
		return math.MaxInt64, math.MaxInt64, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	first, second, _ := strings.Cut(string(text), ":")
	time, errTime := strconv.ParseInt(first, 10, 64)
	number, errNumber := strconv.ParseInt(second, 10, 64)
	if err != nil || errTime != nil || errNumber != nil {
		return 0, 0, codec.Errorf(codec.CodeMalformed, "this cursor is none of ours: leave it out to start again")
	}
	return time, number, nil
}
