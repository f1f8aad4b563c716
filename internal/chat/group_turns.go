package chat

import (
	"context"
	"sync"
)

// turns lets one at a time change the members of a group, from the database to
// the live copy that messages fan out by. A removal and a join that crossed
// between the two could leave somebody in the live copy who is out: he would go on
// receiving. It is a queue and not a lock, since what waits gives up with its
// request.
type turns struct {
	mu      sync.Mutex
	byGroup map[string]*turn // guarded by mu; holds only groups that are being changed
}

type turn struct {
	free  chan struct{} // holds one token while it is nobody's turn
	users int           // who has the turn or waits for it; guarded by turns.mu
}

func newTurns() *turns { return &turns{byGroup: map[string]*turn{}} }

// take waits for the group's turn. done gives it to the next.
func (t *turns) take(ctx context.Context, group string) (done func(), err error) {
	t.mu.Lock()
	mine, ok := t.byGroup[group]
	if !ok {
		mine = &turn{free: make(chan struct{}, 1)}
		mine.free <- struct{}{}
		t.byGroup[group] = mine
	}
	mine.users++
	t.mu.Unlock()
	leave := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if mine.users--; mine.users == 0 {
			delete(t.byGroup, group)
		}
	}
	select {
	case <-mine.free:
		return func() {
			mine.free <- struct{}{}
			leave()
		}, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}
