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
	maxGroups, maxMembers int

	mu     sync.RWMutex
	byName map[string][]string // ascending, each once; guarded by mu
}

var _ delivery.MemberSource = (*MemoryGroups)(nil)

// NewMemoryGroups has no groups yet, and room for so many, of so many
// members each: MaxGroups and MaxGroupMembers if 0.
func NewMemoryGroups(groups, members int) *MemoryGroups {
	return &MemoryGroups{
		maxGroups: or(groups, MaxGroups), maxMembers: or(members, MaxGroupMembers), byName: map[string][]string{},
	}
}

// Len is how many groups there are.
func (g *MemoryGroups) Len() int {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return len(g.byName)
}

// Members implements delivery.MemberSource. There are no revisions, as
// nobody caches what it returns.
func (g *MemoryGroups) Members(_ context.Context, group string) (users []string, revision uint64, err error) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	users, ok := g.byName[group]
	if !ok {
		return nil, 0, noGroup(group)
	}
	return users, 0, nil
}

// Set creates a group, or replaces its members, and returns how many they are. 429
// over a bound.
func (g *MemoryGroups) Set(group string, users []string) (size int, err error) {
	return g.change(group, func([]string) []string { return users })
}

// Add adds users to a group, creating it, and returns its size. 429 over a bound.
func (g *MemoryGroups) Add(group string, users []string) (size int, err error) {
	return g.change(group, func(members []string) []string { return slices.Concat(members, users) })
}

// change puts new members in the place of the present ones, if any. next is called
// under the lock and only puts a list together.
func (g *MemoryGroups) change(group string, next func(members []string) []string) (size int, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	members, there := g.byName[group]
	if !there && len(g.byName) >= g.maxGroups {
		return 0, codec.Errorf(codec.CodeTooMany, "there are %d groups, and no room for more: delete some", g.maxGroups)
	}
	users := slices.Compact(slices.Sorted(slices.Values(next(members))))
	if len(users) > g.maxMembers {
		return 0, codec.Errorf(codec.CodeTooMany, "a group has at most %d members, not %d", g.maxMembers, len(users))
	}
	// The group outlives the request whose buffer these strings may be part of.
	g.byName[strings.Clone(group)] = cloned(users)
	return len(users), nil
}

// Delete forgets a group; 404 when there is none.
func (g *MemoryGroups) Delete(group string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, there := g.byName[group]; !there {
		return noGroup(group)
	}
	delete(g.byName, group)
	return nil
}

func noGroup(group string) error {
	return codec.Errorf(codec.CodeNotFound, "no group %s", group)
}
