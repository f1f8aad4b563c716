package poller

import (
	"hash/maphash"
	"sync"
	"time"
)

// addressLimit bounds what one client address may have: open connections, and
// opening handshakes in a second. It holds one entry for each address that is
// connected now or was answered within this second, so connections bound it too.
type addressLimit struct {
	open   int32 // 0: not limited
	rate   int32 // 0: not limited
	seed   maphash.Seed
	shards [64]addressShard
}

type addressShard struct {
	mu          sync.Mutex
	connections map[[16]byte]int32 // guarded by mu: open connections
	second      int64              // guarded by mu: the second that recent counts
	handshakes  map[[16]byte]int32 // guarded by mu: handshakes in it
	_           [24]byte           // shards do not share a cache line
}

// newAddressLimit is nil when nothing is limited.
func newAddressLimit(open, rate int) *addressLimit {
	if open <= 0 && rate <= 0 {
		return nil
	}
	a := &addressLimit{open: int32(open), rate: int32(rate), seed: maphash.MakeSeed()}
	for i := range a.shards {
		a.shards[i].connections = make(map[[16]byte]int32)
		a.shards[i].handshakes = make(map[[16]byte]int32)
	}
	return a
}

func (a *addressLimit) shard(addr [16]byte) *addressShard {
	return &a.shards[maphash.Bytes(a.seed, addr[:])%uint64(len(a.shards))]
}

// enter counts a handshake and, when it is let in, a connection. refused is the
// metric label of the limit that stood against it.
func (a *addressLimit) enter(addr [16]byte, now time.Time) (refused string) {
	s := a.shard(addr)
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.rate > 0 {
		if second := now.Unix(); s.second != second {
			s.second = second
			clear(s.handshakes)
		}
		if s.handshakes[addr] >= a.rate {
			return "handshake_rate"
		}
		s.handshakes[addr]++
	}
	if a.open > 0 && s.connections[addr] >= a.open {
		return "max_per_address"
	}
	s.connections[addr]++
	return ""
}

func (a *addressLimit) leave(addr [16]byte) {
	s := a.shard(addr)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.connections[addr]--; s.connections[addr] <= 0 {
		delete(s.connections, addr)
	}
}
