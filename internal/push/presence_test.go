package push_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pushd/internal/account"
	"pushd/internal/delivery/delivertest"
	"pushd/internal/push"
)

// digest is a decoded presence push and where it went.
type digest struct {
	topic, action string
	users         []string // "alice:web,ios"
	count         int
}

func digests(t *testing.T, ds []delivertest.Delivery) []digest {
	t.Helper()
	var all []digest
	for _, d := range ds {
		var p struct {
			Module, Action string
			Data           struct {
				Users []push.OnlineUser
				Count int
				Time  int64
			}
		}
		if err := json.Unmarshal([]byte(d.Payload), &p); err != nil {
			t.Fatal(err)
		}
		if p.Module != "presence" || p.Data.Time != time.Now().UnixMilli() {
			t.Errorf("push %s", d.Payload)
		}
		one := digest{topic: strings.Join(d.To.Topics, " "), action: p.Action, count: p.Data.Count}
		for _, u := range p.Data.Users {
			one.users = append(one.users, u.User+":"+strings.Join(u.Platforms, ","))
		}
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b digest) int { return strings.Compare(a.topic+a.action, b.topic+b.action) })
	return all
}

// atTick sleeps to where the digest has just been sent.
func atTick() {
	time.Sleep(time.Second)
	synctest.Wait()
}

func TestPresenceDigest(t *testing.T) {
	type event struct {
		user     string
		platform account.Platform
		online   bool
	}
	for name, c := range map[string]struct {
		watch  push.WatchRequest
		events []event
		want   []digest
	}{
		"nobody moves": {push.WatchRequest{}, nil, nil},
		"who came, sorted": {push.WatchRequest{}, []event{{"bob", web, true}, {"alice", web, true}, {"alice", ios, true}}, []digest{
			{"$presence", "Online", []string{"alice:web,ios", "bob:web"}, 2},
		}},
		"came and went": {push.WatchRequest{}, []event{{"bob", web, true}, {"bob", web, false}, {"bob", web, true}, {"bob", web, false}}, nil},
		"went and came": {push.WatchRequest{}, []event{{"bob", web, false}, {"bob", web, true}}, nil},
		"changed place": {push.WatchRequest{All: true}, []event{{"bob", web, false}, {"bob", ios, true}}, []digest{
			{"$presence", "Offline", []string{"bob:web"}, 1},
			{"$presence", "Online", []string{"bob:ios"}, 1},
		}},
		"told in the wrong order": {push.WatchRequest{}, []event{{"bob", web, true}, {"bob", web, false}, {"bob", web, true}, {"late", web, false}}, []digest{
			{"$presence", "Offline", []string{"late:web"}, 1},
			{"$presence", "Online", []string{"bob:web"}, 1},
		}},
		"only who is watched": {push.WatchRequest{Users: []string{"bob"}}, []event{{"bob", web, false}, {"alice", web, true}}, []digest{
			{"$presence:bob", "Offline", []string{"bob:web"}, 1},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNode()
				s := running(t, n, push.Options{PresenceAll: true})
				ok(s.PresenceSubscribe(t.Context(), alice, c.watch))(t)
				for _, e := range c.events {
					n.move(s, e.user, e.platform, e.online)
				}
				atTick()
				if got := digests(t, n.sent()); fmt.Sprint(got) != fmt.Sprint(c.want) {
					t.Errorf("digests %+v\nwant %+v", got, c.want)
				}
				atTick()
				if got := n.sent(); len(got) != 0 {
					t.Errorf("a second digest: %+v", got)
				}
			})
		})
	}
}

func TestPresenceDigestListsAThousandAndCountsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode()
		s := running(t, n, push.Options{PresenceAll: true})
		ok(s.PresenceSubscribe(t.Context(), alice, push.WatchRequest{}))(t)
		for i := range 1500 {
			n.move(s, fmt.Sprint("u", i), web, true)
		}
		atTick()
		got := digests(t, n.sent())
		if len(got) != 1 || len(got[0].users) != 1000 || got[0].count != 1500 {
			t.Errorf("%d digests, the first of %d users counting %d", len(got), len(got[0].users), got[0].count)
		}
	})
}

func TestPresenceIsBoundedBetweenDigests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode()
		s := running(t, n, push.Options{PresenceAll: true})
		ok(s.PresenceSubscribe(t.Context(), alice, push.WatchRequest{}))(t)
		for i := range 100_000 {
			n.move(s, fmt.Sprint("u", i), web, true)
		}
		n.move(s, "one too many", web, true)
		n.move(s, "two too many", web, false)
		n.move(s, "u0", ios, true) // is known already
		atTick()
		got := digests(t, n.sent())
		if len(got) != 2 || got[0].count != 1 || got[1].count != 100_001 {
			t.Errorf("digests %+v", got)
		}
		if d := n.drops(push.DropPresenceOverflow); d != 2 {
			t.Errorf("%d overflowed, want 2", d)
		}
	})
}

func TestPresenceDoesNotRetainTheName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode()
		s := running(t, n, push.Options{PresenceAll: true})
		ok(s.PresenceSubscribe(t.Context(), alice, push.WatchRequest{}))(t)
		name, spoil := borrowed("carol")
		n.set("carol", "web", "ios")
		s.Presence(name, web, true)
		s.Presence(name, ios, true)
		spoil()
		atTick()
		if got := digests(t, n.sent()); len(got) != 1 || got[0].users[0] != "carol:web,ios" {
			t.Errorf("digests %+v", got)
		}
	})
}

func TestPresenceCostsNothingUntilSomebodyWatches(t *testing.T) {
	s := service(t, newNode(), push.Options{})
	if n := testing.AllocsPerRun(100, func() { s.Presence("bob", web, true) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func TestPresenceSubscribe(t *testing.T) {
	n := newNode()
	n.set("bob", "web")
	s := service(t, n, push.Options{})
	rep := ok(s.PresenceSubscribe(t.Context(), alice, push.WatchRequest{Users: []string{"bob", "carol"}}))(t)
	if len(rep.Online) != 1 || rep.Online[0].User != "bob" {
		t.Errorf("reply %+v", rep)
	}
	if got := n.topicsOf(alice.Session); !slices.Equal(got, []string{"$presence:bob", "$presence:carol"}) {
		t.Errorf("topics %v", got)
	}
	ok(s.PresenceUnsubscribe(t.Context(), alice, push.WatchRequest{Users: []string{"bob"}}))(t)
	if got := n.topicsOf(alice.Session); !slices.Equal(got, []string{"$presence:carol"}) {
		t.Errorf("topics %v", got)
	}
}

func TestPresenceRefuses(t *testing.T) {
	n := newNode()
	s := service(t, n, push.Options{})
	all := service(t, newNode(), push.Options{PresenceAll: true})
	many := make([]string, 1001)
	for i := range many {
		many[i] = fmt.Sprint("u", i)
	}
	watch := func(s *push.Service, id account.Identity, r push.WatchRequest) error {
		_, err := s.PresenceSubscribe(t.Context(), id, r)
		return err
	}
	online := func(id account.Identity, users ...string) error {
		_, err := s.PresenceOnline(t.Context(), id, push.PresenceRequest{Users: users})
		return err
	}
	wantCode(t, watch(s, alice, push.WatchRequest{}), 403, "presence.all")
	wantCode(t, watch(s, alice, push.WatchRequest{All: true}), 403, "presence.all")
	wantCode(t, watch(all, alice, push.WatchRequest{All: true, Users: []string{"bob"}}), 400, "not both")
	wantCode(t, watch(all, alice, push.WatchRequest{Users: []string{}}), 400, "users is empty")
	wantCode(t, watch(s, alice, push.WatchRequest{Users: many[:101]}), 413, "at most 100")
	wantCode(t, watch(s, alice, push.WatchRequest{Users: []string{""}}), 400, "")
	wantCode(t, watch(s, admin, push.WatchRequest{Users: []string{"bob"}}), 403, "session")
	wantCode(t, watch(s, n.full(t), push.WatchRequest{Users: []string{"bob"}}), 429, "too many topics")
	wantCode(t, online(alice), 400, "users is empty")
	wantCode(t, online(alice, many...), 413, "at most 1000")
	wantCode(t, online(admin, "bob"), 403, "session")
}

func TestPresenceOnline(t *testing.T) {
	n := newNode()
	n.set("bob", "web", "ios")
	s := service(t, n, push.Options{})
	rep := ok(s.PresenceOnline(t.Context(), alice, push.PresenceRequest{Users: []string{"bob", "carol"}}))(t)
	b := ok(json.Marshal(rep))(t)
	if string(b) != `{"online":[{"user":"bob","platforms":["web","ios"]}]}` {
		t.Errorf("reply %s", b)
	}
	rep = ok(s.PresenceOnline(t.Context(), alice, push.PresenceRequest{Users: []string{"carol"}}))(t)
	if b := ok(json.Marshal(rep))(t); string(b) != `{"online":[]}` {
		t.Errorf("reply %s", b)
	}
}
