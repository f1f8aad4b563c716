package store

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"

	"pushd/internal/chat"
)

const (
	// lastColumns are what messageRow.fields takes of a conversation's newest message l,
	// which may be missing or from before the reader joined. h is its deletion by the
	// reader.
	lastColumns = `COALESCE(l.conversation, 0), COALESCE(l.seq, 0), COALESCE(l.id, ''), COALESCE(l.sender, ''), l.client_id,
		COALESCE(l.time, 0), COALESCE(l.type, ''), COALESCE(l.body, ''), COALESCE(l.mention, ''),
		COALESCE(l.one_device, FALSE), COALESCE(l.expires, 0), COALESCE(l.edited, 0), COALESCE(l.rev, 0), h.seq IS NOT NULL`
	joinLast = `
		LEFT JOIN messages l ON l.conversation = c.id AND l.seq = c.max_seq AND l.seq > m.join_seq
		LEFT JOIN hidden h ON h.conversation = c.id AND h."user" = m."user" AND h.seq = c.max_seq`

	sqlHead = `SELECT ` + membershipColumns + `, ` + lastColumns + membershipTables + joinLast +
		` WHERE m."user" = $1 AND c.key = $2`
	// The page is chosen first: what its columns ask for costs more than choosing.
	sqlHeads = `SELECT ` + membershipColumns + `, ` + lastColumns + ` FROM (
			SELECT k.conversation FROM members k JOIN conversations o ON o.id = k.conversation
			WHERE k."user" = $1 AND o.max_seq >= k.hidden_seq AND (o.last_time < $2 OR o.last_time = $2 AND o.id < $3)
			ORDER BY o.last_time DESC, o.id DESC LIMIT $4
		) page
		JOIN members m ON m.conversation = page.conversation AND m."user" = $1
		JOIN conversations c ON c.id = m.conversation` + joinLast + `
		ORDER BY c.last_time DESC, c.id DESC`
	sqlMarksOfUser = `SELECT c.id, c.key, c.max_seq, c.rev` + membershipTables +
		` WHERE m."user" = $1 AND c.key > $2 ORDER BY c.key`
	sqlUnread = `SELECT CAST(COALESCE(SUM(c.max_seq - (` + seenSeq + `)), 0) AS BIGINT)` + membershipTables +
		` WHERE m."user" = $1`
)

// headRow is a membership with its conversation's newest message.
type headRow struct {
	membership
	last messageRow
}

func (h *headRow) fields() []any { return append(h.membership.fields(), h.last.fields()...) }

// Head implements chat.Conversations.
func (s *Store) Head(ctx context.Context, user, conv string, now int64) (_ chat.Head, err error) {
	defer s.answer("conversation.head", &err)
	m, err := s.membershipOf(ctx, user, conv)
	if err != nil {
		return chat.Head{}, err
	}
	if m.virtual {
		return m.head(), nil
	}
	found, err := s.headRows(ctx, sqlHead, user, conv)
	if err != nil {
		return chat.Head{}, err
	}
	if len(found) == 0 { // the user was removed this moment
		return chat.Head{}, conversationNotFound()
	}
	return s.buildHead(ctx, &found[0], now)
}

// Heads implements chat.Conversations.
func (s *Store) Heads(
	ctx context.Context, user string, limit int, cursor string, now int64,
) (page []chat.Head, next string, err error) {
	defer s.answer("conversation.heads", &err)
	time, convID, err := decodeHeadCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	if err := s.joinBroadcasts(ctx, user); err != nil {
		return nil, "", err
	}
	found, err := s.headRows(ctx, sqlHeads, user, time, convID, limit+1)
	if err != nil {
		return nil, "", err
	}
	found, next = cursorPage(found, limit, func(h headRow) string { return fmt.Sprintf("%d:%d", h.lastTime, h.convID) })
	page = make([]chat.Head, len(found))
	for i := range found {
		if page[i], err = s.buildHead(ctx, &found[i], now); err != nil {
			return nil, "", err
		}
	}
	return page, next, nil
}

// decodeHeadCursor is the time and the id of the last conversation of the page before.
func decodeHeadCursor(cursor string) (time, convID int64, err error) {
	if cursor == "" {
		return math.MaxInt64, math.MaxInt64, nil
	}
	place, err := decodeCursor(cursor)
	if err != nil {
		return 0, 0, err
	}
	first, second, _ := strings.Cut(place, ":")
	time, errTime := strconv.ParseInt(first, 10, 64)
	convID, errID := strconv.ParseInt(second, 10, 64)
	if errTime != nil || errID != nil {
		return 0, 0, cursorInvalid()
	}
	return time, convID, nil
}

func (s *Store) headRows(ctx context.Context, query string, args ...any) ([]headRow, error) {
	rows, err := s.cached.QueryContext(ctx, query, args...)
	found, err := scanRows(rows, err, (*headRow).fields)
	if err != nil {
		return nil, fmt.Errorf("read heads: %w", err)
	}
	return found, nil
}

// buildHead makes a head of a row, with its newest message as the member sees it.
func (s *Store) buildHead(ctx context.Context, r *headRow, now int64) (chat.Head, error) {
	h := r.head()
	if r.last.Seq == 0 {
		return h, nil
	}
	r.last.Conv = h.Conv
	last, err := r.last.seenBy(r.member.User, now)
	if err != nil {
		return chat.Head{}, err
	}
	page := []chat.Message{last}
	if err := loadReactions(ctx, s.cached, r.convID, page); err != nil {
		return chat.Head{}, err
	}
	h.Last = &page[0]
	return h, nil
}

// Moved implements chat.Conversations. It looks through all of the user's
// conversations for those that moved, and only then at these in full.
func (s *Store) Moved(
	ctx context.Context, user string, known map[string]chat.Mark, after string, limit int,
) (page []chat.Head, next string, err error) {
	defer s.answer("conversation.moved", &err)
	if err := s.joinBroadcasts(ctx, user); err != nil {
		return nil, "", err
	}
	moved, more, err := s.movedIDs(ctx, user, known, after, limit)
	if err != nil || len(moved) == 0 {
		return []chat.Head{}, "", err
	}
	rows, err := s.cached.QueryContext(ctx, `SELECT `+membershipColumns+membershipTables+`
		WHERE m."user" = $1 AND `+s.engine.oneOf("m.conversation", "$2")+` ORDER BY c.key`, user, s.engine.list(moved))
	found, err := scanRows(rows, err, (*membership).fields)
	if err != nil {
		return nil, "", err
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

// movedIDs are the conversations that are elsewhere than the client knows, at most
// limit.
func (s *Store) movedIDs(
	ctx context.Context, user string, known map[string]chat.Mark, after string, limit int,
) (moved []int64, more bool, err error) {
	rows, err := s.cached.QueryContext(ctx, sqlMarksOfUser, user, after)
	if err != nil {
		return nil, false, err
	}
	defer rows.Close()
	for rows.Next() {
		var convID int64
		var key string
		var now chat.Mark
		if err := rows.Scan(&convID, &key, &now.Seq, &now.Rev); err != nil {
			return nil, false, err
		}
		if mark, is := known[key]; is && now == mark {
			continue
		}
		if len(moved) == limit {
			return moved, true, nil
		}
		moved = append(moved, convID)
	}
	return moved, false, rows.Err()
}

// Unread implements chat.Conversations.
func (s *Store) Unread(ctx context.Context, user string) (n int, err error) {
	defer s.answer("conversation.unread", &err)
	if err := s.joinBroadcasts(ctx, user); err != nil {
		return 0, err
	}
	err = s.cached.QueryRowContext(ctx, sqlUnread, user).Scan(&n)
	return n, err
}
