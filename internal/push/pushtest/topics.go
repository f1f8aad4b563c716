package pushtest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pushd/internal/codec"
	"pushd/internal/delivery/delivertest"
	"pushd/internal/push"
)

// Bounds that the fixture of Topics has.
const (
	// TopicHistory is how many messages are remembered of topics that RemembersTopic.
	TopicHistory = 10
	// SessionTopics is how many topics a session may be in.
	SessionTopics = 20
)

// RemembersTopic tells which topics of the fixture have a history and a roster.
func RemembersTopic(topic string) bool { return strings.HasPrefix(topic, "r.") }

// TopicsFixture is an implementation where nobody is online yet, with a way to have
// clients.
type TopicsFixture struct {
	push.Topics
	// Login has a client come, on a platform named by its name.
	Login func(t testing.TB, user, platform string) delivertest.Client
	// Overload makes Publish meet a bound until release is called.
	Overload func(t testing.TB) (release func())
}

// Topics runs the contract of topics on what open makes.
func Topics(t *testing.T, open func(t *testing.T) TopicsFixture) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, TopicsFixture)
	}{
		{"membership", testMembership},
		{"sessions that are gone", testGone},
		{"a bound on topics", testTopicBound},
		{"publishing", testPublish},
		{"publishing when busy", testPublishBusy},
		{"publishing from many sides keeps the order", testPublishOrder},
		{"joining", testJoin},
		{"joining while messages come", testJoinMeanwhile},
		{"history", testHistory},
		{"pages of a roster", testRoster},
		{"changes of rosters", testTopicChanges},
		{"pages of topics", testListTopics},
		{"users of a topic", testTopicUsers},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
	}
}

func subscribe(t *testing.T, f TopicsFixture, topic string, clients ...delivertest.Client) {
	t.Helper()
	for _, c := range clients {
		if err := f.Subscribe(t.Context(), c.Session(), topic); err != nil {
			t.Fatal(err)
		}
	}
}

func unsubscribe(t *testing.T, f TopicsFixture, topic string, c delivertest.Client) {
	t.Helper()
	if err := f.Unsubscribe(t.Context(), c.Session(), topic); err != nil {
		t.Fatal(err)
	}
}

// stamp is a message to a topic that says something.
func stamp(topic, text string) codec.Stamp {
	return codec.Stamp(`{"Module":"test","Action":"Says","Data":{"says":"` + text + `"},"Topic":"` + topic + `","Offset":`)
}

func says(payload string) string {
	_, text, _ := strings.Cut(payload, `"says":"`)
	text, _, _ = strings.Cut(text, `"`)
	return text
}

// told is what a client got, in its order.
func told(t *testing.T, c delivertest.Client) (texts []string) {
	t.Helper()
	for _, p := range c.Got(t) {
		texts = append(texts, says(p))
	}
	return texts
}

func framesSay(frames []codec.Frame) (texts []string) {
	for _, f := range frames {
		texts = append(texts, says(string(f.Payload())))
	}
	return texts
}

// publish has messages follow, each of which says its number.
func publish(t *testing.T, f TopicsFixture, topic string, from, to int) (last push.Position) {
	t.Helper()
	for i := from; i <= to; i++ {
		_, at, err := f.Publish(t.Context(), topic, "", stamp(topic, fmt.Sprint(i)))
		if err != nil {
			t.Fatal(err)
		}
		if at.Offset != uint64(i) || at.Epoch == "" || last.Epoch != "" && at.Epoch != last.Epoch {
			t.Errorf("message %d has the place %+v after %+v", i, at, last)
		}
		last = at
	}
	return last
}

func wantSubscribers(t *testing.T, f TopicsFixture, topic string, want int) {
	t.Helper()
	if n := must(f.Subscribers(t.Context(), topic))(t); n != want {
		t.Errorf("%d subscribers of %s, want %d", n, topic, want)
	}
}

func testMembership(t *testing.T, f TopicsFixture) {
	web, ios, bob := f.Login(t, "ann", "web"), f.Login(t, "ann", "ios"), f.Login(t, "bob", "web")
	wantSubscribers(t, f, "news", 0)
	subscribe(t, f, "news", web, ios, bob, web)
	subscribe(t, f, "sport", bob)
	wantSubscribers(t, f, "news", 3)
	wantSubscribers(t, f, "sport", 1)
	unsubscribe(t, f, "news", ios)
	unsubscribe(t, f, "news", ios)
	unsubscribe(t, f, "sport", web)
	wantSubscribers(t, f, "news", 2)
	bob.Leave(t)
	wantSubscribers(t, f, "news", 1)
	wantSubscribers(t, f, "sport", 0)
}

func testGone(t *testing.T, f TopicsFixture) {
	ann := f.Login(t, "ann", "web")
	subscribe(t, f, "news", ann)
	ann.Leave(t)
	wantCode(t, "subscribe", f.Subscribe(t.Context(), ann.Session(), "news"), codec.CodeNotFound)
	wantCode(t, "unsubscribe", f.Unsubscribe(t.Context(), ann.Session(), "news"), codec.CodeNotFound)
	for _, topic := range []string{"news", "r.room"} {
		_, err := f.Join(t.Context(), ann.Session(), topic, nil, 1000)
		wantCode(t, "join "+topic, err, codec.CodeNotFound)
		wantSubscribers(t, f, topic, 0)
	}
}

func testTopicBound(t *testing.T, f TopicsFixture) {
	ann, bob := f.Login(t, "ann", "web"), f.Login(t, "bob", "web")
	for i := range SessionTopics {
		subscribe(t, f, fmt.Sprint("topic", i), ann)
	}
	subscribe(t, f, "topic0", ann)
	wantCode(t, "subscribe", f.Subscribe(t.Context(), ann.Session(), "news"), codec.CodeTooMany)
	_, err := f.Join(t.Context(), ann.Session(), "r.room", nil, 1000)
	wantCode(t, "join", err, codec.CodeTooMany)
	subscribe(t, f, "news", bob)
	unsubscribe(t, f, "topic0", ann)
	subscribe(t, f, "news", ann)
	wantSubscribers(t, f, "news", 2)
	wantSubscribers(t, f, "r.room", 0)
}

func testRoster(t *testing.T, f TopicsFixture) {
	var want []push.OnlineUser
	for i := range 7 {
		user := fmt.Sprint("user", i)
		want = append(want, push.OnlineUser{User: user, Platforms: []string{"web"}})
		subscribe(t, f, "r.room", f.Login(t, user, "web"))
	}
	ios := f.Login(t, "user0", "ios")
	subscribe(t, f, "r.room", ios)
	f.Login(t, "user1", "ios") // isn't in the topic
	f.Login(t, "elsewhere", "web")
	want[0].Platforms = []string{"web", "ios"}
	for _, limit := range []int{1, 3, 7, 8} {
		users := allPages(t, limit, func(cursor string) ([]push.OnlineUser, string, error) {
			page, err := f.Roster(t.Context(), "r.room", limit, cursor)
			if page.Count != 7 || page.Subscribers != 8 {
				t.Errorf("%d users and %d subscribers, want 7 and 8", page.Count, page.Subscribers)
			}
			return page.Users, page.Next, err
		})
		wantUsers(t, fmt.Sprintf("pages of %d", limit), users, want)
	}
	_, err := f.Roster(t.Context(), "r.room", 10, "not a cursor!")
	wantCode(t, "cursor", err, codec.CodeMalformed)
	ios.Leave(t)
	if page := must(f.Roster(t.Context(), "r.room", 10, ""))(t); page.Count != 7 || page.Subscribers != 7 {
		t.Errorf("when a session has left: %+v", page)
	}
	for _, topic := range []string{"r.empty", "news"} {
		if page := must(f.Roster(t.Context(), topic, 10, ""))(t); page.Count != 0 || len(page.Users) > 0 || page.Next != "" {
			t.Errorf("topic %s: %+v", topic, page)
		}
	}
}

func testTopicChanges(t *testing.T, f TopicsFixture) {
	wantChanges := func(want ...push.TopicChange) {
		t.Helper()
		if got := f.TopicChanges(); fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
			t.Errorf("changes %+v, want %+v", got, want)
		}
	}
	wantChanges()
	bob, ann, cyd := f.Login(t, "bob", "web"), f.Login(t, "ann", "web"), f.Login(t, "cyd", "web")
	ios := f.Login(t, "ann", "ios")
	wantChanges()
	subscribe(t, f, "r.room", bob, ann)
	subscribe(t, f, "news", bob, ann) // whose users nobody asked to be known
	wantChanges(push.TopicChange{Topic: "r.room", Joined: []string{"ann", "bob"}, Users: 2, Subscribers: 2})
	wantChanges()
	subscribe(t, f, "r.room", ios, cyd) // a user who is in already, and one who goes again
	unsubscribe(t, f, "r.room", cyd)
	wantChanges()
	bob.Leave(t)
	subscribe(t, f, "r.room", cyd)
	wantChanges(push.TopicChange{Topic: "r.room", Joined: []string{"cyd"}, Left: []string{"bob"}, Users: 2, Subscribers: 3})
	unsubscribe(t, f, "r.room", ios)
	wantChanges()
	for _, c := range []delivertest.Client{ann, cyd} {
		unsubscribe(t, f, "r.room", c)
	}
	wantChanges() // nobody is there who could be told
}

func testListTopics(t *testing.T, f TopicsFixture) {
	list := func(limit int) []push.TopicCount {
		t.Helper()
		return allPages(t, limit, func(cursor string) ([]push.TopicCount, string, error) {
			return f.ListTopics(t.Context(), limit, cursor)
		})
	}
	if all := list(10); len(all) > 0 {
		t.Errorf("nobody is in a topic: %+v", all)
	}
	ann, bob := f.Login(t, "ann", "web"), f.Login(t, "bob", "web")
	var want []push.TopicCount
	for _, topic := range []string{"a", "b", "c", "r.d", "e e"} {
		subscribe(t, f, topic, ann)
		want = append(want, push.TopicCount{Topic: topic, Subscribers: 1})
	}
	subscribe(t, f, "b", bob)
	want[1].Subscribers = 2
	subscribe(t, f, "$presence:ann", bob) // the server's own
	subscribe(t, f, "left", bob)
	unsubscribe(t, f, "left", bob)
	for _, limit := range []int{1, 2, 5, 6} {
		all := list(limit)
		slices.SortFunc(all, func(a, b push.TopicCount) int { return strings.Compare(a.Topic, b.Topic) })
		slices.SortFunc(want, func(a, b push.TopicCount) int { return strings.Compare(a.Topic, b.Topic) })
		if !slices.Equal(all, want) {
			t.Errorf("pages of %d: %+v, want %+v", limit, all, want)
		}
	}
}

func testTopicUsers(t *testing.T, f TopicsFixture) {
	bob, ios, web := f.Login(t, "bob", "web"), f.Login(t, "ann", "ios"), f.Login(t, "ann", "web")
	f.Login(t, "bob", "ios") // isn't in the topic
	subscribe(t, f, "news", bob, ios, web)
	want := []push.OnlineUser{{User: "ann", Platforms: []string{"web", "ios"}}, {User: "bob", Platforms: []string{"web"}}}
	if got := must(f.TopicUsers(t.Context(), "news"))(t); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("users %+v, want %+v", got, want)
	}
	if none := must(f.TopicUsers(t.Context(), "none"))(t); len(none) > 0 {
		t.Errorf("users of no topic: %+v", none)
	}
}
