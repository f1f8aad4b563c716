package gateway_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws/wsutil"

	"pushd/internal/codec"
	"pushd/internal/hub"
	engine "pushd/internal/node"
	"pushd/internal/poller/pollertest"
	"pushd/internal/push"
	"pushd/internal/testwait"
)

// rooms is a setup whose topics that begin with "r" have a history of 1,000
// messages, and whose users see each other there.
func rooms() setup {
	in := func(topic string) bool { return strings.HasPrefix(topic, "r") }
	return setup{
		node: engine.Options{Hub: hub.Options{
			History: func(topic string) (h hub.History) {
				if in(topic) {
					h.Size = 1000
				}
				return h
			},
			Roster: in,
		}},
		push: push.Options{ClientPublish: func(string) bool { return true }, TopicPresence: in, MaxRecover: 1 << 20},
	}
}

// placed is a push with a place in a topic.
type placed struct {
	Module, Action, Topic, Epoch string
	Offset                       uint64
	Code                         *int
	Data                         struct {
		N         int
		Data      struct{ N int }
		Messages  []placed
		Offset    uint64
		Epoch     string
		Recovered bool
		Session   string
		Resumed   bool
	}
}

func (c *client) placed() (p placed) {
	c.t.Helper()
	_, b := c.read()
	if err := json.Unmarshal(b, &p); err != nil {
		c.t.Fatalf("%q: %v", b, err)
	}
	return p
}

func TestTopicRecovery(t *testing.T) {
	n := start(t, rooms())
	a := n.dial()
	session := a.ok("robot", "Login", `{"UserId":"ann","PlatId":"web"}`)["session"].(string)
	at := a.ok("topic", "Subscribe", `{"topic":"r1"}`)
	if at["offset"] != 0.0 || at["epoch"] == "" || at["recovered"] != false || fmt.Sprint(at["messages"]) != "[]" {
		t.Errorf("%v", at)
	}
	b := n.login("bob", "web")
	first := b.ok("topic", "Publish", `{"topic":"r1","data":{"N":1}}`)
	if first["offset"] != 1.0 || first["epoch"] != at["epoch"] || first["sessions"] != 1.0 {
		t.Errorf("%v", first)
	}
	if p := a.placed(); p.Module != "topic" || p.Topic != "r1" || p.Offset != 1 || p.Epoch != at["epoch"] || p.Data.Data.N != 1 {
		t.Errorf("%+v", p)
	}
	a.Close() // breaks, and the session is parked
	testwait.Equal(t, "the number of subscribers", 0, func() int { return n.subscribers("r1") })
	for i := 2; i <= 3; i++ {
		rep, err := n.push.Push(t.Context(), backend, push.PushRequest{Topics: []string{"r1"}, Message: fmt.Appendf(nil, `{"N":%d}`, i)})
		if err != nil || rep.Topics[0].Offset != uint64(i) {
			t.Fatalf("%+v, %v", rep, err)
		}
	}
	a = n.dial()
	if got := a.ok("robot", "Login", `{"UserId":"ann","PlatId":"web","Resume":"`+session+`"}`); got["resumed"] != true {
		t.Errorf("%v", got)
	}
	b.ok("topic", "Publish", `{"topic":"r1","data":{"N":4}}`)
	if p := a.placed(); p.Offset != 4 {
		t.Errorf("the topic that was resumed: %+v", p)
	}
	a.send(`{"Module":"topic","Action":"Subscribe","Data":{"topic":"r1","recover":{"offset":1,"epoch":"` + at["epoch"].(string) + `"}}}`)
	p := a.placed()
	if !p.Data.Recovered || p.Data.Offset != 4 || len(p.Data.Messages) != 3 {
		t.Fatalf("%+v", p)
	}
	if m := p.Data.Messages; m[0].Module != "push" || m[0].Data.N != 2 || m[0].Offset != 2 || m[2].Module != "topic" || m[2].Data.Data.N != 4 || m[2].Topic != "r1" {
		t.Errorf("%+v", m)
	}
	for name, since := range map[string]string{
		"another life": `{"offset":1,"epoch":"0000000000000001"}`,
		"no epoch":     `{"offset":1,"epoch":""}`,
		"ahead":        `{"offset":5,"epoch":"` + at["epoch"].(string) + `"}`,
	} {
		if got := a.ok("topic", "Subscribe", `{"topic":"r1","recover":`+since+`}`); got["recovered"] != false || fmt.Sprint(got["messages"]) != "[]" || got["offset"] != 4.0 {
			t.Errorf("%s: %v", name, got)
		}
	}
	// One that leaves the epoch out is not as the protocol is described, and understood.
	if err := wsutil.WriteClientText(a.Conn, []byte(`{"Module":"topic","Action":"Subscribe","Data":{"topic":"r1","recover":{"offset":1}}}`)); err != nil {
		t.Fatal(err)
	}
	if f := a.next(); *f.Code != 0 || f.Data["recovered"] != false {
		t.Errorf("%+v", f)
	}
	a.refused(400, "topic", "Subscribe", `{"topic":"r1","recover":{"offset":-1}}`)
	page := a.ok("topic", "History", `{"topic":"r1","after":1,"limit":2}`)
	if page["first"] != 1.0 || page["more"] != true || len(page["messages"].([]any)) != 2 {
		t.Errorf("%v", page)
	}
	a.refused(404, "topic", "History", `{"topic":"news"}`)
}

// Clients leave and come back, with Resume and without, while others publish
// over the socket and over the API. Each takes every offset exactly once.
func TestTopicRecoveryUnderLoad(t *testing.T) {
	const publishers, messages, followers = 4, 150, 3
	n := start(t, rooms())
	var all sync.WaitGroup
	for i := range publishers {
		c := n.login(fmt.Sprint("pub", i), "web")
		all.Go(func() {
			for k := range messages {
				if i%2 == 0 {
					c.ok("topic", "Publish", `{"topic":"r1","data":{}}`)
				} else if _, err := n.push.Push(t.Context(), backend, push.PushRequest{Topics: []string{"r1"}, Message: []byte(`{}`)}); err != nil {
					t.Error(err)
				}
				if k%10 == 9 {
					time.Sleep(time.Millisecond)
				}
			}
		})
	}
	for i := range followers {
		all.Go(func() {
			var last uint64
			epoch, session := "", ""
			rounds := 0
			for last < publishers*messages {
				c := n.dial()
				rounds++
				login := `{"UserId":"sub` + fmt.Sprint(i) + `","PlatId":"web"}`
				if session != "" && rounds%2 == 0 {
					login = strings.TrimSuffix(login, "}") + `,"Resume":"` + session + `"}`
				}
				session = c.ok("robot", "Login", login)["session"].(string)
				since := ""
				if epoch != "" {
					since = fmt.Sprintf(`,"recover":{"offset":%d,"epoch":"%s"}`, last, epoch)
				}
				c.send(`{"Module":"topic","Action":"Subscribe","Data":{"topic":"r1"` + since + `}}`)
				subscribed := false
				for taken := 0; taken < 20 && last < publishers*messages; taken++ {
					p := c.placed()
					switch {
					case p.Action == "Presence": // a digest, after a second
					case p.Code != nil && p.Action == "Subscribe":
						if subscribed = true; epoch == "" {
							last, epoch = p.Data.Offset, p.Data.Epoch
						} else if !p.Data.Recovered {
							t.Error("not recovered")
						}
						for _, m := range p.Data.Messages {
							// What a resumed session got before it asked is there again, and the
							// offset says so; nothing else may be.
							if m.Offset <= last && rounds%2 == 0 {
								continue
							}
							if m.Offset != last+1 {
								t.Errorf("recovered %d after %d", m.Offset, last)
							}
							last = m.Offset
						}
					case !subscribed: // a resumed session's, before it has recovered
						if rounds%2 != 0 {
							t.Errorf("%+v before the subscription", p)
						}
						if p.Offset == last+1 {
							last = p.Offset
						}
					case p.Offset != last+1:
						t.Errorf("pushed %d after %d", p.Offset, last)
						last = p.Offset
					default:
						last = p.Offset
					}
				}
				c.Close()
			}
		})
	}
	all.Wait()
}

func TestTopicPresence(t *testing.T) {
	clock := pollertest.NewClock()
	o := rooms()
	o.clock = clock
	n := start(t, o)
	a := n.login("ann", "web")
	a.ok("topic", "Subscribe", `{"topic":"r1"}`)
	clock.Pass(t, time.Second)
	if got := a.pushed("topic", "Presence"); got["topic"] != "r1" || fmt.Sprint(got["joined"], got["left"], got["count"]) != "[ann] [] 1" {
		t.Errorf("%v", got)
	}
	phone, b := n.login("ann", "ios"), n.login("bob", "web")
	phone.ok("topic", "Subscribe", `{"topic":"r1"}`)
	b.ok("topic", "Subscribe", `{"topic":"r1"}`)
	clock.Pass(t, time.Second)
	if got := a.pushed("topic", "Presence"); fmt.Sprint(got["joined"], got["left"], got["count"]) != "[bob] [] 2" {
		t.Errorf("a second session is not another user: %v", got)
	}
	who := a.ok("topic", "Presence", `{"topic":"r1"}`)
	if who["count"] != 2.0 || who["subscribers"] != 3.0 || len(who["users"].([]any)) != 2 || !strings.Contains(fmt.Sprint(who["users"]), "map[platforms:[web ios] user:ann]") {
		t.Errorf("%v", who)
	}
	b.Close()
	testwait.Equal(t, "the number of subscribers", 2, func() int { return n.subscribers("r1") })
	clock.Pass(t, time.Second)
	if got := a.pushed("topic", "Presence"); fmt.Sprint(got["joined"], got["left"], got["count"]) != "[] [bob] 1" {
		t.Errorf("%v", got)
	}
	a.refused(403, "topic", "Presence", `{"topic":"news"}`)
	a.refused(400, "topic", "Presence", `{"topic":"r1","cursor":"x"}`)

	users, err := n.push.TopicUsers(t.Context(), backend, push.RosterRequest{Topic: "r1"})
	if err != nil || fmt.Sprint(users.Users) != "[{ann [web ios]}]" {
		t.Errorf("%+v, %v", users, err)
	}
	topics, err := n.push.ListTopics(t.Context(), backend, push.TopicsRequest{})
	if err != nil || fmt.Sprint(topics.Topics) != "[{r1 2}]" {
		t.Errorf("%+v, %v", topics, err)
	}
}

func TestTopicsPerUser(t *testing.T) {
	n := start(t, setup{node: engine.Options{Hub: hub.Options{MaxTopicsPerUser: 2}}})
	a, b := n.login("ann", "web"), n.login("ann", "ios")
	a.ok("topic", "Subscribe", `{"topic":"1"}`)
	b.ok("topic", "Subscribe", `{"topic":"2"}`)
	if msg := b.refused(429, "topic", "Subscribe", `{"topic":"3"}`); !strings.Contains(msg, "this user") {
		t.Error(msg)
	}
	n.login("bob", "web").ok("topic", "Subscribe", `{"topic":"3"}`)
}

func TestPublishRefusesAnUnknownSession(t *testing.T) {
	n := start(t, rooms())
	stamp, err := codec.NewRawPushType("push", "Message", "").Remembered().With(json.RawMessage(`{}`)).Stamp("r1")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := n.engine.Publish(t.Context(), "r1", "nonsense", stamp); codec.AsError(err).Code != 400 {
		t.Errorf("%v", err)
	}
	if _, err := n.engine.Join(t.Context(), "0000000000000001", "r1", nil, 1); codec.AsError(err).Code != 404 {
		t.Errorf("%v", err)
	}
}

// Everybody is told who comes and goes, without asking, also who comes.
func TestPresenceAnnounce(t *testing.T) {
	clock := pollertest.NewClock()
	n := start(t, setup{clock: clock, push: push.Options{PresenceAnnounce: true}})
	a := n.login("ann", "web")
	clock.Pass(t, time.Second)
	if got := a.pushed("presence", "Online"); got["count"] != 1.0 || fmt.Sprint(got["users"]) != "[map[platforms:[web] user:ann]]" {
		t.Errorf("%v", got)
	}
	b := n.login("bob", "ios")
	clock.Pass(t, time.Second)
	a.pushed("presence", "Online")
	b.ok("robot", "Logout", "")
	clock.Pass(t, time.Second)
	if got := a.pushed("presence", "Offline"); got["count"] != 1.0 || fmt.Sprint(got["users"]) != "[map[platforms:[ios] user:bob]]" {
		t.Errorf("%v", got)
	}
}
