package chat

import (
	"context"
	"slices"
	"strings"

	"pushd/internal/account"
)

// HistoryRequest asks for a page of a conversation: the messages before a seq, those
// after one, or the newest.
type HistoryRequest struct {
	Conv   string  `json:"conv,omitempty"`
	To     string  `json:"to,omitempty"`
	Before uint64  `json:"before,omitempty"`
	After  *uint64 `json:"after,omitempty"`
	Limit  int     `json:"limit,omitempty"`
}

// HistoryReply is a page, newest first. More tells that there are others in the
// direction asked for.
type HistoryReply struct {
	Messages []Message `json:"messages"`
	More     bool      `json:"more"`
}

// History is a page of a conversation of the user's.
func (s *Service) History(ctx context.Context, id account.Identity, r HistoryRequest) (rep HistoryReply, err error) {
	defer func() { s.refused("chat.history", id, r.Conv+r.To, &err) }()
	p, err := s.seatOf(ctx, id, r.Conv, r.To)
	if err != nil {
		return HistoryReply{}, err
	}
	return s.history(ctx, p, r)
}

// HistoryOf is History for backends with scope admin, of any conversation.
func (s *Service) HistoryOf(ctx context.Context, id account.Identity, r HistoryRequest) (rep HistoryReply, err error) {
	defer func() { s.refused("chat.history_of", id, r.Conv, &err) }()
	if err := id.Allow(account.ScopeAdmin); err != nil {
		return HistoryReply{}, err
	}
	kind, _, _, ok := ParseKey(r.Conv)
	if !ok {
		return HistoryReply{}, malformed("%.64q is not a conversation", r.Conv)
	}
	return s.history(ctx, seat{conv: r.Conv, kind: kind}, r)
}

func (s *Service) history(ctx context.Context, p seat, r HistoryRequest) (HistoryReply, error) {
	if r.Before != 0 && r.After != nil {
		return HistoryReply{}, malformed("give either before or after")
	}
	q := PageQuery{Before: r.Before, From: p.joinSeq, Limit: pageLimit(r.Limit), Now: s.now()}
	if r.After != nil {
		q.After, q.Forward = *r.After, true
	}
	page, more, err := s.page(ctx, p.user, p.conv, q, maxReply)
	if q.Forward {
		slices.Reverse(page)
	}
	return HistoryReply{Messages: page, More: more}, err
}

// page is Store.Page, not longer than bytes, and empty for a conversation in which
// nothing was said yet.
func (s *Service) page(ctx context.Context, reader, conv string, q PageQuery, bytes int) (page []Message, more bool, err error) {
	page, more, err = s.store.Page(ctx, reader, conv, q)
	if missing(err) {
		return []Message{}, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	if n := fitting(page, bytes); n < len(page) {
		page, more = page[:n], true
	}
	return list(page), more, nil
}

// list keeps null out of replies.
func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}

// ConversationsRequest asks for a page of the user's conversations.
type ConversationsRequest struct {
	Limit  int    `json:"limit,omitempty"`
	Cursor string `json:"cursor,omitempty"`
}

// ConversationsReply is a page; without a cursor it is the last.
type ConversationsReply struct {
	Conversations []Head `json:"conversations"`
	NextCursor    string `json:"next_cursor,omitempty"`
}

// Conversations are the user's, the one with the latest message first.
func (s *Service) Conversations(ctx context.Context, id account.Identity, r ConversationsRequest) (ConversationsReply, error) {
	if err := asUser(id); err != nil {
		return ConversationsReply{}, err
	}
	return s.conversations(ctx, id.User, r)
}

// UserConversationsRequest names whose conversations a backend asks for.
type UserConversationsRequest struct {
	User string `json:"user"`
	ConversationsRequest
}

// ConversationsOf is Conversations for backends with scope admin, of any user.
func (s *Service) ConversationsOf(ctx context.Context, id account.Identity, r UserConversationsRequest) (rep ConversationsReply, err error) {
	defer func() { s.refused("chat.conversations_of", id, r.User, &err) }()
	if err := id.Allow(account.ScopeAdmin); err != nil {
		return ConversationsReply{}, err
	}
	if err := account.ValidUserID(r.User); err != nil {
		return ConversationsReply{}, err
	}
	return s.conversations(ctx, r.User, r.ConversationsRequest)
}

func (s *Service) conversations(ctx context.Context, user string, r ConversationsRequest) (ConversationsReply, error) {
	now := s.now()
	heads, next, err := fewer(pageLimit(r.Limit), func(limit int) ([]Head, string, error) {
		return s.store.Heads(ctx, user, limit, r.Cursor, now)
	}, func(h Head) int {
		if h.Last == nil {
			return 300
		}
		return 300 + cost(*h.Last)
	})
	return ConversationsReply{Conversations: list(heads), NextCursor: next}, err
}

// fewer reads a page whose cursor is the store's, and a shorter one where it would
// be too much for a reply.
func fewer[T any](limit int, read func(limit int) ([]T, string, error), cost func(T) int) (page []T, next string, err error) {
	for ; ; limit /= 2 {
		if page, next, err = read(limit); err != nil || len(page) <= 1 {
			return page, next, err
		}
		bytes := 0
		for _, item := range page {
			bytes += cost(item)
		}
		if bytes <= maxReply {
			return page, next, nil
		}
		limit = len(page)
	}
}

// SearchRequest asks for messages with all of the words in Q, in one conversation
// or in all of the user's.
type SearchRequest struct {
	Q      string `json:"q"`
	Conv   string `json:"conv,omitempty"`
	Limit  int    `json:"limit,omitempty"`
	Cursor string `json:"cursor,omitempty"`
}

// SearchReply is a page, newest first; without a cursor it is the last.
type SearchReply struct {
	Messages   []Message `json:"messages"`
	NextCursor string    `json:"next_cursor,omitempty"`
}

// maxQuery is the longest text that is searched for, in bytes.
const maxQuery = 256

// Search finds messages that the user can read.
func (s *Service) Search(ctx context.Context, id account.Identity, r SearchRequest) (rep SearchReply, err error) {
	defer func() { s.refused("chat.search", id, r.Conv, &err) }()
	if err := asUser(id); err != nil {
		return SearchReply{}, err
	}
	words := strings.TrimSpace(r.Q)
	if words == "" || len(words) > maxQuery || !printable(words) {
		return SearchReply{}, malformed("q is what to look for: 1 to %d bytes of printable characters", maxQuery)
	}
	if r.Conv != "" {
		if _, err := s.sit(ctx, id.User, r.Conv); err != nil {
			return SearchReply{}, err
		}
	}
	now := s.now()
	found, next, err := fewer(pageLimit(r.Limit), func(limit int) ([]Message, string, error) {
		return s.store.Search(ctx, id.User, words, r.Conv, limit, r.Cursor, now)
	}, cost)
	return SearchReply{Messages: list(found), NextCursor: next}, err
}

// Unread is how many messages wait for a user, in all his conversations.
func (s *Service) Unread(ctx context.Context, user string) (int, error) {
	return s.store.Unread(ctx, user)
}
