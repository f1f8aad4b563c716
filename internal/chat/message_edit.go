package chat

import (
	"context"

	"pushd/internal/account"
)

// EditRequest is a message and its new body, of the same type.
type EditRequest struct {
	ID string `json:"id"`
	Body
	Mention []string `json:"mention,omitempty"`
}

// Edited is the reply of Edit, and the data of the push chat.Edited: the message as
// it is now.
type Edited struct {
	Message
	Rev uint64 `json:"rev"`
}

// Edit replaces the body of a text or a custom message by its sender, who must
// still be allowed to write there, within the window for it. The backend's hook
// sees it as it sees a new message.
func (s *Service) Edit(ctx context.Context, id account.Identity, r EditRequest) (rep Edited, err error) {
	defer s.audit("chat.edit", traceRefusal, id, r.ID, &err)
	c, err := authorizeUser(id)
	if err != nil {
		return Edited{}, err
	}
	if err := Check(&r.Body, s.limits()); err != nil {
		return Edited{}, err
	}
	if err := checkMention(r.Mention); err != nil {
		return Edited{}, err
	}
	m, in, err := s.authorizeMessage(ctx, c, r.ID)
	if err != nil {
		return Edited{}, err
	}
	if err := s.authorizeEdit(ctx, m, &in, r); err != nil {
		return Edited{}, err
	}
	now := s.now()
	d := Draft{
		ID: m.ID, Conv: m.Conv, From: m.From, Body: r.Body, Time: now,
		Expires: m.Expires, Mention: r.Mention, OneDevice: m.OneDevice,
	}
	if err := s.beforeSend(ctx, &d); err != nil {
		return Edited{}, err
	}
	if d.Body.Type != m.Type {
		return Edited{}, forbidden("an edited message keeps its type")
	}
	after, rev, err := s.store.Edit(ctx, m.ID, d.Body, r.Mention, now)
	if err != nil {
		return Edited{}, err
	}
	after.ClientID = ""
	rep = Edited{after, rev}
	s.tell(ctx, s.toReaders(ctx, &in, m), editedPush.With(rep))
	return rep, nil
}

// VersionsReply is the former bodies of a message, oldest first.
type VersionsReply struct {
	ID       string    `json:"id"`
	Versions []Version `json:"versions"`
}

// Versions shows what an edited message said before, to who can read it. A message
// that was recalled, or ran out, has none.
func (s *Service) Versions(ctx context.Context, id account.Identity, r MessageRequest) (rep VersionsReply, err error) {
	defer s.audit("chat.versions", traceRefusal, id, r.ID, &err)
	c, err := authorizeUser(id)
	if err != nil {
		return VersionsReply{}, err
	}
	m, _, err := s.authorizeMessage(ctx, c, r.ID)
	if err != nil {
		return VersionsReply{}, err
	}
	rep = VersionsReply{ID: m.ID, Versions: []Version{}}
	if m.contentGone() || m.Edited == 0 {
		return rep, nil
	}
	versions, err := s.store.Versions(ctx, m.ID)
	rep.Versions = orEmpty(versions)
	return rep, err
}
