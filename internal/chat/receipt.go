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
// other one is told.
func (s *Service) Delivered(ctx context.Context, id account.Identity, r MarkRequest) (rep MarkReply, err error) {
	defer func() { s.refused("chat.delivered", id, r.Conv+r.To, &err) }()
	p, err := s.marking(ctx, id, r)
	if err != nil {
		return MarkReply{}, err
	}
	now, moved, err := s.store.SetDelivered(ctx, p.conv, id.User, device(id), r.Seq)
	if err != nil {
		return MarkReply{}, err
	}
	if moved && p.kind == KindSingle && !p.isBot() {
		r := Receipt{Conv: p.conv, User: id.User, Delivered: now, Time: s.now()}
		s.reachUsers(ctx, p.conv, []string{p.peer}, "", receiptPush.With(r))
	}
	return MarkReply{p.conv, now}, nil
}

// device tells a user's devices apart.
func device(id account.Identity) string {
	if id.Device != "" {
		return id.Device
	}
	return "platform " + strconv.Itoa(int(id.Platform))
}

func (s *Service) marking(ctx context.Context, id account.Identity, r MarkRequest) (seat, error) {
	p, err := s.seatOf(ctx, id, r.Conv, r.To)
	if err == nil && r.Seq == 0 {
		err = malformed("seq is missing: that of the last message")
	}
	return p, err
}

// Bounds of what is told of one member to others of his group. What costs a push
// for each member and each reader grows with the square of the group, so in larger
// groups it isn't told; Readers says it to who asks.
const (
	maxLive    = 200 // members of a group in which receipts and typing are told
	maxReading = 50  // newly read messages whose senders are told
)

// Read moves the user's read mark, tells his other devices, and the other one of a
// single chat; in a group of at most 200 members those who wrote what was newly
// read.
func (s *Service) Read(ctx context.Context, id account.Identity, r MarkRequest) (rep MarkReply, err error) {
	defer func() { s.refused("chat.read", id, r.Conv+r.To, &err) }()
	p, err := s.marking(ctx, id, r)
	if err != nil {
		return MarkReply{}, err
	}
	now, moved, err := s.store.SetRead(ctx, p.conv, id.User, r.Seq)
	if err != nil {
		return MarkReply{}, err
	}
	if !moved {
		return MarkReply{p.conv, now}, nil
	}
	s.reachUsers(ctx, p.conv, []string{id.User}, id.Session, readPush.With(MarkReply{p.conv, now}))
	if last := s.alone.read(p.conv, id.User, now); last > 0 {
		s.reachUsers(ctx, p.conv, []string{id.User}, id.Session, canceledPush.With(MarkReply{p.conv, last}))
	}
	var tell []string
	switch {
	case p.kind == KindSingle && !p.isBot():
		tell = []string{p.peer}
	case p.kind == KindGroup:
		tell = s.writers(ctx, p, now)
	}
	if len(tell) > 0 {
		r := Receipt{Conv: p.conv, User: id.User, Read: now, Time: s.now()}
		s.reachUsers(ctx, p.conv, tell, "", receiptPush.With(r))
	}
	return MarkReply{p.conv, now}, nil
}

// writers are who wrote what a member has newly read, up to seq. The mark is moved
// already, so an error is for the log alone.
func (s *Service) writers(ctx context.Context, p seat, seq uint64) []string {
	g, err := s.store.Group(ctx, p.id)
	if err != nil || g.Members > maxLive {
		if err != nil {
			s.untoldOf(p.conv, err)
		}
		return nil
	}
	page, _, err := s.store.Page(ctx, p.user, p.conv, PageQuery{Before: seq + 1, From: max(p.joinSeq, p.readSeq), Limit: maxReading, Now: s.now()})
	if err != nil {
		s.untoldOf(p.conv, err)
		return nil
	}
	var users []string
	for _, m := range page {
		if m.From != p.user && !strings.HasPrefix(m.From, "$") && !slices.Contains(users, m.From) {
			users = append(users, m.From)
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
	defer func() { s.refused("chat.readers", id, r.Conv+r.To, &err) }()
	p, err := s.marking(ctx, id, MarkRequest{Conv: r.Conv, To: r.To, Seq: r.Seq})
	if err != nil {
		return ReadersReply{}, err
	}
	switch {
	case p.kind == KindNotice || p.kind == KindBroadcast:
		return ReadersReply{}, forbidden("who has read what the server sends is for the server alone")
	case r.Seq <= p.joinSeq:
		return ReadersReply{}, forbidden("this message was sent before you came into the group")
	}
	users, next, total, err := s.store.Readers(ctx, p.conv, r.Seq, r.Read == nil || *r.Read, pageLimit(r.Limit), r.Cursor)
	if err != nil && !missing(err) {
		return ReadersReply{}, err
	}
	return ReadersReply{Users: list(users), Total: total, NextCursor: next}, nil
}
