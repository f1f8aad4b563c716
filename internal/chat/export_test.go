package chat

import (
	"context"
	"time"
)

// TypingEvery is how often one user is shown typing.
const TypingEvery = typingEvery * time.Millisecond

// OneDevice is what is remembered of n messages to one device of one user, of which
// those up to read are read.
func OneDevice(n, read uint64) []uint64 {
	a := newOneDevice()
	for seq := range n {
		a.sent("c", "u", seq+1)
	}
	a.read("c", "u", read)
	seqs, _ := a.unread.Get(userIn{"c", "u"})
	return seqs
}

// Expire is one turn of RunExpiry.
func (s *Service) Expire(ctx context.Context) { s.expire(ctx) }

// MissedQueue is how many messages to groups wait for it to be found out who is away.
const MissedQueue = missedQueue

// LinesWaiting is how many conversations have messages that are committed and not
// delivered.
func (s *Service) LinesWaiting() int {
	s.order.mu.Lock()
	defer s.order.mu.Unlock()
	return len(s.order.lines)
}
