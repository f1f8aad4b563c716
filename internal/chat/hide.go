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

// Delete takes messages away from one reader, on all of his devices. The others
// keep them.
func (s *Service) Delete(ctx context.Context, id account.Identity, r DeleteRequest) (_ struct{}, err error) {
	defer func() { s.refused("chat.delete", id, r.Conv+r.To, &err) }()
	switch {
	case len(r.Seqs) == 0:
		return struct{}{}, malformed("seqs is empty")
	case len(r.Seqs) > maxDelete:
		return struct{}{}, tooLarge("seqs has at most %d messages, not %d", maxDelete, len(r.Seqs))
	}
	p, err := s.seatOf(ctx, id, r.Conv, r.To)
	if err != nil {
		return struct{}{}, err
	}
	if err := s.store.Hide(ctx, p.conv, id.User, r.Seqs); err != nil {
		return struct{}{}, err
	}
	s.reachUsers(ctx, p.conv, []string{id.User}, id.Session, deletedPush.With(Deleted{p.conv, r.Seqs}))
	return struct{}{}, nil
}

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
	defer func() { s.refused("chat.hide", id, r.Conv+r.To, &err) }()
	p, err := s.seatOf(ctx, id, r.Conv, r.To)
	if err != nil {
		return struct{}{}, err
	}
	if err := s.store.HideConversation(ctx, p.conv, id.User); err != nil {
		return struct{}{}, err
	}
	s.reachUsers(ctx, p.conv, []string{id.User}, id.Session, hiddenPush.With(Hidden{p.conv}))
	return struct{}{}, nil
}

// Typing is the data of the push chat.Typing.
type Typing struct {
	Conv string `json:"conv"`
	From string `json:"from"`
}

// Typing shows the others of a conversation that the user is writing. It is never
// stored, told at most every two seconds, and not told in large groups.
func (s *Service) Typing(ctx context.Context, id account.Identity, r ConvRequest) (_ struct{}, err error) {
	defer func() { s.refused("chat.typing", id, r.Conv+r.To, &err) }()
	p, err := s.seatOf(ctx, id, r.Conv, r.To)
	if err != nil {
		return struct{}{}, err
	}
	if !s.writing.again(p.conv, id.User, s.now()) {
		return struct{}{}, nil
	}
	g, err := s.mayWrite(ctx, p)
	if err != nil || p.isBot() || p.kind == KindGroup && g.Members > maxLive {
		return struct{}{}, err
	}
	if p.kind == KindSingle {
		s.reachUsers(ctx, p.conv, []string{p.peer}, "", typingPush.With(Typing{p.conv, id.User}))
	} else {
		s.reach(ctx, p.conv, id.Session, typingPush.With(Typing{p.conv, id.User}))
	}
	return struct{}{}, nil
}
