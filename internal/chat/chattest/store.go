// Package chattest is what tests of the chat service and of its doors put in the
// place of a database and a node: a store in memory that keeps the ports' promises
// in the plainest way, and a deliverer that writes down what it was given. Nothing
// of the program imports it.
package chattest

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"pushd/internal/chat"
	"pushd/internal/codec"
)

// Store is a chat.Store in memory. Of groups and friends it has what messages
// need; the rest of chat.Store panics.
type Store struct {
	chat.Store // nil

	// Fail, if set, is asked before each call and may give the error that it ends in.
	Fail func(operation string) error

	mu      sync.Mutex
	convs   map[string]*conv
	rows    map[string]*row    // by message id
	clients map[[2]string]*row // by sender and client id
	groups  map[string]chat.GroupInfo
	friends map[[2]string]chat.Friend
}

type conv struct {
	key      string
	rows     []*row // seq is the index and one
	rev      uint64
	members  map[string]*chat.Member
	sent     map[string]uint64          // last seq of a sender
	hidden   map[string]map[uint64]bool // by user
	off      map[string]uint64          // by user: off his list up to
	received map[string]uint64          // by user and device
}

type row struct {
	m        chat.Message
	rev      uint64
	versions []chat.Version
	reacted  []reaction
}

type reaction struct{ sign, user string }

// NewStore is an empty one.
func NewStore() *Store {
	return &Store{
		convs: map[string]*conv{}, rows: map[string]*row{}, clients: map[[2]string]*row{},
		groups: map[string]chat.GroupInfo{}, friends: map[[2]string]chat.Friend{},
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

func none(what string) error { return codec.Errorf(codec.CodeNotFound, "no such %s", what) }

// open finds a conversation, or makes one that needs no group.
func (s *Store) open(key string) (*conv, error) {
	if c, ok := s.convs[key]; ok {
		return c, nil
	}
	kind, a, b, ok := chat.ParseKey(key)
	if !ok || kind == chat.KindGroup {
		return nil, none("group")
	}
	c := newConv(key)
	for _, u := range []string{a, b} {
		if u != "" {
			c.members[u] = &chat.Member{User: u, Role: chat.RoleMember}
		}
	}
	s.convs[key] = c
	return c, nil
}

func newConv(key string) *conv {
	return &conv{
		key: key, members: map[string]*chat.Member{}, sent: map[string]uint64{},
		hidden: map[string]map[uint64]bool{}, off: map[string]uint64{}, received: map[string]uint64{},
	}
}

// Append implements chat.Messages.
func (s *Store) Append(_ context.Context, d chat.Draft) (chat.Message, bool, error) {
	if err := s.begin("Append"); err != nil {
		return chat.Message{}, false, err
	}
	defer s.mu.Unlock()
	if r, ok := s.clients[[2]string{d.From, d.ClientID}]; ok && d.ClientID != "" {
		return r.m, true, nil
	}
	c, err := s.open(d.Conv)
	if err != nil {
		return chat.Message{}, false, err
	}
	r := &row{m: chat.Message{
		ID: d.ID, Conv: d.Conv, Seq: uint64(len(c.rows)) + 1, From: d.From, Body: d.Body, Time: d.Time, ClientID: d.ClientID,
		Mention: d.Mention, Expires: d.Expires, OneDevice: d.OneDevice,
	}}
	c.rows = append(c.rows, r)
	c.sent[d.From] = r.m.Seq
	s.rows[d.ID] = r
	if d.ClientID != "" {
		s.clients[[2]string{d.From, d.ClientID}] = r
	}
	return r.m, false, nil
}

// view is a message as a reader sees it; "" sees all.
func (c *conv) view(r *row, reader string, now int64) chat.Message {
	m := r.m
	m.Rev = r.rev
	if m.From != reader {
		m.ClientID = ""
	}
	for _, x := range r.reacted {
		i := slices.IndexFunc(m.Reactions, func(o chat.Reaction) bool { return o.Sign == x.sign })
		if i < 0 {
			i = len(m.Reactions)
			m.Reactions = append(m.Reactions, chat.Reaction{Sign: x.sign})
		}
		m.Reactions[i].Count++
		m.Reactions[i].Users = append(m.Reactions[i].Users, x.user)
	}
	if c.hidden[reader][m.Seq] || m.Expires > 0 && m.Expires <= now {
		m.Body, m.Mention, m.Reactions = chat.Body{Type: chat.TypeGone}, nil, nil
	}
	return m
}

// Page implements chat.Messages.
func (s *Store) Page(_ context.Context, reader, key string, q chat.PageQuery) ([]chat.Message, bool, error) {
	if err := s.begin("Page"); err != nil {
		return nil, false, err
	}
	defer s.mu.Unlock()
	c, ok := s.convs[key]
	if !ok {
		return nil, false, none("conversation")
	}
	var page []chat.Message
	for _, r := range c.rows {
		in := r.m.Seq > q.From && (q.Before == 0 || r.m.Seq < q.Before) && (!q.Forward || r.m.Seq > q.After)
		if in {
			page = append(page, c.view(r, reader, q.Now))
		}
	}
	if !q.Forward {
		slices.Reverse(page)
	}
	return page[:min(q.Limit, len(page))], len(page) > q.Limit, nil
}

// Message implements chat.Messages.
func (s *Store) Message(_ context.Context, reader, id string) (chat.Message, error) {
	if err := s.begin("Message"); err != nil {
		return chat.Message{}, err
	}
	defer s.mu.Unlock()
	r, ok := s.rows[id]
	if !ok {
		return chat.Message{}, none("message")
	}
	return s.convs[r.m.Conv].view(r, reader, 0), nil
}

// Changed implements chat.Messages.
func (s *Store) Changed(_ context.Context, reader, key string, rev, upTo uint64, limit int, now int64) ([]chat.Message, bool, error) {
	if err := s.begin("Changed"); err != nil {
		return nil, false, err
	}
	defer s.mu.Unlock()
	c, ok := s.convs[key]
	if !ok {
		return nil, false, none("conversation")
	}
	rows := slices.DeleteFunc(slices.Clone(c.rows), func(r *row) bool { return r.rev <= rev || r.m.Seq > upTo })
	slices.SortFunc(rows, func(a, b *row) int { return int(a.rev) - int(b.rev) })
	var page []chat.Message
	for _, r := range rows {
		page = append(page, c.view(r, reader, now))
	}
	return page[:min(limit, len(page))], len(page) > limit, nil
}

// change is what all changes of a message have in common.
func (s *Store) change(id string, f func(*row) error) (chat.Message, uint64, error) {
	r, ok := s.rows[id]
	if !ok {
		return chat.Message{}, 0, none("message")
	}
	if err := f(r); err != nil {
		return chat.Message{}, 0, err
	}
	c := s.convs[r.m.Conv]
	c.rev++
	r.rev = c.rev
	return c.view(r, r.m.From, 0), c.rev, nil
}

// Recall implements chat.Messages.
func (s *Store) Recall(_ context.Context, id string, _ int64) (chat.Message, uint64, error) {
	if err := s.begin("Recall"); err != nil {
		return chat.Message{}, 0, err
	}
	defer s.mu.Unlock()
	return s.change(id, func(r *row) error {
		if r.m.Type == chat.TypeRecalled {
			return codec.Errorf(codec.CodeConflict, "it is recalled already")
		}
		r.m.Body, r.m.Mention, r.versions, r.reacted = chat.Body{Type: chat.TypeRecalled}, nil, nil, nil
		return nil
	})
}

// Edit implements chat.Messages.
func (s *Store) Edit(_ context.Context, id string, body chat.Body, mention []string, now int64) (chat.Message, uint64, error) {
	if err := s.begin("Edit"); err != nil {
		return chat.Message{}, 0, err
	}
	defer s.mu.Unlock()
	return s.change(id, func(r *row) error {
		if r.m.Type == chat.TypeRecalled {
			return codec.Errorf(codec.CodeConflict, "it is recalled already")
		}
		r.versions = append(r.versions, chat.Version{Body: r.m.Body, Time: now})
		r.m.Body, r.m.Mention, r.m.Edited = body, mention, now
		return nil
	})
}

// Versions implements chat.Messages.
func (s *Store) Versions(_ context.Context, id string) ([]chat.Version, error) {
	if err := s.begin("Versions"); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	r, ok := s.rows[id]
	if !ok {
		return nil, none("message")
	}
	return r.versions, nil
}

// React implements chat.Messages.
func (s *Store) React(_ context.Context, id, user, sign string, on bool, _ int64) (chat.Message, uint64, bool, error) {
	if err := s.begin("React"); err != nil {
		return chat.Message{}, 0, false, err
	}
	defer s.mu.Unlock()
	x := reaction{sign, user}
	if r, ok := s.rows[id]; ok && slices.Contains(r.reacted, x) == on {
		c := s.convs[r.m.Conv]
		return c.view(r, user, 0), c.rev, false, nil
	}
	m, rev, err := s.change(id, func(r *row) error {
		if on {
			r.reacted = append(r.reacted, x)
		} else {
			r.reacted = slices.DeleteFunc(r.reacted, func(o reaction) bool { return o == x })
		}
		return nil
	})
	return m, rev, err == nil, err
}

// Hide implements chat.Messages.
func (s *Store) Hide(_ context.Context, key, user string, seqs []uint64) error {
	if err := s.begin("Hide"); err != nil {
		return err
	}
	defer s.mu.Unlock()
	c, err := s.open(key)
	if err != nil {
		return err
	}
	if c.hidden[user] == nil {
		c.hidden[user] = map[uint64]bool{}
	}
	for _, seq := range seqs {
		c.hidden[user][seq] = true
	}
	return nil
}

// Search implements chat.Messages; the cursor is a number of messages.
func (s *Store) Search(_ context.Context, user, words, key string, limit int, cursor string, now int64) ([]chat.Message, string, error) {
	if err := s.begin("Search"); err != nil {
		return nil, "", err
	}
	defer s.mu.Unlock()
	var all []chat.Message
	for k, c := range s.convs {
		member, in := c.members[user]
		if !in || key != "" && key != k {
			continue
		}
		for _, r := range c.rows {
			if m := c.view(r, user, now); m.Seq > member.JoinSeq && m.Text != "" && strings.Contains(m.Text, words) {
				all = append(all, m)
			}
		}
	}
	slices.SortFunc(all, func(a, b chat.Message) int { return strings.Compare(b.ID, a.ID) })
	return numbered(all, limit, cursor)
}

// numbered is a page whose cursor is a number.
func numbered[T any](all []T, limit int, cursor string) ([]T, string, error) {
	skip := 0
	if cursor != "" {
		n, err := strconv.Atoi(cursor)
		if err != nil || n < 0 {
			return nil, "", codec.Errorf(codec.CodeMalformed, "cursor is next_cursor of the page before")
		}
		skip = min(n, len(all))
	}
	all = all[skip:]
	if len(all) <= limit {
		return all, "", nil
	}
	return all[:limit], strconv.Itoa(skip + limit), nil
}

// Expire implements chat.Messages.
func (s *Store) Expire(_ context.Context, now int64, limit int) (n int, err error) {
	if err := s.begin("Expire"); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(s.rows)) {
		if r := s.rows[id]; n < limit && r.m.Type != chat.TypeGone && r.m.Expires > 0 && r.m.Expires <= now {
			r.m.Body, r.m.Mention = chat.Body{Type: chat.TypeGone}, nil
			n++
		}
	}
	return n, nil
}
