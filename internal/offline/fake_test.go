package offline_test

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pushd/internal/account"
	"pushd/internal/chat"
	"pushd/internal/codec"
	"pushd/internal/events"
	"pushd/internal/metrics"
	"pushd/internal/offline"
	"pushd/internal/store/storetest"
)

// shelf keeps tokens in memory, and passes the suite of package storetest.
type shelf struct {
	mu     sync.Mutex
	tokens []offline.Token
	limit  int
	fail   error // of the next call
}

func TestShelf(t *testing.T) {
	storetest.PushTokens(t, func(*testing.T) offline.Tokens { return &shelf{} })
}

func (s *shelf) failure() error {
	err := s.fail
	s.fail = nil
	return err
}

func (s *shelf) PutPushToken(_ context.Context, t offline.Token, limit int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.failure(); err != nil {
		return err
	}
	s.limit = limit
	s.tokens = slices.DeleteFunc(s.tokens, func(o offline.Token) bool {
		return o.User == t.User && o.Device == t.Device || o.Provider == t.Provider && o.Token == t.Token
	})
	var others []offline.Token // of the user
	for _, o := range s.tokens {
		if o.User == t.User {
			others = append(others, o)
		}
	}
	slices.SortFunc(others, func(a, b offline.Token) int {
		return cmp.Or(cmp.Compare(b.Time, a.Time), cmp.Compare(a.Device, b.Device))
	})
	for _, o := range others[min(limit-1, len(others)):] {
		s.remove(o)
	}
	s.tokens = append(s.tokens, t)
	return nil
}

func (s *shelf) remove(t offline.Token) {
	s.tokens = slices.DeleteFunc(s.tokens, func(o offline.Token) bool {
		return o.User == t.User && o.Device == t.Device && o.Token == t.Token
	})
}

func (s *shelf) DeletePushToken(_ context.Context, user, device string) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.failure(); err != nil {
		return false, err
	}
	before := len(s.tokens)
	s.tokens = slices.DeleteFunc(s.tokens, func(t offline.Token) bool { return t.User == user && t.Device == device })
	return len(s.tokens) < before, nil
}

func (s *shelf) PushTokens(_ context.Context, users []string) ([]offline.Token, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.failure(); err != nil {
		return nil, err
	}
	found := []offline.Token{}
	for _, t := range s.tokens {
		if slices.Contains(users, t.User) {
			found = append(found, t)
		}
	}
	slices.SortFunc(found, func(a, b offline.Token) int {
		return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.Device, b.Device))
	})
	return found, nil
}

func (s *shelf) ForgetPushTokens(_ context.Context, gone []offline.Token) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.failure(); err != nil {
		return err
	}
	for _, t := range gone {
		s.remove(t)
	}
	return nil
}

func (s *shelf) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, t := range s.tokens {
		all = append(all, t.User+"/"+t.Device)
	}
	return all
}

// wall is a gateway that keeps what it was sent and answers as the test says.
type wall struct {
	mu     sync.Mutex
	sent   []offline.Notification
	calls  int
	answer func(call int, n offline.Notification) (offline.Result, error)
}

func (w *wall) Send(_ context.Context, all []offline.Notification) ([]offline.Result, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls++
	results := make([]offline.Result, len(all))
	for i, n := range all {
		if w.answer != nil {
			var err error
			if results[i], err = w.answer(w.calls, n); err != nil {
				return nil, err
			}
		}
		if results[i] == (offline.Result{}) {
			w.sent = append(w.sent, n)
		}
	}
	return results, nil
}

func (w *wall) users() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var users []string
	for _, n := range w.sent {
		users = append(users, n.User)
	}
	return strings.Join(users, " ")
}

// names is a directory with one name.
type names struct{}

func (names) Users(_ context.Context, ids []string) ([]account.User, error) {
	if ids[0] == "nobody" {
		return nil, codec.Errorf(codec.CodeUnavailable, "the database can't answer now")
	}
	return []account.User{{ID: "alice", Name: "Alice B."}}, nil
}

// service is one with the bus that it listens to.
type service struct {
	*offline.Service
	bus *events.Bus
}

// missed publishes that a message did not reach users.
func (s service) missed(m chat.Message, users []string) {
	events.PublisherOf[chat.MessageMissed](s.bus).Publish(chat.MessageMissed{Message: m, Users: users})
}

func newService(t *testing.T, s *shelf, g offline.Gateway, o offline.Options) service {
	t.Helper()
	platforms, err := account.NewPlatforms(nil)
	if err != nil {
		t.Fatal(err)
	}
	o.Platforms = platforms
	o.Clock = func() time.Time { return time.UnixMilli(1000) }
	bus := events.New(metrics.New(1), nil)
	made := offline.New(offline.Ports{Tokens: s, Names: names{}, Gateway: g, Events: bus}, o, metrics.New(1), nil)
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = made.Shutdown(ctx) // cut short: the test is over
	})
	return service{made, bus}
}
