package account

import (
	"context"
	"strings"
	"sync"
	"time"

	"pushd/internal/codec"
	"pushd/internal/recent"
)

// Entered is to be asked for every user who comes with a good token, over the
// socket and over HTTP. A user whom an issuer outside vouches for is made an
// account at his first coming. 403 for a disabled account, 401 for one of ours
// that is deleted. Who is known costs no query.
func (s *Service) Entered(ctx context.Context, id Identity) error {
	if id.User == "" {
		return nil // an API key
	}
	if strings.HasPrefix(id.User, botPrefix) {
		return codec.Errorf(codec.CodeForbidden, "bots don't log in")
	}
	return s.entrance.ask(ctx, id.User, id.Grant != "")
}

// entrance lets users in, and asks the store about many at a time: of those who
// come together, one asks for all. In a storm of logins that is the difference
// between a commit for each and a commit for all.
type entrance struct {
	store Store
	now   func() time.Time

	mu      sync.Mutex
	known   recent.Map[string, struct{}] // all guarded by mu
	epoch   uint64                       // counts what was forgotten: an answer may be older than that
	waiting []*visitor
	asking  bool
}

// visitor waits for an answer, or to be the next who asks.
type visitor struct {
	user string
	ours bool          // the token is of our own making, so that the user must exist
	done chan struct{} // closed when err is set, or lead
	lead bool
	err  error
}

// maxVisitors are asked for in one query.
const maxVisitors = 512

func newEntrance(store Store, known int, now func() time.Time) *entrance {
	return &entrance{store: store, now: now, known: recent.New[string, struct{}](known)}
}

// forget makes the user be asked for again.
func (e *entrance) forget(user string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.epoch++
	e.known.Delete(user)
}

func (e *entrance) ask(ctx context.Context, user string, ours bool) error {
	v := &visitor{user: user, ours: ours, done: make(chan struct{})}
	e.mu.Lock()
	if _, ok := e.known.Get(user); ok {
		e.mu.Unlock()
		return nil
	}
	e.waiting = append(e.waiting, v)
	lead := !e.asking
	e.asking = true
	e.mu.Unlock()
	if !lead {
		// Whoever asks does so with a context that ends too, so this one is not waited
		// for without end; leaving earlier would leave nobody to lead.
		<-v.done
		if !v.lead {
			return v.err
		}
	}
	e.lead(ctx)
	<-v.done
	return v.err
}

// lead asks for those who wait, the leader among them, and hands over to the
// first of those who came meanwhile.
func (e *entrance) lead(ctx context.Context) {
	// Others' answers depend on it: it is not the leader's to give up.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	e.mu.Lock()
	n := min(len(e.waiting), maxVisitors)
	batch := e.waiting[:n:n]
	e.waiting = e.waiting[n:]
	epoch := e.epoch
	e.mu.Unlock()

	answers, err := e.answers(ctx, batch)

	e.mu.Lock()
	for _, v := range batch {
		if v.err = err; err == nil {
			if v.err = answers[v.user]; v.err == nil && epoch == e.epoch {
				e.known.Put(v.user, struct{}{})
			}
		}
	}
	var next *visitor
	if len(e.waiting) > 0 {
		next = e.waiting[0]
		next.lead = true
	} else {
		e.asking = false
		e.waiting = nil
	}
	e.mu.Unlock()
	for _, v := range batch {
		if !v.lead {
			close(v.done)
		}
	}
	if next != nil {
		close(next.done)
	}
}

// answers are the errors of those who may not come in.
func (e *entrance) answers(ctx context.Context, batch []*visitor) (map[string]error, error) {
	answers := map[string]error{}
	missing := map[string]bool{} // whether the user can be made
	var ids []string
	for _, v := range batch {
		if _, twice := missing[v.user]; !twice {
			ids = append(ids, v.user)
			missing[v.user] = true
		}
		missing[v.user] = missing[v.user] && !v.ours
	}
	users, err := e.store.Users(ctx, ids)
	if err != nil {
		return nil, err
	}
	for _, u := range users {
		delete(missing, u.ID)
		if u.Disabled {
			answers[u.ID] = disabled()
		}
	}
	var fresh []string
	for id, external := range missing {
		if external {
			fresh = append(fresh, id)
		} else {
			answers[id] = codec.Errorf(codec.CodeUnauthorized, "the account is gone")
		}
	}
	if len(fresh) == 0 {
		return answers, nil
	}
	return answers, e.store.EnsureUsers(ctx, fresh, e.now().UnixMilli())
}
