package push_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pushd/internal/push"
)

// Everybody is told who comes and goes, without asking for it, and once.
func TestPresenceAnnounce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode()
		s := running(t, n, push.Options{PresenceAnnounce: true, PresenceAll: true})
		n.move(s, "bob", web, true)
		n.move(s, "ann", web, true)
		n.move(s, "ann", ios, true)
		n.move(s, "cyd", web, true)
		n.move(s, "cyd", web, false)
		atTick()
		sent := n.sent()
		if len(sent) != 1 || !sent[0].To.Everyone {
			t.Fatalf("%+v", sent)
		}
		if got := digests(t, sent); fmt.Sprint(got) != "[{ Online [ann:web,ios bob:web] 2}]" {
			t.Errorf("%v", got)
		}
		// Who watches all of them is among everybody; who watches one is told too.
		ok(s.PresenceSubscribe(t.Context(), alice, push.WatchRequest{All: true}))(t)
		ok(s.PresenceSubscribe(t.Context(), alice, push.WatchRequest{Users: []string{"bob"}}))(t)
		n.move(s, "bob", web, false)
		atTick()
		if got := digests(t, n.sent()); fmt.Sprint(got) != "[{$presence:bob Offline [bob:web] 1} { Offline [bob:web] 1}]" {
			t.Errorf("%v", got)
		}
		atTick()
		if sent := n.sent(); len(sent) > 0 {
			t.Errorf("nobody moved: %+v", sent)
		}
	})
}

// The more there are to tell, the less often they are told and the fewer names.
func TestPresenceAnnounceToMany(t *testing.T) {
	for name, tc := range map[string]struct {
		sessions, seconds, names int
	}{
		"a few":     {100, 1, 1000},
		"thousands": {5_000, 1, 79},
		"many":      {100_000, 5, 3},
		"a million": {1_000_000, 50, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNode()
				n.sessions = tc.sessions
				s := running(t, n, push.Options{PresenceAnnounce: true})
				n.move(s, "first", web, true)
				atTick()
				n.sent()
				for i := range 1500 {
					n.move(s, fmt.Sprint("u", i), web, true)
				}
				for range tc.seconds - 1 {
					atTick()
					if sent := n.sent(); len(sent) > 0 {
						t.Fatalf("told too early: %.200v", sent)
					}
				}
				atTick()
				got := digests(t, n.sent())
				if len(got) != 1 || got[0].count != 1500 || len(got[0].users) < tc.names-20 || len(got[0].users) > tc.names+20 {
					t.Errorf("%d digests, the first of %d users, counting %d", len(got), len(got[0].users), got[0].count)
				}
			})
		})
	}
}

func TestTopicDigest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode()
		running(t, n, push.Options{})
		long := []string{strings.Repeat("x", 100), strings.Repeat("y", 100)}
		n.change(

			push.TopicChange{Topic: "a", Joined: []string{"ann"}, Users: 3, Subscribers: 4},
			push.TopicChange{Topic: "b", Left: []string{"bob"}, Users: 2, Subscribers: 2},
			push.TopicChange{Topic: "c", More: true, Users: 5000, Subscribers: 5000},
			push.TopicChange{Topic: "d", Joined: long, Users: 90_000, Subscribers: 100_000},
		)
		atTick()
		now := time.Now().UnixMilli()
		want := []string{
			`{"topic":"a","joined":["ann"],"left":[],"count":3,"time":%d}`,
			`{"topic":"b","joined":[],"left":["bob"],"count":2,"time":%d}`,
			`{"topic":"c","joined":[],"left":[],"count":5000,"more":true,"time":%d}`,
			`{"topic":"d","joined":[],"left":[],"count":90000,"more":true,"time":%d}`,
		}
		sent := n.sent()
		if len(sent) != len(want) {
			t.Fatalf("%+v", sent)
		}
		for i, d := range sent {
			var p struct {
				Module, Action string
				Data           json.RawMessage
			}
			if err := json.Unmarshal([]byte(d.Payload), &p); err != nil {
				t.Fatal(err)
			}
			if p.Module != "topic" || p.Action != "Presence" || string(p.Data) != fmt.Sprintf(want[i], now) || d.To.Topics[0] != "abcd"[i:i+1] {
				t.Errorf("%+v", d)
			}
		}
	})
}
