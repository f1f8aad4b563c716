package chat

import (
	"context"
	"encoding/base64"

	"pushd/internal/account"
)

// Bounds of one Sync.
const (
	maxCursors = 2000
	maxChanged = 500 // changed messages of one conversation; with more it is told anew
	syncPage   = 100 // conversations looked at a time
)

// SyncRequest says how far a client knows the user's conversations. A conversation
// that it leaves out is new to it.
type SyncRequest struct {
	Cursors map[string]Mark `json:"cursors,omitempty"` // what the client has, by conversation
	Limit   int             `json:"limit,omitempty"`   // messages of one conversation
	Cursor  string          `json:"cursor,omitempty"`  // next_cursor of the reply before
}

// SyncReply is what the client doesn't know. It is all of it when Whole is true.
// When NextCursor is set, other conversations follow: the same request with it
// gives them. A conversation in which More is true has more messages: another Sync
// with its new cursor gives them.
type SyncReply struct {
	Conversations []Synced `json:"conversations"`
	Removed       []string `json:"removed"` // of the cursors given: no longer the user's
	NextCursor    string   `json:"next_cursor,omitempty"`
	Whole         bool     `json:"whole"`
	Time          int64    `json:"time"` // Unix milliseconds
}

// Synced is one conversation that moved.
type Synced struct {
	Conv      string `json:"conv"`
	Kind      string `json:"kind"`
	Cursor    Mark   `json:"cursor"` // what the client knows once it has taken this in
	MaxSeq    uint64 `json:"max_seq"`
	JoinSeq   uint64 `json:"join_seq"` // the user sees what is after it
	ReadSeq   uint64 `json:"read_seq"`
	PeerRead  uint64 `json:"peer_read,omitempty"`
	PeerGot   uint64 `json:"peer_delivered,omitempty"`
	Unread    int    `json:"unread"`
	Mentioned bool   `json:"mentioned,omitempty"`
	LastTime  int64  `json:"last_time"`

	Messages []Message `json:"messages"` // after the cursor, oldest first
	Changed  []Message `json:"changed"`  // up to the cursor: edited, recalled or reacted to since
	More     bool      `json:"more"`     // there are messages after these
	// Reset tells that these are the newest messages whatever the cursor said: because
	// there was none, or because too much has changed. What the client has of the
	// conversation is no longer good; Earlier tells that History has older messages.
	Reset   bool `json:"reset,omitempty"`
	Earlier bool `json:"earlier,omitempty"`
}

// Sync is what a client needs after it was away: conversations that moved on, what
// was said and what has changed in them.
func (s *Service) Sync(ctx context.Context, id account.Identity, r SyncRequest) (SyncReply, error) {
	if _, err := authorizeUser(id); err != nil {
		return SyncReply{}, err
	}
	after, err := r.check()
	if err != nil {
		return SyncReply{}, err
	}
	rep := SyncReply{Conversations: []Synced{}, Removed: []string{}, Time: s.now()}
	if after == "" {
		if rep.Removed, err = s.removed(ctx, id.User, r.Cursors); err != nil {
			return SyncReply{}, err
		}
	}
	room, limit := maxReply, pageLimit(r.Limit)
	for {
		heads, next, err := s.store.Moved(ctx, id.User, r.Cursors, after, syncPage)
		if err != nil {
			return SyncReply{}, err
		}
		for i, h := range heads {
			mark, known := r.Cursors[h.Conv]
			c, err := s.syncOne(ctx, id.User, h, mark, known, limit, max(room, 0))
			if err != nil {
				return SyncReply{}, err
			}
			rep.Conversations = append(rep.Conversations, c)
			for _, m := range c.Messages {
				room -= cost(m)
			}
			for _, m := range c.Changed {
				room -= cost(m)
			}
			room -= 300
			after = h.Conv
			if room <= 0 && (i+1 < len(heads) || next != "") {
				rep.NextCursor = syncCursor(after)
				return rep, nil
			}
		}
		if next == "" || len(heads) == 0 {
			break
		}
	}
	rep.Whole = r.Cursor == "" && wholeOf(rep.Conversations)
	return rep, nil
}

func wholeOf(all []Synced) bool {
	for _, c := range all {
		if c.More {
			return false
		}
	}
	return true
}

// check reads the cursor: the key of the conversation that the reply before ended
// with.
func (r SyncRequest) check() (after string, err error) {
	if len(r.Cursors) > maxCursors {
		return "", tooLarge("cursors has at most %d conversations, not %d: leave out those that have not changed for long",
			maxCursors, len(r.Cursors))
	}
	for key := range r.Cursors {
		if _, _, _, ok := ParseKey(key); !ok {
			return "", malformed("%.64q is not a conversation", key)
		}
	}
	if r.Cursor == "" {
		return "", nil
	}
	key, err := base64.RawURLEncoding.DecodeString(r.Cursor)
	if _, _, _, ok := ParseKey(string(key)); err != nil || !ok {
		return "", malformed("this cursor is not valid: send the next_cursor of the reply before")
	}
	return string(key), nil
}

func syncCursor(key string) string { return base64.RawURLEncoding.EncodeToString([]byte(key)) }

// syncOne is what one conversation has for a client.
func (s *Service) syncOne(
	ctx context.Context, user string, h Head, mark Mark, known bool, limit, room int,
) (Synced, error) {
	c := Synced{
		Conv: h.Conv, Kind: h.Kind, MaxSeq: h.MaxSeq, JoinSeq: h.JoinSeq, ReadSeq: h.ReadSeq,
		PeerRead: h.PeerRead, PeerGot: h.PeerGot, Unread: h.Unread, Mentioned: h.Mentioned, LastTime: h.LastTime,
		Messages: []Message{}, Changed: []Message{}, Reset: !known,
	}
	if mark.Seq > h.MaxSeq || mark.Rev > h.Rev {
		// The client knows more than there is: the database is an older copy of what it was.
		// What it has doesn't belong to this one.
		mark, known, c.Reset = Mark{}, false, true
	}
	now := s.now()
	if known && h.Rev > mark.Rev && mark.Seq > 0 {
		changed, more, err := s.store.Changed(ctx, user, h.Conv, mark.Rev, mark.Seq, maxChanged, now)
		if err != nil && !isNotFound(err) {
			return Synced{}, err
		}
		if more || howManyFit(changed, maxReply) < len(changed) {
			c.Reset = true
		} else {
			c.Changed = orEmpty(changed)
			for _, m := range changed {
				room -= cost(m)
			}
		}
	}
	q := PageQuery{After: mark.Seq, Forward: true, From: h.JoinSeq, Limit: limit, Now: now}
	if c.Reset {
		q.After, q.Forward = 0, false
	}
	// The first message is there even when there is no room: so every reply gets on.
	page, more, err := s.page(ctx, user, h.Conv, q, max(room, 1))
	if err != nil {
		return Synced{}, err
	}
	if c.Reset {
		c.Earlier = more
		for i := len(page) - 1; i >= 0; i-- {
			c.Messages = append(c.Messages, page[i])
		}
	} else {
		c.Messages, c.More = page, more
	}
	// Not beyond what is told: h is older than the page, and a change that came
	// between the two is told again the next time.
	c.Cursor = Mark{Seq: max(mark.Seq, h.JoinSeq), Rev: h.Rev}
	if n := len(c.Messages); n > 0 {
		c.Cursor.Seq = c.Messages[n-1].Seq
	}
	return c, nil
}

// removed are those of the cursors' conversations that are not the user's any more.
func (s *Service) removed(ctx context.Context, user string, cursors map[string]Mark) ([]string, error) {
	gone := []string{}
	groups := map[string]string{} // id to key
	for key := range cursors {
		switch kind, a, b, _ := ParseKey(key); {
		case kind == KindGroup:
			groups[a] = key
		case kind == KindSingle && a != user && b != user, kind == KindNotice && a != user:
			gone = append(gone, key)
		}
	}
	for cursor := ""; len(groups) > 0; {
		page, next, err := s.store.GroupsOf(ctx, user, maxPage, cursor)
		if err != nil {
			return nil, err
		}
		for _, g := range page {
			delete(groups, g.ID)
		}
		if next == "" {
			break
		}
		cursor = next
	}
	for _, key := range groups {
		gone = append(gone, key)
	}
	return gone, nil
}
