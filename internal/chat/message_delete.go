package chat

import (
	"context"

	"pushd/internal/account"
)

// maxDelete is how many messages one request deletes.
const maxDelete = 200

// DeleteRequest names messages that the user no longer wants to see.
type DeleteRequest struct {
	Conv string   `json:"conv,omitempty"`
	To   string   `json:"to,omitempty"`
	Seqs []uint64 `json:"seqs"`
}

// Deleted is the data of the push chat.Deleted, which the user's other devices get.
type Deleted struct {
	Conv string   `json:"conv"`
	Seqs []uint64 `json:"seqs"`
}

// Delete takes messages away from one reader, on all of their devices. The others
// keep them.
func (s *Service) Delete(ctx context.Context, id account.Identity, r DeleteRequest) (_ struct{}, err error) {
	defer s.audit("chat.delete", traceRefusal, id, r.Conv+r.To, &err)
	switch {
	case len(r.Seqs) == 0:
		return struct{}{}, malformed("seqs is empty: name the messages to delete")
	case len(r.Seqs) > maxDelete:
		return struct{}{}, tooLarge("seqs has at most %d messages, not %d", maxDelete, len(r.Seqs))
	}
	in, err := s.authorizeConversation(ctx, id, r.Conv, r.To)
	if err != nil {
		return struct{}{}, err
	}
	if err := s.store.Hide(ctx, in.conv, id.User, r.Seqs); err != nil {
		return struct{}{}, err
	}
	s.tell(ctx, toOwnDevices(in.conv, id.User, id.Session), deletedPush.With(Deleted{in.conv, r.Seqs}))
	return struct{}{}, nil
}
