package chat

import (
	"slices"
	"sync"

	"pushd/internal/recent"
)

// inConv is a user in a conversation.
type inConv struct{ conv, user string }

// Bounds of what is remembered in memory.
const (
	maxAlone    = 100_000 // users and conversations with messages for one device
	maxAloneOne = 32      // messages of one of them
	maxTyping   = 100_000 // users and conversations
	typingEvery = 2000    // milliseconds
)

// alone remembers messages that went to one device alone and aren't read yet, so
// that the user's other devices, which may have them from a Sync, can be told when
// they are. Should it be forgotten, the push chat.Read tells them as well.
type alone struct {
	mu     sync.Mutex
	unread recent.Map[inConv, []uint64] // guarded by mu; ascending
}

func newAlone() *alone { return &alone{unread: recent.New[inConv, []uint64](maxAlone)} }

func (a *alone) sent(conv, user string, seq uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	seqs, _ := a.unread.Get(inConv{conv, user})
	seqs = append(slices.Clone(seqs), seq)
	slices.Sort(seqs)
	a.unread.Put(inConv{conv, user}, seqs[max(0, len(seqs)-maxAloneOne):])
}

// read forgets those up to seq and returns the last of them; 0 is none.
func (a *alone) read(conv, user string, seq uint64) (last uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	k := inConv{conv, user}
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

// typing bounds how often one user is shown typing in one conversation.
type typing struct {
	mu   sync.Mutex
	last recent.Map[inConv, int64] // guarded by mu; Unix milliseconds
}

func newTyping() *typing { return &typing{last: recent.New[inConv, int64](maxTyping)} }

// again reports whether it is time to show it again.
func (t *typing) again(conv, user string, now int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := inConv{conv, user}
	if last, ok := t.last.Get(k); ok && now-last < typingEvery && now >= last {
		return false
	}
	t.last.Put(k, now)
	return true
}
