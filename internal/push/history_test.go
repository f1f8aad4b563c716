package push_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"

	"pushd/internal/account"
	"pushd/internal/push"
)

func text(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestPushGivesAPlaceInTopicsWithAHistory(t *testing.T) {
	n := newNode()
	n.set("bob", "web")
	s := service(t, n, push.Options{})
	ok(s.Subscribe(t.Context(), alice, push.SubscribeRequest{Topic: "r.1"}))(t)
	rep := ok(s.Push(t.Context(), pusher, push.PushRequest{
		Users: []string{"bob"}, Topics: []string{"news", "r.1", "r.2", "r.1"}, Message: message(`{"n":1}`),
	}))(t)
	if rep.Sessions != 2 || text(t, rep.Topics) != `[{"topic":"r.1","offset":1,"epoch":"e1"},{"topic":"r.2","offset":1,"epoch":"e1"}]` {
		t.Errorf("%+v", rep)
	}
	sent := n.sent()
	if len(sent) != 3 || fmt.Sprint(sent[0].To.Topics, sent[1].To.Topics, sent[2].To.Topics) != "[news] [r.1] [r.2]" {
		t.Fatalf("%+v", sent)
	}
	const want = `{"Module":"push","Action":"Message","Data":{"n":1},"Topic":"r.1","Offset":1,"Epoch":"e1"}`
	if sent[0].Payload != `{"Module":"push","Action":"Message","Data":{"n":1}}` || sent[1].Payload != want {
		t.Errorf("%+v", sent)
	}
	rep = ok(s.Push(t.Context(), pusher, push.PushRequest{Topics: []string{"r.1"}, Message: message(`{"n":2}`)}))(t)
	if sent := n.sent(); len(sent) != 1 || rep.Topics[0].Offset != 2 {
		t.Errorf("%+v %+v", rep, sent)
	}
	// For some platforms only: no place, so that the others find no gap.
	rep = ok(s.Push(t.Context(), pusher, push.PushRequest{
		Topics: []string{"r.1"}, Platforms: []account.PlatID{"web"}, Message: message(`{"n":3}`),
	}))(t)
	if sent := n.sent(); len(sent) != 1 || strings.Contains(sent[0].Payload, "Offset") || rep.Topics != nil {
		t.Errorf("%+v %+v", rep, sent)
	}
	_, err := s.Push(t.Context(), pusher, push.PushRequest{Topics: []string{"r.busy", "r.1"}, Message: message(`{"n":4}`)})
	wantCode(t, err, 503, "busy")
	if sent := n.sent(); len(sent) != 2 {
		t.Errorf("%+v", sent)
	}
}

func TestPublishAndRecover(t *testing.T) {
	n := newNode()
	now := time.UnixMilli(1793000000000)
	s := service(t, n, push.Options{ClientPublish: func(string) bool { return true }, Clock: clockwork.NewFakeClockAt(now)})
	for i := range 3 {
		rep := ok(s.Publish(t.Context(), alice, push.PublishRequest{Topic: "r.1", Data: message(`{}`), ExceptSelf: i == 1}))(t)
		if rep.Offset != uint64(i+1) || rep.Epoch != "e1" {
			t.Errorf("%+v", rep)
		}
	}
	sent := n.sent()
	const want = `{"Module":"topic","Action":"Message","Data":{"topic":"r.1","from":"alice","data":{},"time":1793000000000},"Topic":"r.1","Offset":%d,"Epoch":"e1"}`
	if sent[0].Payload != fmt.Sprintf(want, 1) || sent[0].To.Except != "" || sent[1].To.Except != alice.Session {
		t.Errorf("%+v", sent)
	}
	_, err := s.Publish(t.Context(), alice, push.PublishRequest{Topic: "r.busy", Data: message(`{}`)})
	wantCode(t, err, 503, "busy")
	for name, tc := range map[string]struct {
		r    push.SubscribeRequest
		want string
	}{
		"recovered":  {push.SubscribeRequest{Topic: "r.1", Recover: &push.Position{Offset: 2, Epoch: "e1"}}, `{"topic":"r.1","offset":3,"epoch":"e1","recovered":true,"messages":[` + fmt.Sprintf(want, 3) + `]}`},
		"can't be":   {push.SubscribeRequest{Topic: "r.1", Recover: &push.Position{Offset: 2, Epoch: "e0"}}, `{"topic":"r.1","offset":3,"epoch":"e1","recovered":false,"messages":[]}`},
		"not asked":  {push.SubscribeRequest{Topic: "r.1"}, `{"topic":"r.1","offset":3,"epoch":"e1","recovered":false,"messages":[]}`},
		"no history": {push.SubscribeRequest{Topic: "news"}, `{"topic":"news","offset":0,"epoch":"","recovered":false,"messages":[]}`},
	} {
		if got := text(t, ok(s.Subscribe(t.Context(), alice, tc.r))(t)); got != tc.want {
			t.Errorf("%s: %s\nwant %s", name, got, tc.want)
		}
	}
}

func TestHistory(t *testing.T) {
	n := newNode()
	s := service(t, n, push.Options{ClientPublish: func(string) bool { return true }})
	for range 300 {
		ok(s.Publish(t.Context(), alice, push.PublishRequest{Topic: "r.1", Data: message(`{}`)}))(t)
	}
	after := uint64(10)
	for name, tc := range map[string]struct {
		id    account.Identity
		r     push.HistoryRequest
		n     int
		first string // of the page
		more  bool
	}{
		"newest":         {alice, push.HistoryRequest{Topic: "r.1"}, 50, `"Offset":251,`, false},
		"after":          {alice, push.HistoryRequest{Topic: "r.1", After: &after, Limit: 3}, 3, `"Offset":11,`, true},
		"limit too high": {reader, push.HistoryRequest{Topic: "r.1", After: &after, Limit: 1000}, 200, `"Offset":11,`, true},
		"limit too low":  {admin, push.HistoryRequest{Topic: "r.1", Limit: -1}, 1, `"Offset":300,`, false},
		"nothing yet":    {alice, push.HistoryRequest{Topic: "r.2"}, 0, "", false},
	} {
		rep := ok(s.History(t.Context(), tc.id, tc.r))(t)
		if len(rep.Messages) != tc.n || rep.More != tc.more || rep.Messages == nil ||
			tc.n > 0 && !strings.Contains(string(rep.Messages[0]), tc.first) {
			t.Errorf("%s: %d messages, more %v", name, len(rep.Messages), rep.More)
		}
	}
	for name, tc := range map[string]struct {
		id    account.Identity
		topic string
		code  int
		says  string
	}{
		"no history":  {alice, "news", 404, "topics.history"},
		"no scope":    {pusher, "r.1", 403, "scope"},
		"nobody":      {account.Identity{}, "r.1", 403, "session"},
		"not a topic": {alice, "$r", 400, "$"},
	} {
		_, err := s.History(t.Context(), tc.id, push.HistoryRequest{Topic: tc.topic})
		t.Run(name, func(t *testing.T) { wantCode(t, err, tc.code, tc.says) })
	}
}

func TestTopicPresence(t *testing.T) {
	n := newNode()
	s := service(t, n, push.Options{TopicPresence: func(topic string) bool { return topic == "room" }})
	n.enter(t, "room", "u000/ios")
	for i := range 210 {
		n.enter(t, "room", fmt.Sprintf("u%03d/web", i))
	}
	rep := ok(s.TopicPresence(t.Context(), alice, push.RosterRequest{Topic: "room", Limit: 500}))(t)
	if len(rep.Users) != 200 || rep.Count != 210 || rep.Subscribers != 211 || rep.NextCursor == "" {
		t.Errorf("%+v", rep)
	}
	rep = ok(s.TopicPresence(t.Context(), alice, push.RosterRequest{Topic: "room", Limit: 500, Cursor: rep.NextCursor}))(t)
	if len(rep.Users) != 10 || rep.Count != 210 || rep.NextCursor != "" {
		t.Errorf("the last page: %+v", rep)
	}
	ask := func(s *push.Service, id account.Identity, topic, cursor string) error {
		_, err := s.TopicPresence(t.Context(), id, push.RosterRequest{Topic: topic, Cursor: cursor})
		return err
	}
	wantCode(t, ask(s, alice, "other", ""), 403, "topics.presence")
	wantCode(t, ask(service(t, newNode(), push.Options{}), alice, "room", ""), 403, "topics.presence")
	wantCode(t, ask(s, admin, "room", ""), 403, "session")
	wantCode(t, ask(s, alice, "room", "bad"), 400, "cursor")
	wantCode(t, ask(s, alice, "", ""), 400, "1 to 128")
}

func TestTopicsForBackends(t *testing.T) {
	n := newNode()
	s := service(t, n, push.Options{})
	for i := range 60 {
		n.enter(t, fmt.Sprintf("t%02d", i), alice.Session)
	}
	list := func(limit int, cursor string) push.TopicsReply {
		t.Helper()
		return ok(s.ListTopics(t.Context(), reader, push.TopicsRequest{Limit: limit, Cursor: cursor}))(t)
	}
	first := list(0, "")
	rest := list(1000, first.NextCursor)
	if len(first.Topics) != 50 || len(rest.Topics) != 10 || rest.Topics[0].Topic != "t50" || rest.NextCursor != "" {
		t.Errorf("%+v, then %+v", first, rest)
	}
	n.enter(t, "news", "dee/web", "ann/web", "cyd/web", "bob/web")
	if got := text(t, ok(s.TopicInfo(t.Context(), reader, push.TopicInfoRequest{Topic: "news"}))(t)); got != `{"topic":"news","subscribers":4,"offset":0,"epoch":"","first":1}` {
		t.Error(got)
	}
	ok(s.Push(t.Context(), pusher, push.PushRequest{Topics: []string{"r.1"}, Message: message(`{}`)}))(t)
	if got := text(t, ok(s.TopicInfo(t.Context(), reader, push.TopicInfoRequest{Topic: "r.1"}))(t)); got != `{"topic":"r.1","subscribers":0,"offset":1,"epoch":"e1","first":1}` {
		t.Error(got)
	}
	var users []string
	for cursor, more := "", true; more; more = cursor != "" {
		rep := ok(s.TopicUsers(t.Context(), reader, push.RosterRequest{Topic: "news", Limit: 3, Cursor: cursor}))(t)
		for _, u := range rep.Users {
			users = append(users, u.User)
		}
		cursor = rep.NextCursor
	}
	if fmt.Sprint(users) != "[ann bob cyd dee]" {
		t.Errorf("users %v", users)
	}
	mayList := func(id account.Identity, cursor string) error {
		_, err := s.ListTopics(t.Context(), id, push.TopicsRequest{Cursor: cursor})
		return err
	}
	info := func(id account.Identity, topic string) error {
		_, err := s.TopicInfo(t.Context(), id, push.TopicInfoRequest{Topic: topic})
		return err
	}
	who := func(id account.Identity, topic, cursor string) error {
		_, err := s.TopicUsers(t.Context(), id, push.RosterRequest{Topic: topic, Cursor: cursor})
		return err
	}
	wantCode(t, mayList(pusher, ""), 403, "scope")
	wantCode(t, mayList(reader, "$x"), 400, "cursor")
	wantCode(t, info(alice, "news"), 403, "scope")
	wantCode(t, info(reader, "$presence"), 400, "$")
	wantCode(t, info(reader, "nobody"), 404, "nobody is in topic")
	wantCode(t, info(reader, "r.2"), 404, "nobody is in topic")
	wantCode(t, who(pusher, "news", ""), 403, "scope")
	wantCode(t, who(reader, "", ""), 400, "1 to 128")
	wantCode(t, who(reader, "news", "a b"), 400, "cursor")
	wantCode(t, who(reader, "busy", ""), 503, "busy")
}
