package chat

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"pushd/internal/account"
	"pushd/internal/codec"
)

// MaxTTL is the longest time to live of a message.
const MaxTTL = 366 * 24 * time.Hour

// SendRequest is a message and where it goes: To is user:ID, group:ID or bot:NAME;
// Conv names a conversation by its key instead.
type SendRequest struct {
	To   string `json:"to,omitempty"`
	Conv string `json:"conv,omitempty"`
	Body
	// ClientID makes a retry safe: the same one of the same sender gives the same
	// message, and delivers nothing again.
	ClientID  string   `json:"client_id,omitempty"`
	Mention   []string `json:"mention,omitempty"`    // user ids; "*" is everybody, for a group's owner and admins
	TTL       int64    `json:"ttl,omitempty"`        // seconds, after which its content goes; 0 is never
	OneDevice bool     `json:"one_device,omitempty"` // to the receiver's most recently active device alone
}

// SendReply says what became of a message that is committed.
type SendReply struct {
	ID        string `json:"id"`
	Conv      string `json:"conv"`
	Seq       uint64 `json:"seq"`
	Time      int64  `json:"time"`
	Duplicate bool   `json:"duplicate,omitempty"` // it was there already
}

// Send commits a user's message and delivers it. 403 for who may not write there.
func (s *Service) Send(ctx context.Context, id account.Identity, r SendRequest) (rep SendReply, err error) {
	defer s.audit("chat.send", traceRefusal, id, cmp.Or(r.To, r.Conv), &err)
	c, err := authorizeUser(id)
	if err != nil {
		return SendReply{}, err
	}
	if strings.HasPrefix(r.ClientID, "$") {
		return SendReply{}, malformed("client_id begins with $, which is for the server alone: choose another")
	}
	d, err := s.draft(r)
	if err != nil {
		return SendReply{}, err
	}
	if d.Conv, err = resolveKey(c.User, r.Conv, r.To); err != nil {
		return SendReply{}, err
	}
	in, err := s.authorizeRead(ctx, c, d.Conv)
	if err != nil {
		return SendReply{}, err
	}
	if err := s.authorizeWrite(ctx, &in); err != nil {
		return SendReply{}, err
	}
	if err := authorizeMention(&in, d.Mention); err != nil {
		return SendReply{}, err
	}
	if d.OneDevice && in.kind == KindGroup {
		return SendReply{}, malformed("one_device works in single chats only: leave it out")
	}
	d.From = c.User
	if err := s.beforeSend(ctx, &d); err != nil {
		return SendReply{}, err
	}
	m, turn, err := s.commit(ctx, id, d)
	if err != nil {
		return SendReply{}, err
	}
	s.tellMessage(ctx, m, turn, id.Session)
	return replyTo(m, turn == nil), nil
}

func replyTo(m Message, duplicate bool) SendReply {
	return SendReply{ID: m.ID, Conv: m.Conv, Seq: m.Seq, Time: m.Time, Duplicate: duplicate}
}

// draft checks everything of a request but who sends it where.
func (s *Service) draft(r SendRequest) (Draft, error) {
	switch {
	case len(r.ClientID) > maxClientID || !printable(r.ClientID):
		return Draft{}, malformed("client_id is at most %d bytes of printable characters", maxClientID)
	case r.TTL < 0 || r.TTL > int64(MaxTTL/time.Second):
		return Draft{}, malformed("ttl is 0 to %d seconds, not %d", int64(MaxTTL/time.Second), r.TTL)
	}
	if err := Check(&r.Body, s.limits()); err != nil {
		return Draft{}, err
	}
	if err := checkMention(r.Mention); err != nil {
		return Draft{}, err
	}
	now := s.now()
	id, err := s.newID(now)
	if err != nil {
		return Draft{}, fmt.Errorf("make a message id: %w", err)
	}
	d := Draft{ID: id, ClientID: r.ClientID, Body: r.Body, Time: now, Mention: r.Mention, OneDevice: r.OneDevice}
	if r.TTL > 0 {
		d.Expires = now + r.TTL*1000
	}
	return d, nil
}

func (s *Service) limits() Limits { return Limits{MaxText: s.opts.MaxText, MaxData: s.opts.MaxData} }

// everybody is what Mention says instead of all the user ids of a group.
const everybody = "*"

func checkMention(users []string) error {
	if len(users) > maxMention {
		return tooLarge("mention has at most %d users, not %d", maxMention, len(users))
	}
	for _, u := range users {
		if u == everybody {
			continue
		}
		if err := account.ValidUserID(u); err != nil {
			return err
		}
	}
	return nil
}

// beforeSend lets the backend change the body or refuse it. It can't change anything
// else of the draft, and what it puts in is held to the same rules.
func (s *Service) beforeSend(ctx context.Context, d *Draft) error {
	if s.hooks == nil {
		return nil
	}
	changed := *d
	if err := s.hooks.BeforeSend(ctx, &changed); err != nil {
		return err
	}
	if err := Check(&changed.Body, s.limits()); err != nil {
		// The sender is not to blame for it, so this must not look like an answer to them.
		return fmt.Errorf("what a hook made of a message can't be sent: %s", err.Error())
	}
	d.Body = changed.Body
	return nil
}

// commit stores a draft, and lets the conversation read the files that it carries. The
// turn is the message's to be delivered in, and for the caller to end; it is nil for a
// message that was there already.
func (s *Service) commit(ctx context.Context, id account.Identity, d Draft) (Message, *turn, error) {
	if s.files != nil && d.Body.URL != "" {
		if err := s.files.Attach(ctx, id, d.Conv, d.Body.URL, d.Body.Thumb); err != nil {
			return Message{}, nil, err
		}
	}
	turn := s.order.turn(d.Conv)
	d.Committed = turn.committed
	m, duplicate, err := s.store.Append(ctx, d)
	if err == nil && !duplicate {
		return m, turn, nil
	}
	turn.end()
	if err == nil && m.Conv != d.Conv {
		err = codec.Errorf(codec.CodeConflict, "this client_id was used for another message: choose a new one")
	}
	if err != nil {
		return Message{}, nil, err
	}
	return m, nil, nil
}
