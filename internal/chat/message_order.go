package chat

import (
	"context"
	"slices"
	"sync"
)

// messageOrder has the messages of a conversation delivered in the order of their
// seqs, although each is delivered by the goroutine that sent it: those that were
// committed together are answered together, and would overtake each other.
type messageOrder struct {
	mu    sync.Mutex
	lines map[string][]*turn // by conversation: committed and not delivered; guarded by mu
}

// turn is one message's place in the line of its conversation.
type turn struct {
	order *messageOrder
	conv  string
	first chan struct{} // closed when it is the first in line
	over  bool          // guarded by the order's lock
}

func newMessageOrder() *messageOrder { return &messageOrder{lines: map[string][]*turn{}} }

// turn makes a turn for a message that is about to be committed. Whoever made it ends
// it, whatever becomes of the message.
func (o *messageOrder) turn(conv string) *turn {
	return &turn{order: o, conv: conv, first: make(chan struct{})}
}

// committed is Draft.Committed: it puts the turn in line, unless it is over already,
// as its sender has given up.
func (t *turn) committed() {
	o := t.order
	o.mu.Lock()
	defer o.mu.Unlock()
	if t.over {
		return
	}
	o.lines[t.conv] = append(o.lines[t.conv], t)
	if len(o.lines[t.conv]) == 1 {
		close(t.first)
	}
}

// wait returns when the message is the first of those to be delivered, or when ctx is
// done: late is better than never.
func (t *turn) wait(ctx context.Context) {
	select {
	case <-t.first:
	case <-ctx.Done():
	}
}

// end lets the next one go on. Further calls do nothing.
func (t *turn) end() {
	o := t.order
	o.mu.Lock()
	defer o.mu.Unlock()
	if t.over {
		return
	}
	t.over = true
	i := slices.Index(o.lines[t.conv], t)
	if i < 0 {
		return // it was never committed
	}
	line := slices.Delete(o.lines[t.conv], i, i+1)
	if len(line) == 0 {
		delete(o.lines, t.conv)
		return
	}
	o.lines[t.conv] = line
	if i == 0 {
		close(line[0].first)
	}
}
