package chat

import (
	"context"
	"time"

	"pushd/internal/account"
	"pushd/internal/codec"
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
	defer func() { s.refused("chat.recall", id, r.ID, &err) }()
	if id.Key != "" {
		if err := id.Allow(account.ScopeAdmin); err != nil {
			return Recalled{}, err
		}
	} else if err := s.mayRecall(ctx, id, r.ID); err != nil {
		return Recalled{}, err
	}
	now := s.now()
	m, rev, err := s.store.Recall(ctx, r.ID, now)
	if err != nil {
		return Recalled{}, err
	}
	rep = Recalled{ID: m.ID, Conv: m.Conv, Seq: m.Seq, Rev: rev, By: id.User, Time: now}
	s.reach(ctx, m.Conv, id.Session, recalledPush.With(rep))
	return rep, nil
}

func (s *Service) mayRecall(ctx context.Context, id account.Identity, message string) error {
	if err := asUser(id); err != nil {
		return err
	}
	m, p, err := s.found(ctx, id.User, message)
	switch {
	case err != nil:
		return err
	case p.kind == KindGroup && p.role >= RoleAdmin:
		return nil
	case m.From != id.User && p.kind == KindGroup:
		return forbidden("only its sender, and the owner and admins of the group, can recall a message")
	case m.From != id.User:
		return forbidden("only its sender can recall a message")
	}
	return s.within(m, s.opts.RecallWindow, "recalled")
}

// within refuses what comes too late.
func (s *Service) within(m Message, window time.Duration, done string) error {
	if s.now()-m.Time > window.Milliseconds() {
		return forbidden("a message can be %s within %s of its sending", done, window)
	}
	return nil
}

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
	defer func() { s.refused("chat.edit", id, r.ID, &err) }()
	if err := asUser(id); err != nil {
		return Edited{}, err
	}
	if err := Check(&r.Body, s.limits()); err != nil {
		return Edited{}, err
	}
	if err := checkMention(r.Mention); err != nil {
		return Edited{}, err
	}
	m, p, err := s.found(ctx, id.User, r.ID)
	if err != nil {
		return Edited{}, err
	}
	if err := s.mayEdit(ctx, m, p, r); err != nil {
		return Edited{}, err
	}
	now := s.now()
	d := Draft{ID: m.ID, Conv: m.Conv, From: m.From, Body: r.Body, Time: now, Expires: m.Expires, Mention: r.Mention, OneDevice: m.OneDevice}
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
	s.reachReaders(ctx, p, m, id.Session, editedPush.With(rep))
	return rep, nil
}

func (s *Service) mayEdit(ctx context.Context, m Message, p seat, r EditRequest) error {
	switch {
	case m.From != p.user:
		return forbidden("only its sender can edit a message")
	case m.Type == TypeRecalled || m.Type == TypeGone:
		return codec.Errorf(codec.CodeConflict, "the message is no longer there")
	case m.Type != TypeText && m.Type != TypeCustom:
		return forbidden("only messages of type text and custom can be edited")
	case m.Type != r.Type:
		return malformed("an edited message keeps its type, which is %s", m.Type)
	}
	if err := s.within(m, s.opts.EditWindow, "edited"); err != nil {
		return err
	}
	if _, err := s.mayWrite(ctx, p); err != nil {
		return err
	}
	return p.mayMention(r.Mention)
}

// VersionsReply is the former bodies of a message, oldest first.
type VersionsReply struct {
	ID       string    `json:"id"`
	Versions []Version `json:"versions"`
}

// Versions shows what an edited message said before, to who can read it. A message
// that was recalled, or ran out, has none.
func (s *Service) Versions(ctx context.Context, id account.Identity, r MessageRequest) (rep VersionsReply, err error) {
	defer func() { s.refused("chat.versions", id, r.ID, &err) }()
	if err := asUser(id); err != nil {
		return VersionsReply{}, err
	}
	m, _, err := s.found(ctx, id.User, r.ID)
	if err != nil {
		return VersionsReply{}, err
	}
	rep = VersionsReply{ID: m.ID, Versions: []Version{}}
	if m.Type == TypeRecalled || m.Type == TypeGone || m.Edited == 0 {
		return rep, nil
	}
	versions, err := s.store.Versions(ctx, m.ID)
	rep.Versions = list(versions)
	return rep, err
}

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
	defer func() { s.refused("chat.react", id, r.ID, &err) }()
	if err := asUser(id); err != nil {
		return Reacted{}, err
	}
	if r.Sign == "" || len(r.Sign) > maxSign || plain("sign", r.Sign) != nil {
		return Reacted{}, malformed("sign is 1 to %d bytes, such as an emoji", maxSign)
	}
	m, p, err := s.found(ctx, id.User, r.ID)
	if err != nil {
		return Reacted{}, err
	}
	on := r.On == nil || *r.On
	if on {
		if m.Type == TypeRecalled || m.Type == TypeGone {
			return Reacted{}, codec.Errorf(codec.CodeConflict, "the message is no longer there")
		}
		if _, err := s.mayWrite(ctx, p); err != nil {
			return Reacted{}, err
		}
	}
	m, rev, changed, err := s.store.React(ctx, m.ID, id.User, r.Sign, on, s.now())
	if err != nil {
		return Reacted{}, err
	}
	rep = Reacted{m.ID, m.Conv, m.Seq, rev, id.User, r.Sign, on, list(m.Reactions)}
	if changed {
		s.reachReaders(ctx, p, m, id.Session, reactionPush.With(rep))
	}
	return rep, nil
}
