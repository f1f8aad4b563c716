package chat

import (
	"context"

	"pushd/internal/account"
)

// ConvRequest names a conversation.
type ConvRequest struct {
	Conv string `json:"conv,omitempty"`
	To   string `json:"to,omitempty"`
}

// Hidden is the data of the push chat.Hidden, which the user's other devices get.
type Hidden struct {
	Conv string `json:"conv"`
}

// Hide takes a conversation off the user's list until its next message.
func (s *Service) Hide(ctx context.Context, id account.Identity, r ConvRequest) (_ struct{}, err error) {
	defer s.audit("chat.hide", traceRefusal, id, r.Conv+r.To, &err)
	m, err := s.authorizeConversation(ctx, id, r.Conv, r.To)
	if err != nil {
		return struct{}{}, err
	}
	if err := s.store.HideConversation(ctx, m.conv, id.User); err != nil {
		return struct{}{}, err
	}
	s.tell(ctx, toOwnDevices(m.conv, id.User, id.Session), hiddenPush.With(Hidden{m.conv}))
	return struct{}{}, nil
}
