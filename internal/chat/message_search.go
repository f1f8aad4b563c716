package chat

import (
	"context"
	"strings"

	"pushd/internal/account"
)

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
	defer s.audit("chat.search", traceRefusal, id, r.Conv, &err)
	c, err := authorizeUser(id)
	if err != nil {
		return SearchReply{}, err
	}
	words := strings.TrimSpace(r.Q)
	if words == "" || len(words) > maxQuery || !printable(words) {
		return SearchReply{}, malformed("q is what to look for: 1 to %d bytes of printable characters", maxQuery)
	}
	if r.Conv != "" {
		if _, err := s.authorizeRead(ctx, c, r.Conv); err != nil {
			return SearchReply{}, err
		}
	}
	now := s.now()
	found, next, err := pageThatFits(pageLimit(r.Limit), func(limit int) ([]Message, string, error) {
		return s.store.Search(ctx, id.User, words, r.Conv, limit, r.Cursor, now)
	}, cost)
	return SearchReply{Messages: orEmpty(found), NextCursor: next}, err
}
