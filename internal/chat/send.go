package chat

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
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
	defer func() { s.refused("chat.send", id, cmp.Or(r.To, r.Conv), &err) }()
	if err := asUser(id); err != nil {
		return SendReply{}, err
	}
	if strings.HasPrefix(r.ClientID, "$") {
		return SendReply{}, malformed("client_id begins with $, which is the server's own")
	}
	d, err := s.draft(r)
	if err != nil {
		return SendReply{}, err
	}
	if d.Conv, err = s.where(id.User, r.Conv, r.To); err != nil {
		return SendReply{}, err
	}
	p, err := s.sit(ctx, id.User, d.Conv)
	if err != nil {
		return SendReply{}, err
	}
	if _, err := s.mayWrite(ctx, p); err != nil {
		return SendReply{}, err
	}
	if err := p.mayMention(d.Mention); err != nil {
		return SendReply{}, err
	}
	if d.OneDevice && p.kind == KindGroup {
		return SendReply{}, malformed("one_device works in single chats only")
	}
	d.From = id.User
	if err := s.beforeSend(ctx, &d); err != nil {
		return SendReply{}, err
	}
	m, duplicate, err := s.commit(ctx, id, d)
	if err != nil {
		return SendReply{}, err
	}
	if !duplicate {
		s.spread(ctx, m, id.Session)
	}
	return replyTo(m, duplicate), nil
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

func (p seat) mayMention(users []string) error {
	if slices.Contains(users, everybody) && p.kind == KindGroup && p.role < RoleAdmin {
		return forbidden("only the owner and the admins of the group mention everybody")
	}
	return nil
}

// beforeSend lets the backend change the body or refuse it. Nothing else of the
// draft is its to change, and what it puts in is held to the same rules.
func (s *Service) beforeSend(ctx context.Context, d *Draft) error {
	if s.hooks == nil {
		return nil
	}
	changed := *d
	if err := s.hooks.BeforeSend(ctx, &changed); err != nil {
		return err
	}
	if err := Check(&changed.Body, s.limits()); err != nil {
		// The sender is not to blame for it, so this must not look like an answer to him.
		return fmt.Errorf("what a hook made of a message can't be sent: %s", err.Error())
	}
	d.Body = changed.Body
	return nil
}

// commit stores a draft, and lets the conversation read the files that it carries.
func (s *Service) commit(ctx context.Context, id account.Identity, d Draft) (m Message, duplicate bool, err error) {
	if s.files != nil && d.Body.URL != "" {
		if err := s.files.Attach(ctx, id, d.Conv, d.Body.URL, d.Body.Thumb); err != nil {
			return Message{}, false, err
		}
	}
	m, duplicate, err = s.store.Append(ctx, d)
	if err == nil && duplicate && m.Conv != d.Conv {
		return Message{}, false, codec.Errorf(codec.CodeConflict, "this client_id was used for another message")
	}
	return m, duplicate, err
}

// SendAsRequest is a message that a backend sends, in whose name it likes. To may
// also be notice:USER, for a user's notifications, and all, for everybody.
type SendAsRequest struct {
	From string `json:"from,omitempty"` // a user id; the server itself if ""
	SendRequest
}

// SendAs commits and delivers a backend's message. Blocks, mutes and membership
// are for users: a backend is not held to them. Needs scope push.
func (s *Service) SendAs(ctx context.Context, id account.Identity, r SendAsRequest) (rep SendReply, err error) {
	defer func() { s.refused("chat.send_as", id, cmp.Or(r.To, r.Conv), &err) }()
	if err := id.Allow(account.ScopePush); err != nil {
		return SendReply{}, err
	}
	d, err := s.draftAs(id, r)
	if err != nil {
		return SendReply{}, err
	}
	m, duplicate, err := s.commit(ctx, id, d)
	if err != nil {
		return SendReply{}, err
	}
	if !duplicate {
		s.spread(ctx, m, "")
	}
	return replyTo(m, duplicate), nil
}

func (s *Service) draftAs(id account.Identity, r SendAsRequest) (d Draft, err error) {
	body := r.Body
	if body.Type == TypeNotice {
		r.Type = TypeCustom // has the same rules
	}
	if d, err = s.draft(r.SendRequest); err != nil {
		return Draft{}, err
	}
	d.Body = body
	d.From = fromServer
	if r.From != "" {
		if err := account.ValidUserID(r.From); err != nil {
			return Draft{}, err
		}
		d.From = r.From
	}
	if d.Conv, err = s.whereAs(d.From, r); err != nil {
		return Draft{}, err
	}
	if d.OneDevice && d.Conv == Everyone || d.OneDevice && strings.HasPrefix(d.Conv, KindGroup+":") {
		return Draft{}, malformed("one_device works for one receiver only")
	}
	if d.ClientID != "" {
		// Keys, and the users that they speak for, don't take each other's.
		d.ClientID = "$" + fingerprint(id.Key, d.ClientID)
	}
	return d, nil
}

// fingerprint is one short name for several strings.
func fingerprint(parts ...string) string {
	var whole []byte
	for _, p := range parts {
		whole = append(strconv.AppendInt(whole, int64(len(p)), 10), ':')
		whole = append(whole, p...)
	}
	sum := sha256.Sum256(whole)
	return hex.EncodeToString(sum[:16])
}

// whereAs is where for backends.
func (s *Service) whereAs(from string, r SendAsRequest) (string, error) {
	user, isNotice := strings.CutPrefix(r.To, "notice:")
	switch {
	case r.Conv != "" && r.To == "":
		kind, a, b, ok := ParseKey(r.Conv)
		if !ok {
			return "", malformed("%.64q is not a conversation", r.Conv)
		}
		if kind == KindSingle && from != a && from != b {
			return "", malformed("from is one of the two whose conversation it is")
		}
		return r.Conv, nil
	case isNotice && r.Conv == "":
		return NoticeKey(user), account.ValidUserID(user)
	case r.To == "all" && r.Conv == "":
		return Everyone, nil
	}
	if name, isBot := strings.CutPrefix(r.To, botPrefix); isBot && (s.bots == nil || !s.bots.Known(name)) {
		return "", codec.Errorf(codec.CodeNotFound, "there is no bot %.128s", name)
	}
	conv, err := s.where(from, r.Conv, r.To)
	if err == nil && from == fromServer && strings.HasPrefix(conv, KindSingle+":") {
		return "", malformed("from is missing: a message to one user is from another one; notice:%s is from the server", strings.TrimPrefix(r.To, "user:"))
	}
	return conv, err
}

// Keep makes a durable push of a message: it commits it as one of type custom with
// the data given, where to says as for SendAs, and returns the push that tells it
// to clients; that is nil when the same key was used for the same receiver before.
// Package push delivers it, and says how many it reached.
func (s *Service) Keep(ctx context.Context, id account.Identity, to string, data json.RawMessage, ttl time.Duration, key string) (codec.Frame, error) {
	if err := id.Allow(account.ScopePush); err != nil {
		return nil, err
	}
	if key != "" {
		key = fingerprint(key, to)
	}
	d, err := s.draftAs(id, SendAsRequest{SendRequest: SendRequest{
		To: to, Body: Body{Type: TypeCustom, Data: data}, ClientID: key, TTL: int64(ttl / time.Second),
	}})
	if err != nil {
		return nil, err
	}
	m, duplicate, err := s.commit(ctx, id, d)
	if err != nil || duplicate {
		return nil, err
	}
	f, err := messageFrame(m)
	if err != nil {
		return nil, err
	}
	s.events.sent.Publish(MessageSent{m})
	if kind, user, _, _ := ParseKey(m.Conv); kind == KindNotice && s.events.missed.Wanted() {
		online, err := s.presence.Online(ctx, []string{user})
		if err != nil {
			s.untoldOf(m.Conv, err)
		} else if len(online) == 0 {
			s.events.missed.Publish(MessageMissed{m, []string{user}})
		}
	}
	return f, nil
}
