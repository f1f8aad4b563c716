package push

import (
	"strings"
	"sync"

	"pushd/internal/account"
)

// maxChanges bounds the users whose changes wait for the next digest.
const maxChanges = 100_000

// change is one user's platforms as sets of bits: those that changed, and where
// of them the user was online when the first change came in.
type change struct{ seen, was uint64 }

// changes nets who came and went between two digests. Event loops write it, so
// what is done under its lock is a map access.
type changes struct {
	drops Drops // immutable

	mu       sync.Mutex
	users    map[string]*change // guarded by mu
	overflow [2]int             // guarded by mu; changes counted only: [0] went, [1] came
}

func newChanges(drops Drops) *changes {
	return &changes{drops: drops, users: map[string]*change{}}
}

func (c *changes) record(user string, platform account.Platform, online bool) {
	bit := uint64(1) << platform
	c.mu.Lock()
	ch := c.users[user]
	if ch == nil {
		if len(c.users) >= maxChanges {
			if online {
				c.overflow[1]++
			} else {
				c.overflow[0]++
			}
			c.mu.Unlock()
			c.drops.Dropped(DropPresenceOverflow)
			return
		}
		ch = &change{}
		c.users[strings.Clone(user)] = ch
	}
	if ch.seen&bit == 0 {
		ch.seen |= bit
		if !online {
			ch.was |= bit // it can only go from where it was
		}
	}
	c.mu.Unlock()
}

// take returns what was recorded, nil for nothing, and starts over.
func (c *changes) take() (users map[string]*change, overflow [2]int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.users) == 0 {
		return nil, overflow
	}
	users, overflow = c.users, c.overflow
	c.users, c.overflow = map[string]*change{}, [2]int{}
	return users, overflow
}
