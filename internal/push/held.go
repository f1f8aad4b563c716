package push

import (
	"container/heap"
	"container/list"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jonboulle/clockwork"

	"pushd/internal/codec"
	"pushd/internal/delivery"
)

// Bounds of what waits for one user. The bounds of all are Options.
const (
	maxHeldPerUser      = 100
	maxHeldBytesPerUser = 256 << 10
)

// heldPush is one push that waits for one user.
type heldPush struct {
	user      string
	frame     codec.Frame
	names     []string // of the platforms that it is for; empty is any
	platforms uint64   // the same as a set; 0 is any
	expires   time.Time

	oldest *list.Element // its place in heldPushes.order
	index  int           // its place in heldPushes.expiry
}

func (p *heldPush) fits(platforms uint64) bool { return p.platforms == 0 || p.platforms&platforms != 0 }

// heldPushes keep pushes for users that are offline. At each bound the oldest goes.
type heldPushes struct {
	// Immutable.
	limit, maxBytes int
	clock           clockwork.Clock
	drops           Drops
	wake            chan struct{} // somebody in due

	count atomic.Int64 // len(order), so that a login need not lock

	mu     sync.Mutex
	users  map[string][]*heldPush // guarded by mu; oldest first
	order  list.List              // guarded by mu; all of them, oldest first
	expiry expiryHeap             // guarded by mu; all of them, the first to expire on top
	bytes  int                    // guarded by mu
	due    map[string]struct{}    // guarded by mu; users to look at, all of them in users
}

func newHeldPushes(limit, maxBytes int, clock clockwork.Clock, drops Drops) *heldPushes {
	return &heldPushes{
		limit: limit, maxBytes: maxBytes, clock: clock, drops: drops,
		wake:  make(chan struct{}, 1),
		users: map[string][]*heldPush{}, due: map[string]struct{}{},
	}
}

// add takes pushes in. It reports how many of them found room.
func (h *heldPushes) add(pushes ...*heldPush) int {
	var lost tally
	h.mu.Lock()
	for _, p := range pushes {
		mine := h.users[p.user]
		size := 0
		for _, q := range mine {
			size += len(q.frame)
		}
		for len(mine) > 0 && (len(mine) >= maxHeldPerUser || size+len(p.frame) > maxHeldBytesPerUser) {
			size -= len(mine[0].frame)
			h.removeLocked(mine[0])
			mine = h.users[p.user]
			lost.user++
		}
		h.users[p.user] = append(mine, p)
		p.oldest = h.order.PushBack(p)
		heap.Push(&h.expiry, p)
		h.bytes += len(p.frame)
		h.count.Add(1)
		for h.order.Len() > h.limit || h.bytes > h.maxBytes {
			h.removeLocked(h.order.Front().Value.(*heldPush))
			lost.all++
		}
	}
	n := 0
	for _, p := range pushes {
		if p.oldest != nil {
			n++
		}
	}
	h.mu.Unlock()
	lost.report(h.drops)
	return n
}

// take removes and returns, oldest first, what the user may have on any of the
// platforms.
func (h *heldPushes) take(user string, platforms uint64) []*heldPush {
	now := h.clock.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	var taken []*heldPush
	for _, p := range h.users[user] {
		if p.fits(platforms) && now.Before(p.expires) {
			taken = append(taken, p)
		}
	}
	for _, p := range taken {
		h.removeLocked(p)
	}
	return taken
}

// arrived has a user looked at now, if anything waits for them.
func (h *heldPushes) arrived(user string) {
	if h.count.Load() == 0 || !h.mark(user) {
		return
	}
	select {
	case h.wake <- struct{}{}:
	default: // a wake is pending and will see the same map
	}
}

// mark has a user looked at with the next wake or tick. It reports whether
// anything waits for it.
func (h *heldPushes) mark(user string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	mine := h.users[user]
	if len(mine) == 0 {
		return false
	}
	h.due[mine[0].user] = struct{}{} // our copy of the name
	return true
}

// takeDue returns the users that are marked, and unmarks them.
func (h *heldPushes) takeDue() []string {
	if h.count.Load() == 0 {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	users := make([]string, 0, len(h.due))
	for u := range h.due {
		users = append(users, u)
	}
	clear(h.due)
	return users
}

// expire drops what waited too long, a few at a time, since logins want the
// lock too.
func (h *heldPushes) expire() {
	const batch = 256
	now := h.clock.Now()
	for n := batch; n == batch; {
		n = 0
		h.mu.Lock()
		for n < batch && len(h.expiry) > 0 && !now.Before(h.expiry[0].expires) {
			h.removeLocked(h.expiry[0])
			n++
		}
		h.mu.Unlock()
		tally{expired: n}.report(h.drops)
	}
}

func (h *heldPushes) removeLocked(p *heldPush) {
	h.order.Remove(p.oldest)
	heap.Remove(&h.expiry, p.index)
	p.oldest = nil
	h.bytes -= len(p.frame)
	h.count.Add(-1)
	mine := h.users[p.user]
	if i := slices.Index(mine, p); i >= 0 {
		mine = slices.Delete(mine, i, i+1)
	}
	if len(mine) == 0 {
		delete(h.users, p.user)
		delete(h.due, p.user)
		return
	}
	h.users[p.user] = mine
}

// tally collects drops under the lock, to be reported outside of it.
type tally struct{ user, all, expired int }

func (t tally) report(d Drops) {
	for _, r := range []struct {
		n      int
		reason string
	}{{t.user, DropHeldUser}, {t.all, DropHeldAll}, {t.expired, DropHeldExpired}} {
		for range r.n {
			d.Dropped(r.reason)
		}
	}
}

// expiryHeap is a heap.Interface whose elements know their place.
type expiryHeap []*heldPush

func (e expiryHeap) Len() int           { return len(e) }
func (e expiryHeap) Less(i, j int) bool { return e[i].expires.Before(e[j].expires) }
func (e expiryHeap) Swap(i, j int)      { e[i], e[j] = e[j], e[i]; e[i].index, e[j].index = i, j }
func (e *expiryHeap) Push(p any)        { p.(*heldPush).index = len(*e); *e = append(*e, p.(*heldPush)) }

func (e *expiryHeap) Pop() any {
	old := *e
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*e = old[:len(old)-1]
	return last
}

// hold has a push wait for users that were offline when it was delivered to the
// others. It returns for how many there was room.
func (s *pushService) hold(
	ctx context.Context, users, names []string, platforms uint64, frame codec.Frame, ttl time.Duration,
) int {
	expires := s.clock.Now().Add(ttl)
	pushes := make([]*heldPush, len(users))
	for i, u := range users {
		pushes[i] = &heldPush{user: strings.Clone(u), frame: frame, names: names, platforms: platforms, expires: expires}
	}
	n := s.held.add(pushes...)
	// Of a user that logged in after the delivery and before the line above, arrived
	// was called too early. That user is online now, so it is found here; one that logs
	// in from here on finds what is held.
	online, err := s.directory.CheckUsers(ctx, users)
	if err != nil {
		s.log.Warn("users that a push waits for may be online: it is delivered when they log in again",
			slog.Any("error", err))
	}
	for _, on := range online {
		s.held.arrived(on.User)
	}
	return n
}

// deliverHeld delivers to the users that arrived. What can't be delivered
// waits on, and is tried again at the next tick as long as the user is online.
func (s *pushService) deliverHeld(ctx context.Context) {
	due := s.held.takeDue()
	if len(due) == 0 {
		return
	}
	online, err := s.directory.CheckUsers(ctx, due)
	if err != nil {
		for _, user := range due {
			s.held.mark(user)
		}
		s.log.Warn("held pushes wait for the next try: who is online isn't known", slog.Any("error", err))
		return
	}
	for _, on := range online {
		pushes := s.held.take(on.User, s.platforms.set(on.Platforms))
		for i, p := range pushes {
			r, err := s.deliverer.Deliver(ctx, delivery.Target{Users: []string{p.user}, Platforms: p.names}, p.frame)
			if err != nil || r.Sessions == 0 {
				s.log.Debug("held push not delivered yet", slog.String("user", p.user), slog.Any("error", err))
				s.held.add(pushes[i:]...)
				s.held.mark(p.user)
				break
			}
		}
	}
}
