package chat

import (
	"context"

	"pushd/internal/account"
)

// MessageRequest names a message.
type MessageRequest struct {
	ID string `json:"id"`
}

// Recalled is the reply of Recall, and the data of the push chat.Recalled.
type Recalled struct {
	ID   string `json:"id"`
	Conv string `json:"conv"`
	Seq  uint64 `json:"seq"`
	Rev  uint64 `json:"rev"`
	By   string `json:"by,omitempty"` // absent when a backend did it
	Time int64  `json:"time"`
}

// Recall takes a message back: its sender within the window for it, the owner and
// the admins of the group at any time, and so can a backend with scope admin.
func (s *Service) Recall(ctx context.Context, id account.Identity, r MessageRequest) (rep Recalled, err error) {
	defer s.audit("chat.recall", traceChange, id, r.ID, &err)
	if err := s.authorizeRecall(ctx, id, r.ID); err != nil {
		return Recalled{}, err
	}
	now := s.now()
	m, rev, err := s.store.Recall(ctx, r.ID, now)
	if err != nil {
		return Recalled{}, err
	}
	rep = Recalled{ID: m.ID, Conv: m.Conv, Seq: m.Seq, Rev: rev, By: id.User, Time: now}
	s.tell(ctx, toEverybody(m.Conv, id.Session), recalledPush.With(rep))
	return rep, nil
}
