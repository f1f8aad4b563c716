package chat

import (
	"context"

	"pushd/internal/account"
)

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
func (s *Service) Conversations(
	ctx context.Context, id account.Identity, r ConversationsRequest,
) (ConversationsReply, error) {
	if _, err := authorizeUser(id); err != nil {
		return ConversationsReply{}, err
	}
	return s.listConversations(ctx, id.User, r)
}

// UserConversationsRequest names whose conversations a backend asks for.
type UserConversationsRequest struct {
	User string `json:"user"`
	ConversationsRequest
}

// ConversationsOf is Conversations for backends with scope admin, of any user.
func (s *Service) ConversationsOf(
	ctx context.Context, id account.Identity, r UserConversationsRequest,
) (rep ConversationsReply, err error) {
	defer s.audit("chat.conversations_of", traceRefusal, id, r.User, &err)
	if err := id.Allow(account.ScopeAdmin); err != nil {
		return ConversationsReply{}, err
	}
	if err := account.ValidUserID(r.User); err != nil {
		return ConversationsReply{}, err
	}
	return s.listConversations(ctx, r.User, r.ConversationsRequest)
}

func (s *Service) listConversations(
	ctx context.Context, user string, r ConversationsRequest,
) (ConversationsReply, error) {
	now := s.now()
	heads, next, err := pageThatFits(pageLimit(r.Limit), func(limit int) ([]Head, string, error) {
		return s.store.Heads(ctx, user, limit, r.Cursor, now)
	}, func(h Head) int {
		if h.Last == nil {
			return 300
		}
		return 300 + cost(*h.Last)
	})
	return ConversationsReply{Conversations: orEmpty(heads), NextCursor: next}, err
}

// Unread is how many messages wait for a user, in all their conversations.
func (s *Service) Unread(ctx context.Context, user string) (int, error) {
	return s.store.Unread(ctx, user)
}
