package push

import (
	"context"
	"slices"
	"strings"
	"sync"

	"pushd/internal/codec"
	"pushd/internal/delivery"
)

// Bounds of groups that backends make.
const (
	MaxGroups       = 65_536  // that are held in memory
	MaxGroupMembers = 100_000 // of one group
)

// MemoryGroups are groups of a server without a store. They live until they are
// deleted, or the server ends. Their lists of members are replaced, never changed,
// so that a delivery reads one without a copy.
type MemoryGroups struct {
	// Immutable.
	groups, members int

	mu     sync.RWMutex
	byName map[string][]string // ascending, each once; guarded by mu
}

// What they are for the service and for a node.
var (
	_ Groups                = (*MemoryGroups)(nil)
	_ delivery.MemberSource = (*MemoryGroups)(nil)
)

// NewMemoryGroups has no groups yet, and room for some of some members each:
// MaxGroups and MaxGroupMembers if 0.
func NewMemoryGroups(groups, members int) *MemoryGroups {
	return &MemoryGroups{groups: or(groups, MaxGroups), members: or(members, MaxGroupMembers), byName: map[string][]string{}}
}

// Len is how many groups there are.
func (g *MemoryGroups) Len() int {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return len(g.byName)
}

// Members implements delivery.MemberSource. There are no revisions, as nobody
// keeps what it returns.
func (g *MemoryGroups) Members(_ context.Context, group string) (users []string, revision uint64, err error) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	users, ok := g.byName[group]
	if !ok {
		return nil, 0, noGroup(group)
	}
	return users, 0, nil
}

// SetGroup implements Groups.
func (g *MemoryGroups) SetGroup(_ context.Context, group string, users []string) error {
	_, err := g.set(group, func([]string) []string { return users })
	return err
}

// AddMembers implements Groups.
func (g *MemoryGroups) AddMembers(_ context.Context, group string, users []string) (size int, err error) {
	return g.set(group, func(members []string) []string { return slices.Concat(members, users) })
}

// set puts new members in the place of the present ones, if any. next is called
// under the lock and only puts a list together.
func (g *MemoryGroups) set(group string, next func(members []string) []string) (size int, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	members, there := g.byName[group]
	if !there && len(g.byName) >= g.groups {
		return 0, codec.Errorf(codec.CodeTooMany, "there are %d groups, and no room for more: delete some", g.groups)
	}
	users := slices.Compact(slices.Sorted(slices.Values(next(members))))
	if len(users) > g.members {
		return 0, codec.Errorf(codec.CodeTooMany, "a group has at most %d members, not %d", g.members, len(users))
	}
	// The group outlives the request whose buffer these strings may be part of.
	g.byName[strings.Clone(group)] = cloned(users)
	return len(users), nil
}

// Group implements Groups.
func (g *MemoryGroups) Group(_ context.Context, group string) (users []string, ok bool, err error) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	users, ok = g.byName[group]
	return users, ok, nil
}

// DeleteGroup implements Groups.
func (g *MemoryGroups) DeleteGroup(_ context.Context, group string) (was bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, was = g.byName[group]
	delete(g.byName, group)
	return was, nil
}
