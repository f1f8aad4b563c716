package chattest

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"

	"pushd/internal/codec"
)

// Node is a chat.Deliverer over sessions that a test has come and go. A session is
// named "user/device".
type Node struct {
	// Lose, if set, gives the error of the next delivery.
	Lose func() error

	mu       sync.Mutex
	sessions []string // the most recently active one last
	groups   map[string][]string
	got      map[string][]Push // by session
	loads    int
}

// Push is what a session got.
type Push struct {
	Name string // module.Action
	Data json.RawMessage
}

// NewNode has the sessions given.
func NewNode(sessions ...string) *Node {
	return &Node{sessions: sessions, groups: map[string][]string{}, got: map[string][]Push{}}
}

// Take returns what a session got since the last time.
func (n *Node) Take(session string) []Push {
	n.mu.Lock()
	defer n.mu.Unlock()
	got := n.got[session]
	delete(n.got, session)
	return got
}

// Loads is how often a group was loaded.
func (n *Node) Loads() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.loads
}

func user(session string) string {
	u, _, _ := strings.Cut(session, "/")
	return u
}

func (n *Node) deliver(f codec.Frame, to func(session string) bool) error {
	if n.Lose != nil {
		if err := n.Lose(); err != nil {
			return err
		}
	}
	var p struct {
		Module, Action string
		Data           json.RawMessage
	}
	if err := json.Unmarshal(f.Payload(), &p); err != nil {
		return err
	}
	for _, s := range n.sessions {
		if to(s) {
			n.got[s] = append(n.got[s], Push{p.Module + "." + p.Action, p.Data})
		}
	}
	return nil
}

// ToUsers implements chat.Deliverer.
func (n *Node) ToUsers(_ context.Context, users []string, except string, f codec.Frame) (offline []string, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, u := range users {
		if !n.onlineLocked(u) {
			offline = append(offline, u)
		}
	}
	return offline, n.deliver(f, func(s string) bool { return s != except && slices.Contains(users, user(s)) })
}

// ToOneDevice implements chat.Deliverer.
func (n *Node) ToOneDevice(_ context.Context, to string, f codec.Frame) (session string, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, s := range n.sessions {
		if user(s) == to {
			session = s
		}
	}
	return session, n.deliver(f, func(s string) bool { return s == session })
}

// ToGroup implements chat.Deliverer.
func (n *Node) ToGroup(_ context.Context, group, except string, f codec.Frame) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	members, ok := n.groups[group]
	if !ok {
		return codec.Errorf(codec.CodeUnavailable, "the group isn't loaded")
	}
	return n.deliver(f, func(s string) bool { return s != except && slices.Contains(members, user(s)) })
}

// ToEveryone implements chat.Deliverer.
func (n *Node) ToEveryone(_ context.Context, f codec.Frame) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.deliver(f, func(string) bool { return true })
}

// Loaded implements chat.Deliverer.
func (n *Node) Loaded(group string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, ok := n.groups[group]
	return ok
}

// LoadGroup implements chat.Deliverer.
func (n *Node) LoadGroup(_ context.Context, group string, read func() ([]string, error)) error {
	users, err := read()
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.loads++
	n.groups[group] = users
	return nil
}

// JoinGroup implements chat.Deliverer.
func (n *Node) JoinGroup(group string, users ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if members, ok := n.groups[group]; ok {
		n.groups[group] = append(slices.Clone(members), users...)
	}
}

// LeaveGroup implements chat.Deliverer.
func (n *Node) LeaveGroup(group string, users ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if members, ok := n.groups[group]; ok {
		n.groups[group] = slices.DeleteFunc(slices.Clone(members), func(u string) bool { return slices.Contains(users, u) })
	}
}

// ForgetGroup implements chat.Deliverer.
func (n *Node) ForgetGroup(group string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.groups, group)
}

// Online implements chat.Deliverer.
func (n *Node) Online(users []string) (online []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, u := range users {
		if n.onlineLocked(u) {
			online = append(online, u)
		}
	}
	return online
}

func (n *Node) onlineLocked(u string) bool {
	return slices.ContainsFunc(n.sessions, func(s string) bool { return user(s) == u })
}
