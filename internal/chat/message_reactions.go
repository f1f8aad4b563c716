package chat

import (
	"context"

	"pushd/internal/account"
)

// ReactRequest gives a sign, such as an emoji, to a message, or takes it back.
type ReactRequest struct {
	ID   string `json:"id"`
	Sign string `json:"sign"`         // 1 to 32 bytes
	On   *bool  `json:"on,omitempty"` // false takes it back; true if absent
}

// Reacted is the reply of React, and the data of the push chat.Reaction.
type Reacted struct {
	ID        string     `json:"id"`
	Conv      string     `json:"conv"`
	Seq       uint64     `json:"seq"`
	Rev       uint64     `json:"rev"`
	User      string     `json:"user"`
	Sign      string     `json:"sign"`
	On        bool       `json:"on"`
	Reactions []Reaction `json:"reactions"` // all of the message, as they are now
}

// React gives a sign or takes it back.
func (s *Service) React(ctx context.Context, id account.Identity, r ReactRequest) (rep Reacted, err error) {
	defer s.audit("chat.react", traceRefusal, id, r.ID, &err)
	c, err := authorizeUser(id)
	if err != nil {
		return Reacted{}, err
	}
	if r.Sign == "" || len(r.Sign) > maxSign || plain("sign", r.Sign) != nil {
		return Reacted{}, malformed("sign is 1 to %d bytes, such as an emoji", maxSign)
	}
	m, in, err := s.authorizeMessage(ctx, c, r.ID)
	if err != nil {
		return Reacted{}, err
	}
	on := r.On == nil || *r.On
	if on {
		if m.contentGone() {
			return Reacted{}, messageGone()
		}
		if err := s.authorizeWrite(ctx, &in); err != nil {
			return Reacted{}, err
		}
	}
	after, rev, changed, err := s.store.React(ctx, m.ID, id.User, r.Sign, on, s.now())
	if err != nil {
		return Reacted{}, err
	}
	rep = Reacted{after.ID, after.Conv, after.Seq, rev, id.User, r.Sign, on, orEmpty(after.Reactions)}
	if changed {
		s.tell(ctx, s.toReaders(ctx, &in, after), reactionPush.With(rep))
	}
	return rep, nil
}
