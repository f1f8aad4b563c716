// Package chattest is what tests of the chat service and of its doors put in the
// place of a database: a store in memory that keeps the ports' promises in the
// plainest way. Nothing of the program imports it.
package chattest

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"pushd/internal/chat"
	"pushd/internal/codec"
)

// Store is a chat.Store in memory, which passes the suite of package storetest. It
// knows no accounts: every user has been there from the beginning. What has a time of
// its own, such as Message, treats nothing as expired.
type Store struct {
	// Fail, if set, is asked before each call and may give the error that it ends in.
	Fail func(operation string) error

	mu        sync.Mutex
	convs     map[string]*conversation
	rows      map[string]*row    // by message id
	clients   map[[2]string]*row // by sender and client id
	groups    map[string]chat.GroupInfo
	revisions map[string]uint64              // of a group's members; outlives it
	requests  map[[2]string]chat.JoinRequest // by group and user
	friends   map[[2]string]chat.Friend      // by user and the other one
}

var _ chat.Store = (*Store)(nil)

type conversation struct {
	key      string
	number   int    // in the order in which they began
	rows     []*row // seq is the index and one
	rev      uint64
	lastTime int64
	members  map[string]*chat.Member
	sent     map[string]uint64            // last seq of a member
	hidden   map[string]map[uint64]bool   // by user
	offList  map[string]uint64            // by user: not listed until max_seq reaches it
	received map[string]map[string]uint64 // by user and device
}

type row struct {
	m         chat.Message
	rev       uint64
	versions  []chat.Version
	reactions []reaction
}

type reaction struct {
	sign, user string
	time       int64
}

// NewStore is an empty one.
func NewStore() *Store {
	return &Store{
		convs: map[string]*conversation{}, rows: map[string]*row{}, clients: map[[2]string]*row{},
		groups: map[string]chat.GroupInfo{}, revisions: map[string]uint64{},
		requests: map[[2]string]chat.JoinRequest{}, friends: map[[2]string]chat.Friend{},
	}
}

// begin locks, unless the call is to fail.
func (s *Store) begin(operation string) error {
	if s.Fail != nil {
		if err := s.Fail(operation); err != nil {
			return err
		}
	}
	s.mu.Lock()
	return nil
}

func notFound(what string) error { return codec.Errorf(codec.CodeNotFound, "no such %s", what) }

func (c *conversation) maxSeq() uint64 { return uint64(len(c.rows)) }

// add makes a user a member who joins now.
func (c *conversation) add(user string, role chat.Role, now int64) {
	c.members[user] = &chat.Member{User: user, Role: role, JoinSeq: c.maxSeq(), ReadSeq: c.maxSeq(), Since: now}
}

// remove takes a member out, with all that was theirs.
func (c *conversation) remove(user string) {
	delete(c.members, user)
	delete(c.sent, user)
	delete(c.hidden, user)
	delete(c.offList, user)
	delete(c.received, user)
}

// beginConversation makes one without members if it is missing.
func (s *Store) beginConversation(key string) *conversation {
	c := s.convs[key]
	if c == nil {
		c = &conversation{
			key: key, number: len(s.convs), members: map[string]*chat.Member{}, sent: map[string]uint64{},
			hidden: map[string]map[uint64]bool{}, offList: map[string]uint64{}, received: map[string]map[string]uint64{},
		}
		s.convs[key] = c
	}
	return c
}

// writable finds a conversation to send to, or makes one that needs no group.
func (s *Store) writable(key string, now int64) (*conversation, error) {
	kind, a, b, ok := chat.ParseKey(key)
	if !ok {
		return nil, notFound("conversation")
	}
	if kind == chat.KindGroup {
		if _, is := s.groups[a]; !is {
			return nil, notFound("group")
		}
		return s.convs[key], nil
	}
	c := s.beginConversation(key)
	for _, u := range []string{a, b} {
		if u != "" && c.members[u] == nil {
			c.members[u] = &chat.Member{User: u, Role: chat.RoleMember, JoinSeq: c.maxSeq(), Since: now}
		}
	}
	return c, nil
}

// Append implements chat.Messages.
func (s *Store) Append(ctx context.Context, d chat.Draft) (chat.Message, bool, error) {
	if err := s.begin("Append"); err != nil {
		return chat.Message{}, false, err
	}
	defer s.mu.Unlock()
	if err := checkDraft(d); err != nil {
		return chat.Message{}, false, err
	}
	if ctx.Err() != nil {
		return chat.Message{}, false, codec.Errorf(codec.CodeUnavailable, "the time for this request is over")
	}
	c, err := s.writable(d.Conv, d.Time)
	if err != nil {
		return chat.Message{}, false, err
	}
	client := [2]string{d.From, d.ClientID}
	if r := s.clients[client]; r != nil && d.ClientID != "" {
		return s.convs[r.m.Conv].view(r, d.From, d.Time), true, nil
	}
	if s.rows[d.ID] != nil {
		return chat.Message{}, false, codec.Errorf(codec.CodeInternal, "internal error")
	}
	r := &row{m: chat.Message{
		ID: d.ID, Conv: d.Conv, Seq: c.maxSeq() + 1, From: d.From, Body: d.Body, Time: d.Time, ClientID: d.ClientID,
		Mention: d.Mention, Expires: d.Expires, OneDevice: d.OneDevice,
	}}
	c.rows = append(c.rows, r)
	c.lastTime = max(c.lastTime, d.Time)
	if c.members[d.From] != nil {
		c.sent[d.From] = r.m.Seq
	}
	s.rows[d.ID] = r
	if d.ClientID != "" {
		s.clients[client] = r
	}
	if d.Committed != nil {
		d.Committed()
	}
	return r.m, false, nil
}

// checkDraft refuses what a database could not hold.
func checkDraft(d chat.Draft) error {
	if _, _, _, ok := chat.ParseKey(d.Conv); !ok {
		return notFound("conversation")
	}
	for _, text := range append([]string{d.ID, d.From, d.ClientID, d.Body.Type}, d.Mention...) {
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			return codec.Errorf(codec.CodeMalformed, "ids are UTF-8 without NUL")
		}
	}
	if len(d.ClientID) > 256 {
		return codec.Errorf(codec.CodeMalformed, "client_id is over 256 bytes")
	}
	if len(d.Body.Data) > 0 && !json.Valid(d.Body.Data) {
		return codec.Errorf(codec.CodeMalformed, "data is no JSON object")
	}
	return nil
}

// view is a message as a reader sees it; "" sees what everybody does.
func (c *conversation) view(r *row, reader string, now int64) chat.Message {
	m := r.m
	m.Rev = r.rev
	if m.From != reader {
		m.ClientID = ""
	}
	tombstone := m.Type
	switch {
	case m.Type == chat.TypeRecalled:
	case m.Type == chat.TypeGone, c.hidden[reader][m.Seq], r.expired(now):
		tombstone = chat.TypeGone
	default:
		m.Reactions = r.summary()
		return m
	}
	return chat.Message{
		ID: m.ID, Conv: m.Conv, Seq: m.Seq, From: m.From, Time: m.Time, Rev: m.Rev, ClientID: m.ClientID,
		Body: chat.Body{Type: tombstone},
	}
}

func (r *row) expired(now int64) bool {
	return r.m.Type == chat.TypeGone || r.m.Expires > 0 && r.m.Expires <= now
}

// summary is the reactions by sign, the oldest first.
func (r *row) summary() (all []chat.Reaction) {
	given := slices.SortedFunc(slices.Values(r.reactions), func(a, b reaction) int {
		return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.sign, b.sign), cmp.Compare(a.user, b.user))
	})
	for _, x := range given {
		i := slices.IndexFunc(all, func(o chat.Reaction) bool { return o.Sign == x.sign })
		if i < 0 {
			i = len(all)
			all = append(all, chat.Reaction{Sign: x.sign})
		}
		all[i].Count++
		if len(all[i].Users) < chat.MaxReactors {
			all[i].Users = append(all[i].Users, x.user)
		}
	}
	return all
}

// clear takes a message's content away, with all that was made of it.
func (r *row) clear(tombstone string) {
	r.m.Body, r.m.Mention, r.m.Expires = chat.Body{Type: tombstone}, nil, 0
	r.versions, r.reactions = nil, nil
}

// pageOf is a page whose cursor is the number of entries before it.
func pageOf[T any](all []T, limit int, cursor string) (page []T, next string, err error) {
	skip, err := skipOf(cursor)
	if err != nil {
		return nil, "", err
	}
	all = all[min(skip, len(all)):]
	if len(all) <= limit {
		return append([]T{}, all...), "", nil
	}
	return all[:limit], strconv.Itoa(skip + limit), nil
}

func skipOf(cursor string) (int, error) {
	if cursor == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(cursor)
	if err != nil || n < 0 {
		return 0, codec.Errorf(codec.CodeMalformed, "this cursor is not valid: send the next_cursor of the page before")
	}
	return n, nil
}
