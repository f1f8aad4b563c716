package push_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pushd/internal/account"
	"pushd/internal/codec"
	"pushd/internal/delivery"
	"pushd/internal/push"
)

// shelf is a fake of the store behind durable pushes.
type shelf struct {
	node *node
	fail func(to string) error

	mu   sync.Mutex
	kept []string
	keys map[string]bool
}

func (s *shelf) SendPush(
	ctx context.Context, id account.Identity, to string, data push.Message, ttl time.Duration, key string,
) (delivery.Receipt, error) {
	if s.fail != nil {
		if err := s.fail(to); err != nil {
			return delivery.Receipt{}, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	target := delivery.Target{Conversation: "about " + to}
	switch kind, name, _ := strings.Cut(to, ":"); kind {
	case "notice":
		target.Users = []string{name}
	case "group":
		target.Groups = []string{name}
	default:
		target.Everyone = true
	}
	if key != "" && s.keys[id.Key+key+to] {
		return delivery.Receipt{}, nil
	}
	s.keys[id.Key+key+to] = true
	s.kept = append(s.kept, to+" "+ttl.String())
	frame := codec.NewFrame([]byte(`{"Module":"chat","Action":"Message","Data":` + string(data) + `}`))
	return s.node.Deliver(ctx, target, frame)
}

// taken is what was kept since the last time.
func (s *shelf) taken() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	got := s.kept
	s.kept = nil
	slices.Sort(got)
	return got
}

func durable(t *testing.T) (*push.Service, *node, *shelf) {
	t.Helper()
	n := newNode()
	s := &shelf{node: n, keys: map[string]bool{}}
	n.set("alice", "web")
	platforms, err := account.NewPlatforms(nil)
	if err != nil {
		t.Fatal(err)
	}
	ports := n.ports()
	ports.Durable = s
	return push.New(ports, platforms, push.Options{}), n, s
}

func TestDurable(t *testing.T) {
	s, n, kept := durable(t)
	rep := ok(s.Push(t.Context(), pusher, push.PushRequest{
		Users: []string{"bob", "alice", "bob"}, Groups: []string{"team"}, Message: message(`{"n":1}`), Durable: true, TTL: 60,
	}))(t)
	if rep.ID == "" || rep.Held != 0 || !slices.Equal(rep.Offline, []string{"bob"}) {
		t.Errorf("%+v", rep)
	}
	if got, want := kept.taken(), []string{"group:team 1m0s", "notice:alice 1m0s", "notice:bob 1m0s"}; !slices.Equal(got, want) {
		t.Errorf("kept %q, want %q", got, want)
	}
	var to []string
	for _, d := range n.sent() {
		to = append(to, d.To.Conversation+" to "+strings.Join(append(d.To.Users, d.To.Groups...), " "))
		if d.Payload != `{"Module":"chat","Action":"Message","Data":{"n":1}}` {
			t.Errorf("delivered %s", d.Payload)
		}
	}
	slices.Sort(to)
	if !slices.Equal(to, []string{"about group:team to team", "about notice:alice to alice", "about notice:bob to bob"}) {
		t.Errorf("delivered to %q", to)
	}
	rep = ok(s.Broadcast(t.Context(), pusher, push.BroadcastRequest{Message: message(`{}`), Durable: true}))(t)
	if sent := n.sent(); !sent[len(sent)-1].To.Everyone || sent[len(sent)-1].To.Conversation != "about all" || rep.Offline == nil {
		t.Errorf("%+v, %+v", rep, sent)
	}
	if got := kept.taken(); !slices.Equal(got, []string{"all 0s"}) {
		t.Errorf("kept %q", got)
	}
}

// TestDurableGoesOnWhereItFailed: a push that failed for some is repeated with its
// key, and reaches the others alone.
func TestDurableGoesOnWhereItFailed(t *testing.T) {
	s, n, kept := durable(t)
	r := push.PushRequest{Users: []string{"alice", "bob", "cyd"}, Message: message(`{}`), Durable: true, IdempotencyKey: "k"}
	kept.fail = func(to string) error {
		if to == "notice:bob" {
			return codec.Errorf(codec.CodeUnavailable, "the database can't answer now")
		}
		return nil
	}
	_, err := s.Push(t.Context(), pusher, r)
	wantCode(t, err, 503, "database")
	if got := len(n.sent()); got != 2 {
		t.Errorf("%d are delivered, want the two that are kept", got)
	}
	kept.fail = nil
	ok(s.Push(t.Context(), pusher, r))(t)
	if got := len(n.sent()); got != 1 {
		t.Errorf("%d are delivered, want the one that was not", got)
	}
	first := ok(s.Push(t.Context(), pusher, r))(t) // from memory
	if got := len(n.sent()); got != 0 || first.ID == "" {
		t.Errorf("%d are delivered again", got)
	}
	kept.fail = func(string) error { panic("boom") }
	if _, err := s.Push(t.Context(), pusher, push.PushRequest{Users: []string{"alice"}, Message: message(`{}`), Durable: true}); codec.AsError(err).Code != 500 {
		t.Errorf("a panic: %v", err)
	}
	kept.fail = func(string) error { return errors.New("detail") }
	if _, err := s.Push(t.Context(), pusher, push.PushRequest{Users: []string{"alice"}, Message: message(`{}`), Durable: true}); codec.AsError(err).Msg != "internal error" {
		t.Errorf("a fault: %v", err)
	}
}

func TestDurableToMany(t *testing.T) {
	s, n, kept := durable(t)
	var users []string
	for i := range 1000 {
		users = append(users, "u"+strings.Repeat("x", i%7)+string(rune('a'+i%26))+time.Duration(i).String())
	}
	rep := ok(s.Push(t.Context(), pusher, push.PushRequest{Users: users, Message: message(`{}`), Durable: true}))(t)
	if len(kept.taken()) != 1000 || len(n.sent()) != 1000 || len(rep.Offline) != 1000 {
		t.Errorf("%d offline", len(rep.Offline))
	}
}

func TestDurableRefuses(t *testing.T) {
	s, _, kept := durable(t)
	for says, r := range map[string]push.PushRequest{
		"topics and sessions": {Users: []string{"alice"}, Topics: []string{"t"}},
		"nothing that lasts":  {Sessions: []string{"s"}},
		"leave platforms out": {Users: []string{"alice"}, Platforms: []account.PlatID{"web"}},
		"nobody is named":     {},
	} {
		r.Message, r.Durable = message(`{}`), true
		_, err := s.Push(t.Context(), pusher, r)
		wantCode(t, err, 400, says)
	}
	_, err := service(t, newNode(), push.Options{}).Push(t.Context(), pusher, push.PushRequest{Users: []string{"alice"}, Message: message(`{}`), Durable: true})
	wantCode(t, err, 400, "needs a store")
	_, err = s.Push(t.Context(), reader, push.PushRequest{Users: []string{"alice"}, Message: message(`{}`), Durable: true})
	wantCode(t, err, 403, "push")
	if got := kept.taken(); len(got) != 0 {
		t.Errorf("kept %q", got)
	}
}
