package push_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pushd/internal/account"
	"pushd/internal/codec"
	"pushd/internal/delivery"
	"pushd/internal/delivery/delivertest"
	"pushd/internal/push"
)

func TestPushReachesTheTargetAsItCame(t *testing.T) {
	n := newNode()
	n.set("alice", "web", "ios")
	s := service(t, n, push.Options{})
	rep := ok(s.Push(t.Context(), pusher, push.PushRequest{
		Users: []string{"alice", "bob"}, Groups: []string{"g"}, Topics: []string{"news"}, Sessions: []string{"alice/ios"},
		Platforms: []account.PlatID{"1", "ios", "web"},
		Message:   message(`{"n":9007199254740993 , "s":"\u00e9"}`),
	}))(t)
	if rep.Sessions != 2 || rep.Users != 1 || !slices.Equal(rep.Offline, []string{"bob"}) || rep.Held != 0 {
		t.Errorf("reply %+v", rep)
	}
	if len(rep.ID) != 26 {
		t.Errorf("id %q is no ULID", rep.ID)
	}
	want := []delivertest.Delivery{{
		To:      delivery.Target{Users: []string{"alice", "bob"}, Groups: []string{"g"}, Topics: []string{"news"}, Sessions: []string{"alice/ios"}, Platforms: []string{"web", "ios"}},
		Payload: `{"Module":"push","Action":"Message","Data":{"n":9007199254740993 , "s":"\u00e9"}}`,
	}}
	if got := n.sent(); !reflect.DeepEqual(got, want) {
		t.Errorf("delivered %+v\nwant %+v", got, want)
	}
}

func TestPushIDsSortByTime(t *testing.T) {
	s := service(t, newNode(), push.Options{})
	last := ""
	for range 1000 {
		rep := ok(s.Broadcast(t.Context(), pusher, push.BroadcastRequest{Message: message(`{}`)}))(t)
		if rep.ID <= last {
			t.Fatalf("id %s after %s", rep.ID, last)
		}
		last = rep.ID
	}
}

func TestOfflineIsNeverNull(t *testing.T) {
	s := service(t, newNode(), push.Options{})
	rep := ok(s.Broadcast(t.Context(), pusher, push.BroadcastRequest{Message: message(`{}`)}))(t)
	b := ok(json.Marshal(rep))(t)
	if !bytes.Contains(b, []byte(`"offline":[]`)) {
		t.Errorf("reply %s", b)
	}
}

func TestPushRefuses(t *testing.T) {
	many := make([]string, push.MaxTargets+1)
	for i := range many {
		many[i] = fmt.Sprint("u", i)
	}
	to := []string{"alice"}
	for name, c := range map[string]struct {
		r    push.PushRequest
		code int
		says string
	}{
		"nobody":              {push.PushRequest{Message: message(`{}`)}, 400, "nobody is named"},
		"no message":          {push.PushRequest{Users: to}, 400, "message is missing"},
		"null message":        {push.PushRequest{Users: to, Message: message(`null`)}, 400, "message is missing"},
		"array message":       {push.PushRequest{Users: to, Message: message(`[]`)}, 400, "message: "},
		"bad UTF-8":           {push.PushRequest{Users: to, Message: message("{\"a\":\"\xff\"}")}, 400, "message: "},
		"message too long":    {push.PushRequest{Users: to, Message: message(`{"a":"` + strings.Repeat("x", 100) + `"}`)}, 413, "at most 100 bytes"},
		"too many names":      {push.PushRequest{Users: many, Message: message(`{}`)}, 413, "at most 10000"},
		"bad user":            {push.PushRequest{Users: []string{""}, Message: message(`{}`)}, 400, "user"},
		"bad topic":           {push.PushRequest{Topics: []string{"a\nb"}, Message: message(`{}`)}, 400, "topic must be printable"},
		"server's topic":      {push.PushRequest{Topics: []string{"$presence"}, Message: message(`{}`)}, 400, "must not begin with $"},
		"long topic":          {push.PushRequest{Topics: []string{strings.Repeat("x", 129)}, Message: message(`{}`)}, 400, "1 to 128 bytes"},
		"topic of bad UTF-8":  {push.PushRequest{Topics: []string{"\xff"}, Message: message(`{}`)}, 400, "UTF-8"},
		"bad group":           {push.PushRequest{Groups: []string{""}, Message: message(`{}`)}, 400, "group"},
		"bad session":         {push.PushRequest{Sessions: []string{""}, Message: message(`{}`)}, 400, "session"},
		"unknown platform":    {push.PushRequest{Users: to, Platforms: []account.PlatID{"toaster"}, Message: message(`{}`)}, 400, "platform"},
		"durable":             {push.PushRequest{Users: to, Message: message(`{}`), Durable: true}, 400, "needs a store"},
		"negative ttl":        {push.PushRequest{Users: to, Message: message(`{}`), TTL: -1}, 400, "ttl is 0 to 86400"},
		"long ttl":            {push.PushRequest{Users: to, Message: message(`{}`), TTL: 86401}, 400, "ttl is 0 to 86400"},
		"overflowing ttl":     {push.PushRequest{Users: to, Message: message(`{}`), TTL: 1 << 62}, 400, "ttl is 0 to 86400"},
		"long idempotencykey": {push.PushRequest{Users: to, Message: message(`{}`), IdempotencyKey: strings.Repeat("k", 129)}, 400, "idempotency_key"},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode()
			_, err := service(t, n, push.Options{MaxMessage: 100}).Push(t.Context(), pusher, c.r)
			wantCode(t, err, c.code, c.says)
			if len(n.sent()) != 0 {
				t.Error("delivered")
			}
		})
	}
}

func TestEveryoneAndListsExcludeEachOther(t *testing.T) {
	s := service(t, newNode(), push.Options{})
	rep := ok(s.Batch(t.Context(), pusher, push.BatchRequest{Items: []push.BatchItem{
		{Everyone: true, PushRequest: push.PushRequest{Users: []string{"alice"}, Message: message(`{}`)}},
	}}))(t)
	if e := rep.Results[0].Error; e == nil || e.Code != 400 || !strings.Contains(e.Message, "everyone") {
		t.Errorf("result %+v", rep.Results[0])
	}
}

func TestBatchHasAResultForEachItem(t *testing.T) {
	n := newNode()
	n.set("alice", "web")
	s := service(t, n, push.Options{})
	rep := ok(s.Batch(t.Context(), pusher, push.BatchRequest{Items: []push.BatchItem{
		{PushRequest: push.PushRequest{Users: []string{"alice"}, Message: message(`{"i":0}`)}},
		{PushRequest: push.PushRequest{Users: []string{"alice"}}},
		{Everyone: true, PushRequest: push.PushRequest{Message: message(`{"i":2}`)}},
	}}))(t)
	if len(rep.Results) != 3 || rep.Results[0].PushReply == nil || rep.Results[0].Sessions != 1 || rep.Results[2].PushReply == nil {
		t.Fatalf("results %+v", rep.Results)
	}
	if e := rep.Results[1].Error; e == nil || e.Code != 400 {
		t.Errorf("result of the bad item %+v", rep.Results[1])
	}
	sent := n.sent()
	if len(sent) != 2 || !strings.Contains(sent[0].Payload, `{"i":0}`) || !sent[1].To.Everyone {
		t.Errorf("delivered %+v", sent)
	}
	b := ok(json.Marshal(rep.Results[1]))(t)
	if string(b) != `{"error":{"code":400,"message":"message is missing","temporary":false}}` {
		t.Errorf("failed item is encoded as %s", b)
	}
}

func TestBatchBounds(t *testing.T) {
	s := service(t, newNode(), push.Options{})
	_, err := s.Batch(t.Context(), pusher, push.BatchRequest{})
	wantCode(t, err, 400, "items is empty")
	_, err = s.Batch(t.Context(), pusher, push.BatchRequest{Items: make([]push.BatchItem, push.MaxBatch+1)})
	wantCode(t, err, 413, "at most 1000")
}

func TestBatchStopsDeliveringWhenItsTimeIsOver(t *testing.T) {
	n := newNode()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	rep := ok(service(t, n, push.Options{}).Batch(ctx, pusher, push.BatchRequest{Items: []push.BatchItem{
		{Everyone: true, PushRequest: push.PushRequest{Message: message(`{}`)}},
	}}))(t)
	if e := rep.Results[0].Error; e == nil || e.Code != 503 || !e.Temporary || len(n.sent()) != 0 {
		t.Errorf("result %+v", rep.Results[0])
	}
}

func TestInternalErrorsStayInTheLog(t *testing.T) {
	var log bytes.Buffer
	n := newNode()
	n.Instead = func(context.Context, delivery.Target) (delivery.Receipt, error) {
		return delivery.Receipt{}, errors.New("secret detail")
	}
	s := service(t, n, push.Options{Log: logged(&log)})
	rep := ok(s.Batch(t.Context(), pusher, push.BatchRequest{Items: []push.BatchItem{
		{Everyone: true, PushRequest: push.PushRequest{Message: message(`{}`)}},
	}}))(t)
	if e := rep.Results[0].Error; e == nil || e.Code != 500 || strings.Contains(e.Message, "secret") {
		t.Errorf("result %+v", rep.Results[0])
	}
	if !strings.Contains(log.String(), "secret detail") {
		t.Errorf("the log doesn't have the cause: %s", &log)
	}
}

func TestScopes(t *testing.T) {
	n := newNode()
	n.set("alice", "web")
	ok(n.groups.Set("g", nil))(t)
	var log bytes.Buffer
	s, g := service(t, n, push.Options{Log: logged(&log)}), n.groupAdmin(logged(&log))
	ctx := t.Context()
	for name, c := range map[string]struct {
		scope account.Scope
		call  func(account.Identity) error
	}{
		"push": {account.ScopePush, func(id account.Identity) error {
			_, err := s.Push(ctx, id, push.PushRequest{Users: []string{"alice"}, Message: message(`{}`)})
			return err
		}},
		"broadcast": {account.ScopePush, func(id account.Identity) error {
			_, err := s.Broadcast(ctx, id, push.BroadcastRequest{Message: message(`{}`)})
			return err
		}},
		"batch": {account.ScopePush, func(id account.Identity) error {
			_, err := s.Batch(ctx, id, push.BatchRequest{Items: make([]push.BatchItem, 1)})
			return err
		}},
		"online": {account.ScopeRead, func(id account.Identity) error { _, err := s.Online(ctx, id, push.OnlineRequest{}); return err }},
		"onlineusers": {account.ScopeRead, func(id account.Identity) error {
			_, err := s.OnlineUsers(ctx, id, push.OnlineUsersRequest{})
			return err
		}},
		"sessions": {account.ScopeRead, func(id account.Identity) error {
			_, err := s.UserSessions(ctx, id, push.UserSessionsRequest{User: "alice"})
			return err
		}},
		"check": {account.ScopeRead, func(id account.Identity) error {
			_, err := s.CheckUsers(ctx, id, push.CheckUsersRequest{Users: []string{"alice"}})
			return err
		}},
		"kick": {account.ScopeAdmin, func(id account.Identity) error {
			_, err := s.Kick(ctx, id, push.KickRequest{User: "bob"}) // alice stays for the other cases
			return err
		}},
		"set group":  {account.ScopeAdmin, func(id account.Identity) error { _, err := g.SetGroup(ctx, id, "g", []string{}); return err }},
		"group":      {account.ScopeAdmin, func(id account.Identity) error { _, err := g.GroupUsers(ctx, id, "g"); return err }},
		"add online": {account.ScopeAdmin, func(id account.Identity) error { _, err := g.AddOnline(ctx, id, "x"); return err }},
		"delete group": {account.ScopeAdmin, func(id account.Identity) error {
			err := g.DeleteGroup(ctx, id, "x")
			if e := codec.AsError(err); e != nil && e.Code == 404 {
				return nil
			}
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, id := range []account.Identity{pusher, reader, admin, alice} {
				allowed := id.Allow(c.scope) == nil
				log.Reset()
				err := c.call(id)
				if allowed != (err == nil) {
					t.Errorf("%s%s: error %v, want allowed %v", id.Key, id.User, err, allowed)
				}
				if !allowed {
					wantCode(t, err, 403, "")
					if !strings.Contains(log.String(), "msg=refused") {
						t.Errorf("no trace in the log: %s", &log)
					}
				}
			}
		})
	}
}
