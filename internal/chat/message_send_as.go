package chat

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"time"

	"pushd/internal/account"
	"pushd/internal/delivery"
)

// SendAsRequest is a message that a backend sends, in the name of any user. To may
// also be notice:USER, for a user's notifications, and all, for everybody.
type SendAsRequest struct {
	From string `json:"from,omitempty"` // a user id; the server itself if ""
	SendRequest
}

// SendAs commits and delivers a backend's message. Blocks, mutes and membership
// are for users: a backend is not held to them. Needs scope push.
func (s *Service) SendAs(ctx context.Context, id account.Identity, r SendAsRequest) (rep SendReply, err error) {
	defer s.audit("chat.send_as", traceRefusal, id, cmp.Or(r.To, r.Conv), &err)
	if err := id.Allow(account.ScopePush); err != nil {
		return SendReply{}, err
	}
	d, err := s.draftAs(id, r)
	if err != nil {
		return SendReply{}, err
	}
	m, turn, err := s.commit(ctx, id, d)
	if err != nil {
		return SendReply{}, err
	}
	s.tellMessage(ctx, m, turn, "")
	return replyTo(m, turn == nil), nil
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
	if d.Conv, err = s.resolveKeyAs(d.From, r); err != nil {
		return Draft{}, err
	}
	if d.OneDevice && (d.Conv == Everyone || isGroup(d.Conv)) {
		return Draft{}, malformed("one_device works for messages to one user only: leave it out")
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

// SendPush makes a durable push of a message: it commits it as one of type custom with
// the data given, where to says as for SendAs, and delivers it. Nothing is done, and
// nobody reached, when the same key was used for the same receiver before. With an error
// the message may be committed all the same; who isn't reached then gets it when they
// next sync.
func (s *Service) SendPush(
	ctx context.Context, id account.Identity, to string, data json.RawMessage, ttl time.Duration, key string,
) (r delivery.Receipt, err error) {
	if err := id.Allow(account.ScopePush); err != nil {
		return r, err
	}
	if key != "" {
		key = fingerprint(key, to)
	}
	d, err := s.draftAs(id, SendAsRequest{SendRequest: SendRequest{
		To: to, Body: Body{Type: TypeCustom, Data: data}, ClientID: key, TTL: int64(ttl / time.Second),
	}})
	if err != nil {
		return r, err
	}
	m, turn, err := s.commit(ctx, id, d)
	if err != nil || turn == nil {
		return r, err
	}
	defer s.events.sent.Publish(MessageSent{m})
	ctx, cancel := whenDone(ctx)
	defer cancel()
	defer turn.end()
	turn.wait(ctx)
	f, err := messageFrame(m)
	if err != nil {
		return r, err
	}
	r, err = s.deliverer.Deliver(ctx, toEverybody(m.Conv, ""), f)
	if len(r.Offline) > 0 {
		s.events.missed.Publish(MessageMissed{m, r.Offline})
	}
	return r, err
}
