package chat

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"pushd/internal/account"
)

// MarkRequest says how far a client has received or read a conversation.
type MarkRequest struct {
	Conv string `json:"conv,omitempty"`
	To   string `json:"to,omitempty"`
	Seq  uint64 `json:"seq"`
}

// MarkReply is how far the mark is now: it never goes back, nor beyond the last
// message.
type MarkReply struct {
	Conv string `json:"conv"`
	Seq  uint64 `json:"seq"`
}

// Receipt is the data of a push chat.Receipt: somebody has received or read the
// conversation up to there. Reading implies having received.
type Receipt struct {
	Conv      string `json:"conv"`
	User      string `json:"user"`
	Delivered uint64 `json:"delivered,omitempty"` // a seq
	Read      uint64 `json:"read,omitempty"`      // a seq
	Time      int64  `json:"time"`
}

// Delivered moves the mark of what this device has received. In a single chat the
// other user is told.
func (s *Service) Delivered(ctx context.Context, id account.Identity, r MarkRequest) (rep MarkReply, err error) {
	defer s.audit("chat.delivered", traceRefusal, id, r.Conv+r.To, &err)
	m, err := s.authorizeMark(ctx, id, r)
	if err != nil {
		return MarkReply{}, err
	}
	now, moved, err := s.store.SetDelivered(ctx, m.conv, id.User, device(id), r.Seq)
	if err != nil {
		return MarkReply{}, err
	}
	if moved && m.kind == KindSingle && !m.withBot() {
		r := Receipt{Conv: m.conv, User: id.User, Delivered: now, Time: s.now()}
		s.tell(ctx, toUsers(m.conv, m.peer), receiptPush.With(r))
	}
	return MarkReply{m.conv, now}, nil
}

// device tells a user's devices apart.
func device(id account.Identity) string {
	if id.Device != "" {
		return id.Device
	}
	return "platform " + strconv.Itoa(int(id.Platform))
}

func (s *Service) authorizeMark(ctx context.Context, id account.Identity, r MarkRequest) (membership, error) {
	m, err := s.authorizeConversation(ctx, id, r.Conv, r.To)
	if err == nil && r.Seq == 0 {
		err = malformed("seq is missing: send that of the last message")
	}
	return m, err
}

// Bounds of what is told of one member to others of their group. What costs a push
// for each member and each reader grows with the square of the group, so in larger
// groups it isn't told, and a client asks Readers instead.
const (
	maxTold    = 200 // members of a group in which receipts and typing are told
	maxReading = 50  // newly read messages whose senders are told
)

// Read moves the user's read mark, and tells their other devices and the other user of
// a single chat; in a group of at most 200 members those who wrote what was newly read.
func (s *Service) Read(ctx context.Context, id account.Identity, r MarkRequest) (rep MarkReply, err error) {
	defer s.audit("chat.read", traceRefusal, id, r.Conv+r.To, &err)
	m, err := s.authorizeMark(ctx, id, r)
	if err != nil {
		return MarkReply{}, err
	}
	now, moved, err := s.store.SetRead(ctx, m.conv, id.User, r.Seq)
	if err != nil {
		return MarkReply{}, err
	}
	if !moved {
		return MarkReply{m.conv, now}, nil
	}
	ownDevices := toOwnDevices(m.conv, id.User, id.Session)
	s.tell(ctx, ownDevices, readPush.With(MarkReply{m.conv, now}))
	if last := s.oneDevice.read(m.conv, id.User, now); last > 0 {
		s.tell(ctx, ownDevices, canceledPush.With(MarkReply{m.conv, last}))
	}
	var writers []string
	switch {
	case m.kind == KindSingle && !m.withBot():
		writers = []string{m.peer}
	case m.kind == KindGroup:
		writers = s.writers(ctx, &m, now)
	}
	receipt := Receipt{Conv: m.conv, User: id.User, Read: now, Time: s.now()}
	s.tell(ctx, toUsers(m.conv, writers...), receiptPush.With(receipt))
	return MarkReply{m.conv, now}, nil
}

// writers are who wrote what a member has newly read, up to seq. The mark is moved
// already, so an error is for the log alone.
func (s *Service) writers(ctx context.Context, m *membership, seq uint64) []string {
	g, err := s.store.Group(ctx, m.group.ID)
	if err != nil {
		s.notTold(m.conv, err)
		return nil
	}
	if g.Members > maxTold {
		return nil
	}
	page, _, err := s.store.Page(ctx, m.User, m.conv, PageQuery{
		Before: seq + 1, From: max(m.member.JoinSeq, m.member.ReadSeq), Limit: maxReading, Now: s.now(),
	})
	if err != nil {
		s.notTold(m.conv, err)
		return nil
	}
	var users []string
	for _, read := range page {
		if read.From != m.User && !strings.HasPrefix(read.From, "$") && !slices.Contains(users, read.From) {
			users = append(users, read.From)
		}
	}
	return users
}

// ReadersRequest asks who has read a message.
type ReadersRequest struct {
	Conv   string `json:"conv,omitempty"`
	To     string `json:"to,omitempty"`
	Seq    uint64 `json:"seq"`
	Read   *bool  `json:"read,omitempty"` // false asks who has not; true if absent
	Limit  int    `json:"limit,omitempty"`
	Cursor string `json:"cursor,omitempty"`
}

// ReadersReply is a page, in ascending order; without a cursor it is the last.
type ReadersReply struct {
	Users      []string `json:"users"`
	Total      int      `json:"total"` // on all pages
	NextCursor string   `json:"next_cursor,omitempty"`
}

// Readers are the members of a group who have read up to a message, or have not.
// Every member may ask.
func (s *Service) Readers(ctx context.Context, id account.Identity, r ReadersRequest) (rep ReadersReply, err error) {
	defer s.audit("chat.readers", traceRefusal, id, r.Conv+r.To, &err)
	m, err := s.authorizeMark(ctx, id, MarkRequest{Conv: r.Conv, To: r.To, Seq: r.Seq})
	if err == nil {
		err = s.hideFormer(ctx, &m)
	}
	if err != nil {
		return ReadersReply{}, err
	}
	switch {
	case m.kind == KindNotice || m.kind == KindBroadcast:
		return ReadersReply{}, forbidden("only single chats and groups show who has read a message")
	case r.Seq <= m.member.JoinSeq:
		return ReadersReply{}, forbidden("this message was sent before you joined")
	}
	users, next, total, err := s.store.Readers(ctx, m.conv, r.Seq, r.Read == nil || *r.Read, pageLimit(r.Limit), r.Cursor)
	if err != nil && !isNotFound(err) {
		return ReadersReply{}, err
	}
	return ReadersReply{Users: orEmpty(users), Total: total, NextCursor: next}, nil
}
