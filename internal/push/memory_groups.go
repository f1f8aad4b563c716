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
	users = ascending(cloned(users))
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.putLocked(group, users)
}

// Add adds users to a group, creating it, and returns its size. 429 over a bound.
func (g *MemoryGroups) Add(group string, users []string) (size int, err error) {
	users = cloned(users)
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.putLocked(group, ascending(slices.Concat(g.byName[group], users)))
}

// putLocked puts new members in the place of the present ones, if any, and keeps the
// list.
func (g *MemoryGroups) putLocked(group string, users []string) (size int, err error) {
	if _, there := g.byName[group]; !there && len(g.byName) >= g.maxGroups {
		return 0, codec.Errorf(codec.CodeTooMany, "there are %d groups, and no room for more: delete some", g.maxGroups)
	}
	if len(users) > g.maxMembers {
		return 0, codec.Errorf(codec.CodeTooMany, "a group has at most %d members, not %d", g.maxMembers, len(users))
	}
	g.byName[strings.Clone(group)] = users
	return len(users), nil
}

func ascending(users []string) []string {
	slices.Sort(users)
	return slices.Compact(users)
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
