package hub

import (
	crand "crypto/rand"
	"encoding/binary"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// History says how much of a topic is remembered; the zero value is nothing.
type History struct {
	Size int           // messages
	For  time.Duration // and for how long each; 0 is until others push it out
}

// Position is a place in the life of a topic's memory. Offset is the number of
// the message in that life, from 1; Epoch tells one life from another.
type Position struct {
	Offset uint64
	Epoch  uint64
}

// memory is what is remembered of one topic. It lives as long as the bounds on
// all memories let it, with subscribers or without, or nobody could come back.
type memory struct {
	// Immutable.
	name  string
	keep  History
	epoch uint64

	// Guarded by memories.mu.
	prev, next *memory // by the last message, oldest first
	listed     bool
	dropped    bool // over a bound: it is about to be forgotten
	bytes      int  // as counted in memories.bytes

	// mu makes a publication one step: the next offset, the place in the memory
	// and the place in the line of every room. Rooms, users and rosters are locked
	// under it, never the other way round.
	mu      sync.Mutex
	gone    bool // forgotten: look the topic up again
	last    uint64
	entries []entry // oldest first; offsets are contiguous up to last
	size    int     // bytes of entries, with what each costs beside
}

// entry is one remembered frame, shared with everybody it was sent to.
type entry struct {
	frame []byte
	at    time.Time
}

const (
	// entryCost is what a remembered frame costs beside its bytes.
	entryCost = 64
	// memoryShare is the part of all bytes that one topic may take, so that one
	// busy topic doesn't push all others out.
	memoryShare = 8
)

// memories are the memories of all topics: a sharded map, and the order in
// which they are forgotten.
type memories struct {
	shards [shards]memoryShard
	// epoch is that of every life that begins from now on. It changes each time a
	// memory is forgotten, before the topic can begin again, so that no topic has
	// two lives with one epoch; and a topic without a memory has a position all
	// the same: offset 0 of a life that the next message begins. Reading so needs
	// to remember nothing, and can't push anything out.
	epoch atomic.Uint64
	count atomic.Int64

	mu             sync.Mutex
	oldest, newest *memory
	listed         int
	bytes          int
}

type memoryShard struct {
	mu     sync.Mutex
	byName table[string, *memory]
}

// newEpoch draws from the operating system's generator: an epoch must not come
// back after a restart.
func newEpoch() uint64 {
	var b [8]byte
	for {
		crand.Read(b[:]) // never fails, by its documentation
		if e := binary.LittleEndian.Uint64(b[:]); e != 0 {
			return e
		}
	}
}

// history is how much of a topic is remembered.
func (h *Hub) history(topic string) History {
	if h.opt.History == nil || own(topic) {
		return History{}
	}
	return h.opt.History(topic)
}

// Remembers tells whether a topic has a history: its messages then go through
// Publish.
func (h *Hub) Remembers(topic string) bool { return h.history(topic).Size > 0 }

func (h *Hub) memoryShard(name string) *memoryShard {
	return &h.memories.shards[shardOf(h.hash(name))]
}

// lockMemory returns the topic's memory, locked, or with create a new one.
// Otherwise it returns nil and holds the shard, so that no memory of the topic
// can begin until unlock.
func (h *Hub) lockMemory(name string, create bool) (m *memory, unlock func()) {
	shard := h.memoryShard(name)
	for {
		shard.mu.Lock()
		m, ok := shard.byName.get(name)
		if !ok && !create {
			return nil, shard.mu.Unlock
		}
		if !ok {
			m = &memory{name: strings.Clone(name), epoch: h.memories.epoch.Load()}
			m.keep = h.history(m.name)
			shard.byName.set(m.name, m)
			h.memories.count.Add(1)
		}
		shard.mu.Unlock()
		m.mu.Lock()
		if !m.gone {
			return m, m.mu.Unlock
		}
		m.mu.Unlock()
	}
}

// addLocked remembers a frame as the next one.
func (m *memory) addLocked(frame []byte, now time.Time, maxBytes int) {
	m.last++
	m.entries = append(m.entries, entry{frame, now})
	m.size += len(frame) + entryCost
	m.trimLocked(now, maxBytes)
}

// trimLocked forgets what is too old, too much or too large.
func (m *memory) trimLocked(now time.Time, maxBytes int) {
	n := 0
	for n < len(m.entries) && (len(m.entries)-n > m.keep.Size || m.size > maxBytes ||
		m.keep.For > 0 && now.Sub(m.entries[n].at) >= m.keep.For) {
		m.size -= len(m.entries[n].frame) + entryCost
		m.entries[n].frame = nil
		n++
	}
	m.entries = m.entries[n:]
	if len(m.entries) == 0 {
		m.entries = nil
	}
}

// firstLocked is the offset of the oldest message that is remembered, or the next one.
func (m *memory) firstLocked() uint64 { return m.last - uint64(len(m.entries)) + 1 }

// memoryBytes is what one topic may remember.
func (h *Hub) memoryBytes() int { return h.opt.MaxHistoryBytes / memoryShare }

// keptNow counts what a memory holds now, makes it the newest if it was
// published to, and forgets those that are over a bound, oldest first.
func (h *Hub) keptNow(m *memory, size int, published bool) {
	for _, old := range h.memories.settle(m, size, published, h.opt.MaxHistory, h.opt.MaxHistoryBytes) {
		h.forgetMemory(old)
	}
}

// settle is keptNow under the lock. What it returns is no longer listed.
func (ms *memories) settle(m *memory, size int, published bool, maxTopics, maxBytes int) (over []*memory) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	if m.dropped {
		return nil
	}
	ms.bytes += size - m.bytes
	m.bytes = size
	if published && ms.newest != m {
		ms.unlistLocked(m)
		ms.listLocked(m)
	}
	for ms.oldest != m && ms.oldest != nil && (ms.listed > maxTopics || ms.bytes > maxBytes) {
		o := ms.oldest
		ms.unlistLocked(o)
		ms.bytes -= o.bytes
		o.bytes, o.dropped = 0, true
		over = append(over, o)
	}
	return over
}

func (ms *memories) listLocked(m *memory) {
	m.prev = ms.newest
	if ms.newest == nil {
		ms.oldest = m
	} else {
		ms.newest.next = m
	}
	ms.newest = m
	m.listed = true
	ms.listed++
}

func (ms *memories) unlistLocked(m *memory) {
	if !m.listed {
		return
	}
	if m.prev == nil {
		ms.oldest = m.next
	} else {
		m.prev.next = m.next
	}
	if m.next == nil {
		ms.newest = m.prev
	} else {
		m.next.prev = m.prev
	}
	m.prev, m.next, m.listed = nil, nil, false
	ms.listed--
}

// forgetMemory ends the life of a memory that settle has dropped, once.
func (h *Hub) forgetMemory(m *memory) {
	shard := h.memoryShard(m.name)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gone, m.entries, m.size = true, nil, 0
	h.memories.epoch.Store(newEpoch())
	shard.byName.del(m.name)
	h.memories.count.Add(-1)
	h.stat.forgotten.Add(1)
}

// sweepMemories trims what has grown too old in topics that nobody publishes to.
func (h *Hub) sweepMemories() {
	ms := &h.memories
	var all []*memory
	ms.mu.Lock()
	for m := ms.oldest; m != nil; m = m.next {
		if m.keep.For > 0 && m.bytes > 0 {
			all = append(all, m)
		}
	}
	ms.mu.Unlock()
	now := h.opt.Now()
	for _, m := range all {
		m.mu.Lock()
		m.trimLocked(now, h.memoryBytes())
		size := m.size
		m.mu.Unlock()
		h.keptNow(m, size, false)
	}
}
