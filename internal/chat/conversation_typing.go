package chat

import (
	"context"
	"sync"

	"pushd/internal/account"
	"pushd/internal/recent"
)

// Bounds of telling who is typing.
const (
	maxTyping   = 100_000 // users and conversations that are remembered
	typingEvery = 2000    // milliseconds
)

// Typing is the data of the push chat.Typing.
type Typing struct {
	Conv string `json:"conv"`
	From string `json:"from"`
}

// Typing shows the others of a conversation that the user is writing. It is never
// stored, told at most every two seconds, and not told in large groups.
func (s *Service) Typing(ctx context.Context, id account.Identity, r ConvRequest) (_ struct{}, err error) {
	defer s.audit("chat.typing", traceRefusal, id, r.Conv+r.To, &err)
	m, err := s.authorizeConversation(ctx, id, r.Conv, r.To)
	if err != nil {
		return struct{}{}, err
	}
	if !s.typing.due(m.conv, id.User, s.now()) {
		return struct{}{}, nil
	}
	err = s.authorizeWrite(ctx, &m)
	if err != nil || m.withBot() || m.kind == KindGroup && m.group.Members > maxTold {
		return struct{}{}, err
	}
	others := toEverybody(m.conv, "")
	others.Without = []string{id.User}
	s.tell(ctx, others, typingPush.With(Typing{m.conv, id.User}))
	return struct{}{}, nil
}

// typingTimes bounds how often one user is shown typing in one conversation.
type typingTimes struct {
	mu   sync.Mutex
	last recent.Map[userIn, int64] // guarded by mu; Unix milliseconds
}

func newTypingTimes() *typingTimes { return &typingTimes{last: recent.New[userIn, int64](maxTyping)} }

// due reports whether it is time to show it again.
func (t *typingTimes) due(conv, user string, now int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := userIn{conv, user}
	if last, ok := t.last.Get(k); ok && now-last < typingEvery && now >= last {
		return false
	}
	t.last.Put(k, now)
	return true
}
