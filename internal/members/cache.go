// Package members holds who is in groups, for the groups that frames go to. It is
// the one place where members stand in memory: a node asks it for each delivery to
// a group, and who changes a group tells it of the change, with the revision that
// the change made. It reads what it doesn't hold from a source, usually the store.
package members

import (
	"container/list"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"pushd/internal/codec"
	"pushd/internal/delivery"
)

// What the cache is for a node, and for those who change groups.
var (
	_ delivery.MemberSource = (*Cache)(nil)
	_ delivery.MemberCache  = (*Cache)(nil)
)

// Bounds of a cache where none are given.
const (
	DefaultGroups = 65_536
	DefaultNames  = 4 << 20
)

// loadTries is how often a load begins again because the group changed, in a way
// that is not known, while its members were read.
const loadTries = 3

// Options are the cache's bounds; zero values are the defaults named. At either the
// least recently used groups go: they are read again when they are next needed.
type Options struct {
	Groups int // groups held; DefaultGroups if 0
	Names  int // members of all of them together; DefaultNames if 0. One larger group is held all the same.
}

// Cache holds members of groups. A list of members is never changed once it was
// given away: a change makes a new one.
//
// One lock is in front of everything. It is held for the exchange of pointers
// alone, once for each delivery to a group, which takes a look at each member
// afterwards.
type Cache struct {
	source delivery.MemberSource
	opts   Options

	mu     sync.Mutex
	groups map[string]*entry // guarded by mu
	used   list.List         // of *entry, the least recently used first; guarded by mu
	names  int               // members in all entries; guarded by mu
}

// entry is one group. Everything in it is guarded by the cache's lock.
type entry struct {
	group    string
	users    []string
	revision uint64
	place    *list.Element // in used; nil until its members are there
	loading  *loading      // nil when its members are there
}

// loading is a load that is under way, and what has changed since it began.
type loading struct {
	done     chan struct{} // closed when it has ended; the next three are set before
	users    []string
	revision uint64
	err      error

	newest  uint64 // the highest revision told meanwhile
	dropped bool   // a change of unknown revision was told meanwhile
}

// New makes an empty cache over a source.
func New(source delivery.MemberSource, o Options) *Cache {
	if o.Groups <= 0 {
		o.Groups = DefaultGroups
	}
	if o.Names <= 0 {
		o.Names = DefaultNames
	}
	return &Cache{source: source, opts: o, groups: map[string]*entry{}}
}

// Groups is how many groups are held.
func (c *Cache) Groups() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.used.Len()
}

// Members implements delivery.MemberSource: from memory, or read from the source by
// one caller for all who ask meanwhile. Errors are those of the source and of ctx.
func (c *Cache) Members(ctx context.Context, group string) (users []string, revision uint64, err error) {
	for {
		c.mu.Lock()
		e := c.groups[group]
		switch {
		case e == nil:
			l := &loading{done: make(chan struct{})}
			e = &entry{group: strings.Clone(group), loading: l}
			c.groups[e.group] = e
			c.mu.Unlock()
			return c.load(ctx, e, l)
		case e.loading == nil:
			c.used.MoveToBack(e.place)
			users, revision = e.users, e.revision
			c.mu.Unlock()
			return users, revision, nil
		}
		l := e.loading
		c.mu.Unlock()
		select {
		case <-l.done:
			if l.err == nil || !errors.Is(l.err, context.Canceled) && !errors.Is(l.err, context.DeadlineExceeded) {
				return l.users, l.revision, l.err
			}
			// Who was reading gave up, which is no reason for others to.
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		}
	}
}

// load reads the members of an entry that this caller has made, and holds them.
func (c *Cache) load(ctx context.Context, e *entry, l *loading) (users []string, revision uint64, err error) {
	defer close(l.done)
	whole := false
	defer func() {
		if !whole { // also when the source panics
			c.mu.Lock()
			defer c.mu.Unlock()
			delete(c.groups, e.group)
			if l.err = err; err == nil {
				l.err = errors.New("members: the source panicked")
			}
		}
	}()
	for range loadTries {
		if users, revision, err = c.source.Members(ctx, e.group); err != nil {
			return nil, 0, err
		}
		if !slices.IsSorted(users) {
			users = slices.Sorted(slices.Values(users))
		}
		if c.place(e, l, users, revision) {
			whole = true
			return users, revision, nil
		}
	}
	err = codec.Errorf(codec.CodeUnavailable, "the group changes faster than its members can be read: try again")
	return nil, 0, err
}

// place puts members in place, unless the group has changed since they were read.
func (c *Cache) place(e *entry, l *loading, users []string, revision uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l.dropped || l.newest > revision {
		l.dropped = false // what is read from now on has it
		return false
	}
	l.users, l.revision = users, revision
	e.users, e.revision, e.loading = users, revision, nil
	e.place = c.used.PushBack(e)
	c.names += len(users)
	c.evictLocked()
	return true
}

// evictLocked forgets groups until the rest is within the bounds. The last one
// used stays.
func (c *Cache) evictLocked() {
	for c.used.Len() > 1 && (c.used.Len() > c.opts.Groups || c.names > c.opts.Names) {
		if e, ok := c.used.Front().Value.(*entry); ok {
			c.dropLocked(e)
		}
	}
}

func (c *Cache) dropLocked(e *entry) {
	delete(c.groups, e.group)
	c.used.Remove(e.place)
	c.names -= len(e.users)
}

// MembersChanged implements delivery.MemberCache.
func (c *Cache) MembersChanged(m delivery.MemberChange) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.groups[m.Group]
	switch {
	case e == nil:
	case e.loading != nil:
		e.loading.newest = max(e.loading.newest, m.Revision)
		e.loading.dropped = e.loading.dropped || m.Revision == 0
	case m.Revision != 0 && m.Revision <= e.revision: // it is in already
	case e.revision == 0 || m.Revision != e.revision+1:
		// It doesn't say what became of the members that are held: others came before it,
		// or nobody counts revisions.
		c.dropLocked(e)
	default:
		users := without(e.users, m.Left)
		users = with(users, m.Joined)
		c.names += len(users) - len(e.users)
		e.users, e.revision = users, m.Revision
		c.evictLocked()
	}
}

// UserDeleted implements delivery.MemberCache. It looks into every group that is held,
// once for an account that goes.
func (c *Cache) UserDeleted(user string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.groups {
		if e.loading != nil {
			e.loading.dropped = true // what is being read may be from before
		} else if _, in := slices.BinarySearch(e.users, user); in {
			c.dropLocked(e)
		}
	}
}

// with is a new ascending list of the users and some more.
func with(users, more []string) []string {
	if len(more) == 0 {
		return users
	}
	all := make([]string, 0, len(users)+len(more))
	for _, u := range slices.Compact(slices.Sorted(slices.Values(more))) {
		n, is := slices.BinarySearch(users, u)
		all = append(all, users[:n]...)
		users = users[n:]
		if !is {
			all = append(all, strings.Clone(u)) // it may be part of a request's buffer
		}
	}
	return append(all, users...)
}

// without is a new list of the users less some.
func without(users, gone []string) []string {
	if len(gone) == 0 {
		return users
	}
	gone = slices.Sorted(slices.Values(gone))
	rest := make([]string, 0, len(users))
	for _, u := range users {
		if _, is := slices.BinarySearch(gone, u); !is {
			rest = append(rest, u)
		}
	}
	return rest
}
