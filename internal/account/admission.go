package account

import (
	"context"
	"strings"
	"sync"
	"time"

	"pushd/internal/codec"
	"pushd/internal/recent"
)

// Entered lets a user in whose token is good, over the socket or over HTTP, and
// makes an account for one who comes for the first time with a token of the site.
// 403 for a disabled account, 401 for a token of ours whose account is deleted. It
// costs no query for users who came lately.
func (s *Service) Entered(ctx context.Context, id Identity) error {
	if id.User == "" {
		return nil // an API key
	}
	if strings.HasPrefix(id.User, botPrefix) {
		return codec.Errorf(codec.CodeForbidden, "a bot can't log in; a backend sends in its name, with an API key")
	}
	return s.admission.admit(ctx, id.User, id.Grant != "")
}

// admission decides which users may come in, and asks the store about many at a
// time: of those who come together, one asks for all. In a storm of logins that is
// the difference between a commit for each and a commit for all.
type admission struct {
	store Store
	now   func() time.Time

	mu      sync.Mutex
	known   recent.Map[string, struct{}] // all guarded by mu
	epoch   uint64                       // counts calls of forget: an answer may be older than the last one
	waiting []*waiter
	busy    bool
}

// waiter is one user at the door, until there is an answer.
type waiter struct {
	user     string
	ownToken bool          // the token is one of ours, so that the user must exist
	done     chan struct{} // closed when err is set, or leads
	leads    bool
	err      error
}

// maxAdmissionBatch is how many users one query asks about.
const maxAdmissionBatch = 512

func newAdmission(store Store, known int, now func() time.Time) *admission {
	return &admission{store: store, now: now, known: recent.New[string, struct{}](known)}
}

// forget has the store asked about the user again.
func (a *admission) forget(user string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.epoch++
	a.known.Delete(user)
}

func (a *admission) admit(ctx context.Context, user string, ours bool) error {
	w := &waiter{user: user, ownToken: ours, done: make(chan struct{})}
	a.mu.Lock()
	if _, ok := a.known.Get(user); ok {
		a.mu.Unlock()
		return nil
	}
	a.waiting = append(a.waiting, w)
	lead := !a.busy
	a.busy = true
	a.mu.Unlock()
	if !lead {
		// The wait ends, since whoever asks does so with a context that ends. Going
		// earlier could leave nobody to ask for the others.
		<-w.done
		if !w.leads {
			return w.err
		}
	}
	a.askForAll(ctx)
	<-w.done
	return w.err
}

// askForAll asks the store about everybody who waits, the caller among them, and
// hands over to the first of those who came meanwhile.
func (a *admission) askForAll(ctx context.Context) {
	// Others wait for it, so it goes on when the caller's own request is given up.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	a.mu.Lock()
	n := min(len(a.waiting), maxAdmissionBatch)
	batch := a.waiting[:n:n]
	a.waiting = a.waiting[n:]
	epoch := a.epoch
	a.mu.Unlock()

	answers, err := a.lookUp(ctx, batch)

	a.mu.Lock()
	for _, w := range batch {
		if w.err = err; err == nil {
			if w.err = answers[w.user]; w.err == nil && epoch == a.epoch {
				a.known.Put(w.user, struct{}{})
			}
		}
	}
	var next *waiter
	if len(a.waiting) > 0 {
		next = a.waiting[0]
		next.leads = true
	} else {
		a.busy = false
		a.waiting = nil
	}
	a.mu.Unlock()
	for _, w := range batch {
		if !w.leads {
			close(w.done)
		}
	}
	if next != nil {
		close(next.done)
	}
}

// lookUp gives the errors of the users who may not come in.
func (a *admission) lookUp(ctx context.Context, batch []*waiter) (map[string]error, error) {
	answers := map[string]error{}
	missing := map[string]bool{} // users without an account, and whether one can be made
	var ids []string
	for _, w := range batch {
		if _, twice := missing[w.user]; !twice {
			ids = append(ids, w.user)
			missing[w.user] = true
		}
		missing[w.user] = missing[w.user] && !w.ownToken
	}
	users, err := a.store.Users(ctx, ids)
	if err != nil {
		return nil, err
	}
	for _, u := range users {
		delete(missing, u.ID)
		if u.Disabled {
			answers[u.ID] = disabled()
		}
	}
	var external []string
	for id, vouchedFor := range missing {
		if vouchedFor {
			external = append(external, id)
		} else {
			answers[id] = accountDeleted()
		}
	}
	if len(external) == 0 {
		return answers, nil
	}
	return answers, a.store.EnsureUsers(ctx, external, a.now().UnixMilli())
}
