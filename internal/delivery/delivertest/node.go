package delivertest

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"pushd/internal/account"
	"pushd/internal/codec"
	"pushd/internal/delivery"
)

// Node is a fake of one node: sessions come and go as a test says, and what is
// delivered to them is there at once. A session is named "user/platform", and that is
// its id. It implements delivery.Deliverer and delivery.Closer.
type Node struct {
	// Instead, if set, answers Deliver instead of the sessions.
	Instead func(ctx context.Context, to delivery.Target) (delivery.Receipt, error)

	platforms *account.Platforms
	members   delivery.MemberSource // nil: there are no groups

	mu     sync.Mutex
	users  map[string][]active // guarded by mu
	clock  int                 // of activity; guarded by mu
	topics map[string][]string // sessions by topic; guarded by mu
	got    map[string][]Push   // by session; guarded by mu
	asked  []Delivery          // guarded by mu
	closed []Closing           // guarded by mu
}

var (
	_ delivery.Deliverer = (*Node)(nil)
	_ delivery.Closer    = (*Node)(nil)
)

// active is a session of a user.
type active struct {
	session string
	last    int // when something was heard from it
}

// Push is what a session got.
type Push struct {
	Name string // module.Action
	Data json.RawMessage
}

// Delivery is one call of Deliver that was no error.
type Delivery struct {
	To      delivery.Target
	Payload string
}

// Closing is one call of Close.
type Closing struct {
	Of    delivery.Sessions
	Cause delivery.Cause
	Text  string
}

// NewNode has the sessions given, and asks members about groups; nil is none.
func NewNode(members delivery.MemberSource, sessions ...string) *Node {
	platforms, err := account.NewPlatforms(nil)
	if err != nil {
		panic(err) // the built-in ones are right
	}
	n := &Node{
		members: members, platforms: platforms,
		users: map[string][]active{}, topics: map[string][]string{}, got: map[string][]Push{},
	}
	for _, s := range sessions {
		n.Login(s)
	}
	return n
}

// split takes a session's name apart.
func split(session string) (user, platform string) {
	user, platform, _ = strings.Cut(session, "/")
	return user, platform
}

// sessionsLocked are all sessions, the most recently active one last.
func (n *Node) sessionsLocked() (sessions []string) {
	all := slices.Concat(slices.Collect(maps.Values(n.users))...)
	slices.SortFunc(all, func(a, b active) int { return cmp.Compare(a.last, b.last) })
	for _, a := range all {
		sessions = append(sessions, a.session)
	}
	return sessions
}

func (n *Node) hasLocked(session string) bool {
	user, _ := split(session)
	return slices.ContainsFunc(n.users[user], func(a active) bool { return a.session == session })
}

// Login adds a session, or makes it the most recently active one.
func (n *Node) Login(session string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	user, _ := split(session)
	n.users[user] = slices.DeleteFunc(n.users[user], func(a active) bool { return a.session == session })
	n.clock++
	n.users[user] = append(n.users[user], active{session, n.clock})
}

// Logout takes sessions away.
func (n *Node) Logout(sessions ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.logoutLocked(sessions)
}

func (n *Node) logoutLocked(gone []string) {
	for _, s := range gone {
		user, _ := split(s)
		if n.users[user] = slices.DeleteFunc(n.users[user], func(a active) bool { return a.session == s }); len(n.users[user]) == 0 {
			delete(n.users, user)
		}
		for topic, in := range n.topics {
			n.topics[topic] = slices.DeleteFunc(in, func(other string) bool { return other == s })
		}
	}
}

// Subscribe adds a session to a topic; 404 when it isn't there.
func (n *Node) Subscribe(_ context.Context, session, topic string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.hasLocked(session) {
		return codec.Errorf(codec.CodeNotFound, "no session %s", session)
	}
	if !slices.Contains(n.topics[topic], session) {
		n.topics[topic] = append(n.topics[topic], session)
	}
	return nil
}

// Unsubscribe takes a session out of a topic; 404 when it isn't there.
func (n *Node) Unsubscribe(_ context.Context, session, topic string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.hasLocked(session) {
		return codec.Errorf(codec.CodeNotFound, "no session %s", session)
	}
	n.topics[topic] = slices.DeleteFunc(n.topics[topic], func(s string) bool { return s == session })
	return nil
}

// Topics are those that a session is in, ascending.
func (n *Node) Topics(session string) (topics []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for topic, in := range n.topics {
		if slices.Contains(in, session) {
			topics = append(topics, topic)
		}
	}
	slices.Sort(topics)
	return topics
}

// Subscribers is how many sessions are in a topic.
func (n *Node) Subscribers(_ context.Context, topic string) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.topics[topic]), nil
}

// Sessions are all that there are, the most recently active one last.
func (n *Node) Sessions() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.sessionsLocked()
}

// Take returns what a session got since the last time.
func (n *Node) Take(session string) []Push {
	n.mu.Lock()
	defer n.mu.Unlock()
	got := n.got[session]
	delete(n.got, session)
	return got
}

// Deliveries returns the calls of Deliver since the last time.
func (n *Node) Deliveries() []Delivery {
	n.mu.Lock()
	defer n.mu.Unlock()
	asked := n.asked
	n.asked = nil
	return asked
}

// Closings returns the calls of Close since the last time.
func (n *Node) Closings() []Closing {
	n.mu.Lock()
	defer n.mu.Unlock()
	closed := n.closed
	n.closed = nil
	return closed
}

// Online tells which of the users have a session.
func (n *Node) Online(_ context.Context, users []string) (online []string, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, u := range users {
		if len(n.platformsLocked(u)) > 0 {
			online = append(online, u)
		}
	}
	return online, nil
}

// Platforms are the names of those that a user is on, in the order of the sessions.
func (n *Node) Platforms(user string) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.platformsLocked(user)
}

func (n *Node) platformsLocked(user string) (names []string) {
	for _, a := range n.users[user] {
		_, platform := split(a.session)
		names = append(names, platform)
	}
	return names
}

// Deliver implements delivery.Deliverer.
func (n *Node) Deliver(ctx context.Context, to delivery.Target, f codec.Frame) (r delivery.Receipt, err error) {
	if n.Instead != nil {
		if r, err = n.Instead(ctx, to); err == nil {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.asked = append(n.asked, Delivery{to, string(f.Payload())})
		}
		return r, err
	}
	members, err := n.membersOf(ctx, to)
	if err != nil {
		return r, err
	}
	m, err := n.match(to, members)
	if err != nil {
		return r, err
	}
	var p struct {
		Module, Action string
		Data           json.RawMessage
	}
	if err := json.Unmarshal(f.Payload(), &p); err != nil {
		return r, fmt.Errorf("a frame that is no push: %w", err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked = append(n.asked, Delivery{to, string(f.Payload())})
	reached := m.reachedLocked()
	if to.OneDevice && len(reached) > 0 {
		reached = reached[len(reached)-1:]
		r.Session = reached[0]
	}
	users := map[string]bool{}
	for _, s := range reached {
		u, _ := split(s)
		users[u] = true
		n.got[s] = append(n.got[s], Push{p.Module + "." + p.Action, p.Data})
	}
	r.Sessions, r.Users = len(reached), len(users)
	if to.Everyone || len(to.Topics) > 0 && len(to.Users)+len(to.Groups)+len(to.Sessions) == 0 {
		r.Users = r.Sessions
	}
	r.Offline = m.offlineLocked()
	return r, nil
}

func (n *Node) membersOf(ctx context.Context, to delivery.Target) (all []string, err error) {
	if n.members == nil || to.Everyone {
		return nil, nil
	}
	for _, g := range to.Groups {
		users, _, err := n.members.Members(ctx, g)
		if err != nil && codec.AsError(err).Code != codec.CodeNotFound {
			return nil, err
		}
		all = append(all, users...)
	}
	return all, nil
}

// match is a target that was looked over.
type match struct {
	node      *Node
	to        delivery.Target
	members   []string
	platforms []string // names; empty is all
}

func (n *Node) match(to delivery.Target, members []string) (match, error) {
	m := match{node: n, to: to, members: members}
	if to.OneDevice && (len(to.Users) != 1 || to.Everyone || len(to.Groups)+len(to.Topics)+len(to.Sessions) > 0) {
		return m, codec.Errorf(codec.CodeMalformed, "one device is that of one user")
	}
	for _, name := range to.Platforms {
		p, err := n.platforms.Parse(name)
		if err != nil {
			return m, err
		}
		m.platforms = append(m.platforms, n.platforms.Name(p))
	}
	for _, id := range append(slices.Clone(to.Sessions), to.Except) {
		if id != "" && !strings.Contains(id, "/") {
			return m, codec.Errorf(codec.CodeMalformed, "%.40q is not a session id", id)
		}
	}
	return m, nil
}

func (m match) admits(session string) bool {
	_, platform := split(session)
	return len(m.platforms) == 0 || slices.Contains(m.platforms, platform)
}

// reachedLocked are those that the target reaches, in the order of their activity.
func (m match) reachedLocked() (reached []string) {
	for _, s := range m.node.sessionsLocked() {
		user, _ := split(s)
		named := !slices.Contains(m.to.Without, user) && (slices.Contains(m.to.Users, user) || slices.Contains(m.members, user))
		in := slices.ContainsFunc(m.to.Topics, func(t string) bool { return slices.Contains(m.node.topics[t], s) })
		if s != m.to.Except && m.admits(s) && (m.to.Everyone || named || in || slices.Contains(m.to.Sessions, s)) {
			reached = append(reached, s)
		}
	}
	return reached
}

// offlineLocked are the named users who are not on any of the platforms.
func (m match) offlineLocked() (offline []string) {
	if m.to.Everyone {
		return nil
	}
	for _, u := range m.to.Users {
		here := slices.ContainsFunc(m.node.users[u], func(a active) bool { return m.admits(a.session) })
		if !here && !slices.Contains(m.to.Without, u) {
			offline = append(offline, u)
		}
	}
	slices.Sort(offline)
	return slices.Compact(offline)
}

// Close implements delivery.Closer. Its sessions logged in with no grant, at the
// beginning of time.
func (n *Node) Close(_ context.Context, of delivery.Sessions, cause delivery.Cause, text string) (int, error) {
	m, err := n.match(delivery.Target{Sessions: []string{of.Session}, Platforms: of.Platforms}, nil)
	if err != nil {
		return 0, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = append(n.closed, Closing{of, cause, text})
	var gone []string
	for _, s := range n.sessionsLocked() {
		user, _ := split(s)
		meant := s == of.Session
		if of.Session == "" {
			meant = user == of.User && m.admits(s) && (of.Login == nil || of.Login.Grant == "" && !of.Login.LoggedInUntil.IsZero())
		}
		if meant {
			gone = append(gone, s)
		}
	}
	n.logoutLocked(gone)
	return len(gone), nil
}
