package chat

import (
	"slices"
	"sync"

	"pushd/internal/recent"
)

// userIn is a user in a conversation.
type userIn struct{ conv, user string }

// Bounds of what is remembered of messages to one device.
const (
	maxOneDevice     = 100_000 // users and conversations
	maxOneDeviceEach = 32      // messages of one of them
)

// oneDevice remembers messages that went to one device and are not read yet, so
// that the user's other devices, which may have them from a Sync, can be told when
// they are. Should it be forgotten, the push chat.Read tells them as well.
type oneDevice struct {
	mu     sync.Mutex
	unread recent.Map[userIn, []uint64] // guarded by mu; ascending
}

func newOneDevice() *oneDevice { return &oneDevice{unread: recent.New[userIn, []uint64](maxOneDevice)} }

func (a *oneDevice) sent(conv, user string, seq uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	seqs, _ := a.unread.Get(userIn{conv, user})
	seqs = append(slices.Clone(seqs), seq)
	slices.Sort(seqs)
	a.unread.Put(userIn{conv, user}, seqs[max(0, len(seqs)-maxOneDeviceEach):])
}

// read forgets those up to seq and returns the last of them; 0 is none.
func (a *oneDevice) read(conv, user string, seq uint64) (last uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	k := userIn{conv, user}
	seqs, _ := a.unread.Get(k)
	n, found := slices.BinarySearch(seqs, seq)
	if found {
		n++
	}
	if n == 0 {
		return 0
	}
	last = seqs[n-1]
	if seqs = seqs[n:]; len(seqs) == 0 {
		a.unread.Delete(k)
	} else {
		a.unread.Put(k, seqs)
	}
	return last
}
