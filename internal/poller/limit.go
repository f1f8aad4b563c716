package poller

import (
	"hash/maphash"
	"sync"
)

// addressLimit counts open connections of each client address. It holds one
// entry for each address that is connected now, so connections bound it too.
type addressLimit struct {
	max    int32
	seed   maphash.Seed
	shards [64]struct {
		mu    sync.Mutex
		count map[[16]byte]int32 // guarded by mu
		_     [48]byte           // shards do not share a cache line
	}
}

// newAddressLimit is nil, which limits nothing, for a limit of 0.
func newAddressLimit(limit int) *addressLimit {
	if limit <= 0 {
		return nil
	}
	a := &addressLimit{max: int32(limit), seed: maphash.MakeSeed()}
	for i := range a.shards {
		a.shards[i].count = make(map[[16]byte]int32)
	}
	return a
}

func (a *addressLimit) enter(addr [16]byte) bool {
	s := &a.shards[maphash.Bytes(a.seed, addr[:])%uint64(len(a.shards))]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count[addr] >= a.max {
		return false
	}
	s.count[addr]++
	return true
}

func (a *addressLimit) leave(addr [16]byte) {
	s := &a.shards[maphash.Bytes(a.seed, addr[:])%uint64(len(a.shards))]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count[addr]--; s.count[addr] <= 0 {
		delete(s.count, addr)
	}
}
