package hub

import (
	"slices"
	"sync"
	"time"
)

// roster is who is in a topic, by user: several sessions of one are one. The
// rooms know sessions only, each loop its own; a roster is kept where
// Options.Roster asks for it.
type roster struct {
	topic string // immutable

	mu       sync.Mutex
	users    occupants
	sessions int
	// changed holds who came or went since the last TopicChange: whether the user
	// was in before the first of these.
	changed map[string]bool
	more    bool // there were more than changed may hold
	queued  bool // listed in rosters.pending
	told    time.Time
}

// rosters are those with changes to tell. Its lock is taken under a roster's.
type rosters struct {
	mu      sync.Mutex
	pending []*roster // guarded by mu; at most Options.MaxTopics
}

// Bounds of TopicChange.
const (
	maxTopicNames = 1000 // who came and went that one change names
	// tellWrites is how many sessions a second are written to about one topic: in
	// a larger one changes are told less often.
	tellWrites = 20_000
)

// TopicChange is who came to a topic and went, net of those who did both.
type TopicChange struct {
	Topic        string
	Joined, Left []string // ascending; empty with More
	More         bool     // there were more than can be named
	Users        int      // in the topic now
	Sessions     int
}

func (h *Hub) enterRoster(t *topic, s *Session) {
	ro := t.roster
	if ro == nil {
		return
	}
	ro.mu.Lock()
	defer ro.mu.Unlock()
	hash := h.hash(s.User)
	o := ro.users.find(hash, s.User)
	if o == nil {
		o = &occupant{user: s.User, hash: hash}
		ro.users.add(o)
	}
	o.platforms = append(o.platforms, s.Platform)
	ro.sessions++
	if len(o.platforms) == 1 {
		h.noteLocked(ro, s.User, false)
	}
}

func (h *Hub) leaveRoster(t *topic, s *Session) {
	ro := t.roster
	if ro == nil {
		return
	}
	ro.mu.Lock()
	defer ro.mu.Unlock()
	o := ro.users.find(h.hash(s.User), s.User)
	i := slices.Index(o.platforms, s.Platform)
	last := len(o.platforms) - 1
	o.platforms[i] = o.platforms[last]
	o.platforms = o.platforms[:last]
	ro.sessions--
	if last == 0 {
		ro.users.remove(o)
		h.noteLocked(ro, s.User, true)
	}
}

// noteLocked records that a user came or went, and lists the roster.
func (h *Hub) noteLocked(ro *roster, user string, was bool) {
	if _, known := ro.changed[user]; !known {
		switch {
		case len(ro.changed) >= maxTopicNames:
			ro.more = true
		case ro.changed == nil:
			ro.changed = map[string]bool{user: was}
		default:
			ro.changed[user] = was
		}
	}
	// At the bound the change waits for the topic's next one.
	ro.queued = ro.queued || h.rosters.put(ro, h.opt.MaxTopics)
}

func (rs *rosters) put(ro *roster, bound int) bool {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if len(rs.pending) >= bound {
		return false
	}
	rs.pending = append(rs.pending, ro)
	return true
}

// TopicChanges returns what changed since it was asked last in each topic whose
// users are known. Of a topic with more than 20,000 sessions it tells less often
// than it is asked: at most that many sessions a second are to be told.
func (h *Hub) TopicChanges() (all []TopicChange) {
	rs := &h.rosters
	rs.mu.Lock()
	pending := rs.pending
	rs.pending = nil
	rs.mu.Unlock()
	now := h.opt.Now()
	for _, ro := range pending {
		c, told := h.change(ro, now)
		if !told {
			continue
		}
		if c.Sessions > 0 && (c.More || len(c.Joined)+len(c.Left) > 0) {
			all = append(all, c)
		}
	}
	return all
}

func (h *Hub) change(ro *roster, now time.Time) (c TopicChange, told bool) {
	ro.mu.Lock()
	defer ro.mu.Unlock()
	if every := time.Duration(ro.sessions/tellWrites) * time.Second; now.Sub(ro.told) < every {
		ro.queued = h.rosters.put(ro, h.opt.MaxTopics)
		return c, false
	}
	c = TopicChange{Topic: ro.topic, More: ro.more, Users: ro.users.n, Sessions: ro.sessions}
	for user, was := range ro.changed {
		is := ro.users.find(h.hash(user), user) != nil
		switch {
		case ro.more:
		case is && !was:
			c.Joined = append(c.Joined, user)
		case !is && was:
			c.Left = append(c.Left, user)
		}
	}
	ro.changed, ro.more, ro.queued, ro.told = nil, false, false, now
	slices.Sort(c.Joined)
	slices.Sort(c.Left)
	return c, true
}

// count adds up the sessions of all users; -1 when it contradicts itself.
func (ro *roster) count() (n int) {
	ro.mu.Lock()
	defer ro.mu.Unlock()
	users := 0
	for _, b := range ro.users.buckets {
		for _, o := range b {
			n += len(o.platforms)
			users++
		}
	}
	if n != ro.sessions || users != ro.users.n {
		return -1
	}
	return n
}

// RosterPage is a part of who is in a topic.
type RosterPage struct {
	Users    []OnlineUser // with the platforms they are in the topic on
	Next     string       // cursor; "" at the end
	Count    int          // users in all
	Sessions int
}

// Roster lists the users of a topic in the stable order of their keyed hashes,
// as OnlineUsers does, from after the cursor. It is empty where Options.Roster
// doesn't ask for the users to be known. The error is ErrCursor.
func (h *Hub) Roster(name string, limit int, cursor string) (page RosterPage, err error) {
	var after uint64
	if cursor != "" {
		hash, ok := parseHex(cursor)
		if !ok {
			return page, ErrCursor
		}
		after = hash
	}
	shard := h.topicShard(name)
	shard.mu.Lock()
	t, _ := shard.byName.get(name)
	shard.mu.Unlock()
	if t == nil || t.roster == nil {
		return page, nil
	}
	ro := t.roster
	ro.mu.Lock()
	defer ro.mu.Unlock()
	page.Count, page.Sessions = ro.users.n, ro.sessions
	list := ro.users.after(after, cursor != "", max(limit, 1))
	for _, o := range list {
		page.Users = append(page.Users, OnlineUser{o.user, o.set()})
	}
	if n := len(list); n >= max(limit, 1) {
		page.Next = FormatID(list[n-1].hash)
	}
	return page, nil
}
