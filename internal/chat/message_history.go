package chat

import (
	"context"
	"slices"

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
	defer s.audit("chat.history", traceRefusal, id, r.Conv+r.To, &err)
	in, err := s.authorizeConversation(ctx, id, r.Conv, r.To)
	if err == nil {
		err = s.hideFormer(ctx, &in)
	}
	if err != nil {
		return HistoryReply{}, err
	}
	return s.history(ctx, in, r)
}

// HistoryOf is History for backends with scope admin, of any conversation.
func (s *Service) HistoryOf(ctx context.Context, id account.Identity, r HistoryRequest) (rep HistoryReply, err error) {
	defer s.audit("chat.history_of", traceRefusal, id, r.Conv, &err)
	if err := id.Allow(account.ScopeAdmin); err != nil {
		return HistoryReply{}, err
	}
	kind, _, _, ok := ParseKey(r.Conv)
	if !ok {
		return HistoryReply{}, malformed("%.64q is not a conversation", r.Conv)
	}
	return s.history(ctx, membership{caller: backend, conv: r.Conv, kind: kind}, r)
}

func (s *Service) history(ctx context.Context, in membership, r HistoryRequest) (HistoryReply, error) {
	if r.Before != 0 && r.After != nil {
		return HistoryReply{}, malformed("before and after can't go together: leave one of them out")
	}
	q := PageQuery{Before: r.Before, From: in.member.JoinSeq, Limit: pageLimit(r.Limit), Now: s.now()}
	if r.After != nil {
		q.After, q.Forward = *r.After, true
	}
	page, more, err := s.page(ctx, in.User, in.conv, q, maxReply)
	if q.Forward {
		slices.Reverse(page)
	}
	return HistoryReply{Messages: page, More: more}, err
}

// page is Store.Page, not longer than bytes, and empty for a conversation in which
// nothing was said yet.
func (s *Service) page(
	ctx context.Context, reader, conv string, q PageQuery, bytes int,
) (page []Message, more bool, err error) {
	page, more, err = s.store.Page(ctx, reader, conv, q)
	if isNotFound(err) {
		return []Message{}, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	if n := howManyFit(page, bytes); n < len(page) {
		page, more = page[:n], true
	}
	return orEmpty(page), more, nil
}
