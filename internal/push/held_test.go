package push_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pushd/internal/account"
	"pushd/internal/codec"
	"pushd/internal/delivery"
	"pushd/internal/delivery/delivertest"
	"pushd/internal/push"
)

// running is a started service inside a synctest bubble.
func running(t *testing.T, n *node, o push.Options) *push.Service {
	t.Helper()
	s := service(t, n, o)
	s.Start()
	t.Cleanup(func() {
		if err := s.Shutdown(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	return s
}

const web, ios = account.Platform(1), account.Platform(3)

func held(t *testing.T, s *push.Service, user, msg string, ttl int64, platforms ...account.PlatID) push.PushReply {
	t.Helper()
	return ok(s.Push(t.Context(), pusher, push.PushRequest{
		Users: []string{user}, Message: message(msg), TTL: ttl, Platforms: platforms,
	}))(t)
}

// payloads are the messages of the deliveries that somebody received.
func payloads(ds []delivertest.Delivery) string {
	var all []string
	for _, d := range ds {
		_, m, _ := strings.Cut(d.Payload, `"Data":`)
		all = append(all, strings.TrimSuffix(m, "}"))
	}
	return strings.Join(all, " ")
}

func TestHeldPushArrivesWithTheUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode()
		s := running(t, n, push.Options{})
		if rep := held(t, s, "bob", `{"i":1}`, 30); rep.Held != 1 || rep.Sessions != 0 {
			t.Errorf("reply %+v", rep)
		}
		held(t, s, "bob", `{"i":2}`, 30)
		n.sent() // those to nobody

		time.Sleep(29 * time.Second)
		n.set("bob", "web")
		s.Presence("bob", web, true)
		synctest.Wait()
		if got := payloads(n.sent()); got != `{"i":1} {"i":2}` {
			t.Errorf("received %s", got)
		}
		s.Presence("bob", web, true)
		time.Sleep(5 * time.Second)
		if got := n.sent(); len(got) != 0 {
			t.Errorf("received again: %+v", got)
		}
	})
}

func TestHeldPushExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode()
		s := running(t, n, push.Options{})
		held(t, s, "bob", `{"i":1}`, 30)
		n.sent()
		time.Sleep(31 * time.Second)
		n.set("bob", "web")
		s.Presence("bob", web, true)
		synctest.Wait()
		if got := n.sent(); len(got) != 0 {
			t.Errorf("received %+v", got)
		}
		if n.drops(push.DropHeldExpired) != 1 {
			t.Errorf("%d expired, want 1", n.drops(push.DropHeldExpired))
		}
	})
}

func TestNothingIsHeldWithoutTTLOrForThoseOnline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode()
		n.set("alice", "web")
		s := running(t, n, push.Options{})
		if rep := held(t, s, "bob", `{}`, 0); rep.Held != 0 {
			t.Errorf("reply %+v", rep)
		}
		if rep := held(t, s, "alice", `{}`, 30); rep.Held != 0 {
			t.Errorf("reply %+v", rep)
		}
		n.sent()
		n.set("bob", "web")
		s.Presence("bob", web, true)
		time.Sleep(2 * time.Second)
		if got := n.sent(); len(got) != 0 {
			t.Errorf("received %+v", got)
		}
	})
}

func TestHeldPushWaitsForItsPlatform(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode()
		n.set("bob", "web")
		s := running(t, n, push.Options{})
		if rep := held(t, s, "bob", `{}`, 30, "ios"); rep.Held != 1 {
			t.Errorf("reply %+v", rep)
		}
		n.sent()
		s.Presence("bob", web, true)
		time.Sleep(2 * time.Second)
		if got := n.sent(); len(got) != 0 {
			t.Errorf("received on the wrong platform: %+v", got)
		}
		n.set("bob", "web", "ios")
		s.Presence("bob", ios, true)
		synctest.Wait()
		got := n.sent()
		if len(got) != 1 || len(got[0].To.Platforms) != 1 || got[0].To.Platforms[0] != "ios" {
			t.Errorf("received %+v", got)
		}
	})
}

// A user that logs in between the delivery to nobody and the holding is told
// of too early; what is held finds it nevertheless.
func TestHeldPushFindsAUserThatCameMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode()
		s := running(t, n, push.Options{})
		n.Instead = func(_ context.Context, to delivery.Target) (delivery.Receipt, error) {
			n.Instead = nil
			n.set("bob", "web")
			s.Presence("bob", web, true)
			return delivery.Receipt{Offline: to.Users}, nil
		}
		held(t, s, "bob", `{}`, 30)
		synctest.Wait()
		got := n.sent()
		if len(got) != 2 {
			t.Errorf("delivered %+v, want to nobody and then to bob", got)
		}
	})
}

func TestHeldPushIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode()
		s := running(t, n, push.Options{})
		held(t, s, "bob", `{"i":1}`, 30)
		held(t, s, "bob", `{"i":2}`, 30)
		n.sent()
		var room atomic.Bool
		n.Instead = func(context.Context, delivery.Target) (delivery.Receipt, error) {
			if !room.Load() {
				return delivery.Receipt{}, codec.Errorf(codec.CodeUnavailable, "mailbox full")
			}
			return delivery.Receipt{Sessions: 1, Users: 1}, nil
		}
		n.set("bob", "web")
		s.Presence("bob", web, true)
		synctest.Wait()
		room.Store(true)
		time.Sleep(2 * time.Second)
		if got := payloads(n.sent()); got != `{"i":1} {"i":2}` {
			t.Errorf("received %s", got)
		}
	})
}

func TestHeldPushesAreBounded(t *testing.T) {
	kilobyte := `{"x":"` + strings.Repeat("x", 1<<10) + `"}`
	for name, c := range map[string]struct {
		o      push.Options
		push   func(t *testing.T, s *push.Service, i int)
		n      int
		reason string
		want   int
	}{
		"count of a user": {push.Options{}, func(t *testing.T, s *push.Service, i int) { held(t, s, "bob", fmt.Sprintf(`{"i":%d}`, i), 30) }, 110, push.DropHeldUser, 10},
		"bytes of a user": {push.Options{}, func(t *testing.T, s *push.Service, _ int) {
			held(t, s, "bob", strings.Replace(kilobyte, "x\"}", strings.Repeat("x", 9<<10)+"\"}", 1), 30)
		}, 30, push.DropHeldUser, 5},
		"count of all": {push.Options{MaxHeld: 5}, func(t *testing.T, s *push.Service, i int) { held(t, s, fmt.Sprint("u", i), `{}`, 30) }, 8, push.DropHeldAll, 3},
		"bytes of all": {push.Options{MaxHeldBytes: 10 << 10}, func(t *testing.T, s *push.Service, i int) { held(t, s, fmt.Sprint("u", i), kilobyte, 30) }, 12, push.DropHeldAll, 3},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode()
			s := service(t, n, c.o)
			for i := range c.n {
				c.push(t, s, i)
			}
			if got := n.drops(c.reason); got != c.want {
				t.Errorf("%d dropped, want %d", got, c.want)
			}
		})
	}
}

func TestTheOldestHeldPushGoesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode()
		s := running(t, n, push.Options{MaxHeld: 2})
		held(t, s, "ann", `{"i":1}`, 3600)
		held(t, s, "bob", `{"i":2}`, 1)
		held(t, s, "ann", `{"i":3}`, 30)
		n.sent()
		n.set("ann", "web")
		n.set("bob", "web")
		s.Presence("ann", web, true)
		s.Presence("bob", web, true)
		synctest.Wait()
		got := payloads(n.sent())
		if got != `{"i":2} {"i":3}` && got != `{"i":3} {"i":2}` {
			t.Errorf("received %s", got)
		}
	})
}

func TestMoreThanABatchExpiresAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode()
		s := running(t, n, push.Options{})
		for i := range 1000 {
			held(t, s, fmt.Sprint("u", i), `{}`, int64(1+i%3))
		}
		time.Sleep(5 * time.Second)
		if got := n.drops(push.DropHeldExpired); got != 1000 {
			t.Errorf("%d expired, want 1000", got)
		}
	})
}

func TestShutdownWithoutStart(t *testing.T) {
	s := service(t, newNode(), push.Options{})
	for range 2 {
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
