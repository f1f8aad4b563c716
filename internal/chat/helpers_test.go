package chat_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pushd/internal/account"
	"pushd/internal/chat"
	"pushd/internal/chat/chattest"
	"pushd/internal/codec"
	"pushd/internal/delivery/delivertest"
	"pushd/internal/events"
	"pushd/internal/members"
	"pushd/internal/metrics"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a service on a store in memory and a node on paper.
type world struct {
	*chat.Service
	t      *testing.T
	store  *chattest.Store
	groups *members.Cache
	node   *delivertest.Node
	bus    *events.Bus
	log    bytes.Buffer
	clock  time.Time

	mu     sync.Mutex
	missed []string // "user seq"
	hooks  []string // what hooks were asked, and what was sent
	onSent func()   // called when a message was sent; nothing if nil
	before func(*chat.Draft) error
	said   []string // "bot text"
}

type hooks struct{ w *world }

// BeforeSend implements chat.Hooks.
func (h hooks) BeforeSend(_ context.Context, d *chat.Draft) error {
	h.w.mu.Lock()
	h.w.hooks = append(h.w.hooks, "before "+d.Body.Text)
	h.w.mu.Unlock()
	if h.w.before != nil {
		return h.w.before(d)
	}
	return nil
}

type bots struct{}

// Known implements chat.Bots.
func (bots) Known(name string) bool { return name == "echo" || name == "other" }

// listen subscribes to what the service publishes.
func (w *world) listen() {
	s := w.bus.Inline("test", events.Limit{})
	events.On(s, func(e chat.MessageSent) {
		if w.onSent != nil {
			w.onSent()
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.hooks = append(w.hooks, "after "+e.Message.Text)
		if bot, ok := e.Bot(); ok {
			w.said = append(w.said, bot+" "+e.Message.Text)
		}
	})
	events.On(s, func(e chat.MessageMissed) {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, u := range e.Users {
			w.missed = append(w.missed, u+" "+e.Message.Text)
		}
	})
}

// taken empties one of the lists above.
func (w *world) taken(list *[]string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	got := strings.Join(*list, ", ")
	*list = nil
	return got
}

// newWorld has alice on two devices, bob on one, cyd and dan, and eve, who is away.
func newWorld(t *testing.T, o chat.Options) *world {
	t.Helper()
	store := chattest.NewStore()
	groups := members.New(chat.NewMemberSource(store), members.Options{})
	w := &world{
		t: t, store: store, groups: groups, clock: time.UnixMilli(1793000000000),
		node: delivertest.NewNode(groups, "alice/web", "alice/ios", "bob/web", "cyd/web", "dan/web"),
	}
	o.Clock = func() time.Time { return w.clock }
	o.Log = slog.New(slog.NewTextHandler(&w.log, nil))
	w.bus = events.New(metrics.New(1), o.Log)
	w.listen()
	w.Service = chat.New(chat.Ports{
		Store: w.store, Deliverer: w.node, Members: w.groups, Presence: w.node,
		Hooks: hooks{w}, Bots: bots{}, Events: w.bus,
	}, o)
	return w
}

// group makes a group with its owner and its other members.
func (w *world) group(id string, owner string, members ...string) {
	w.t.Helper()
	ok(w.store.CreateGroup(w.t.Context(), chat.GroupInfo{ID: id, Owner: owner, Limit: 10_000}, members, 0, 0))(w.t)
}

// as is a user's session.
func as(user string) account.Identity {
	return account.Identity{User: user, Session: user + "/web", Device: "web", Platform: 1}
}

var (
	pusher = account.Identity{Key: "backend", Scopes: account.ScopePush}
	reader = account.Identity{Key: "monitor", Scopes: account.ScopeRead}
	admin  = account.Identity{Key: "ops", Scopes: account.ScopeAdmin}
)

func text(to, s string) chat.SendRequest {
	return chat.SendRequest{To: to, Body: chat.Body{Type: chat.TypeText, Text: s}}
}

// say sends a text that must be taken.
func (w *world) say(from, to, s string) chat.SendReply {
	w.t.Helper()
	return ok(w.Send(w.t.Context(), as(from), text(to, s)))(w.t)
}

// got is what a session was pushed, one line each.
func (w *world) got(session string) string {
	w.t.Helper()
	var lines []string
	for _, p := range w.node.Take(session) {
		var d map[string]any
		if err := json.Unmarshal(p.Data, &d); err != nil {
			w.t.Fatal(err)
		}
		line := p.Name
		for _, key := range []string{"seq", "read", "delivered", "from", "user", "text"} {
			if v, ok := d[key]; ok {
				b, _ := json.Marshal(v)
				line += " " + strings.Trim(string(b), `"`)
			}
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, ", ")
}

func (w *world) wantGot(session, want string) {
	w.t.Helper()
	if got := w.got(session); got != want {
		w.t.Errorf("%s got %q, want %q", session, got, want)
	}
}

// drop throws away what everybody got so far.
func (w *world) drop() {
	for _, s := range []string{"alice/web", "alice/ios", "bob/web", "cyd/web", "dan/web"} {
		w.node.Take(s)
	}
}

func ok[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// wantCode checks that err answers with the code, and says what it should.
func wantCode(t *testing.T, err error, code int, says string) {
	t.Helper()
	if code == 0 {
		if err != nil {
			t.Errorf("error %v, want none", err)
		}
		return
	}
	var e *codec.Error
	if !errors.As(err, &e) {
		t.Errorf("error %v, want code %d", err, code)
	} else if e.Code != code || !strings.Contains(e.Msg, says) {
		t.Errorf("error %v, want code %d saying %q", err, code, says)
	}
}
