package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"pushd/internal/gateway"
	"pushd/internal/hub"
	"pushd/internal/poller"
	"pushd/internal/push"
	"pushd/internal/router"
)

func TestLogin(t *testing.T) {
	n := start(t, setup{Options: gateway.Options{Node: "n1", Heartbeat: 42 * time.Second}})
	c := n.dial()
	c.send(`{"Module":"robot","Action":"Login","Seq":7,"Data":{"PlatId":"1","UserId":"abc123456","AppId":"shop","DeviceId":"d-1"}}`)
	f := c.next()
	if f.Module != "robot" || f.Action != "Login" || f.Seq == nil || *f.Seq != 7 || f.Code == nil || *f.Code != 0 {
		t.Fatalf("%+v", f)
	}
	for key, want := range map[string]any{"user": "abc123456", "platform": "web", "heartbeat": 42.0, "server": "n1", "resumed": false, "unread": 0.0} {
		if f.Data[key] != want {
			t.Errorf("%s is %v, want %v", key, f.Data[key], want)
		}
	}
	sessions, err := n.UserSessions(context.Background(), "abc123456")
	if err != nil || len(sessions) != 1 {
		t.Fatal(sessions, err)
	}
	s := sessions[0]
	if s.Session != f.Data["session"] || s.Platform != "web" || s.App != "shop" || s.Device != "d-1" || s.Node != "n1" ||
		s.Address != c.LocalAddr().String() || s.MessagesIn != 1 || s.MessagesOut != 1 || s.BytesIn == 0 || s.BytesOut == 0 ||
		time.Since(time.UnixMilli(s.Since)) > time.Minute || time.Since(time.UnixMilli(s.LastSeen)) > time.Minute {
		t.Errorf("%+v", s)
	}
	if data := c.ok("robot", "Ping", ""); data["time"].(float64) < 1e12 {
		t.Error(data)
	}
	if data := c.ok("robot", "HeartBeat", ""); data != nil {
		t.Error(data)
	}
	if data := c.ok("robot", "Logout", ""); data != nil {
		t.Error(data)
	}
	c.refused(401, "robot", "HeartBeat", "")
	c.ok("robot", "Login", `{"UserId":"other","PlatId":2}`)
	if counts := n.Counts(); counts.Connections != 1 || counts.Sessions != 1 || counts.Users != 1 || counts.Platforms["android"] != 1 {
		t.Errorf("%+v", counts)
	}
}

func TestLoginRefused(t *testing.T) {
	n := start(t, setup{})
	c := n.dial()
	for data, want := range map[string]string{
		`{"PlatId":"1"}`:                                             "user",
		`{"UserId":"","PlatId":"1"}`:                                 "user",
		`{"UserId":"a b","PlatId":"1"}`:                              "user",
		`{"UserId":"$all","PlatId":"1"}`:                             "user",
		`{"UserId":"` + strings.Repeat("x", 129) + `","PlatId":"1"}`: "user",
		`{"UserId":"a"}`:                                             "platform",
		`{"UserId":"a","PlatId":"99"}`:                               "platform",
		`{"UserId":"a","PlatId":"toaster"}`:                          "platform",
		`{"UserId":5,"PlatId":"1"}`:                                  "UserId",
		`{"UserId":"a","PlatId":"1","DeviceId":"` + strings.Repeat("x", 129) + `"}`: "DeviceId",
	} {
		if msg := c.refused(400, "robot", "Login", data); !strings.Contains(msg, want) {
			t.Errorf("%s: %q does not name %q", data, msg, want)
		}
	}
	c.ok("robot", "Login", `{"UserId":"a","PlatId":"tv"}`)
	c.ok("robot", "Login", `{"UserId":"a","PlatId":7}`) // again as the same: fine
	c.refused(409, "robot", "Login", `{"UserId":"b","PlatId":"tv"}`)
	c.refused(409, "robot", "Login", `{"UserId":"a","PlatId":"web"}`)
}

func TestBeforeLoginAndUnknownActions(t *testing.T) {
	n := start(t, setup{})
	c := n.dial()
	c.ok("robot", "Ping", "")
	for _, r := range n.Routes() {
		module, action, _ := strings.Cut(r, ".")
		if r == "robot.Ping" || r == "robot.Login" {
			continue
		}
		c.refused(401, module, action, "")
	}
	for _, r := range [][2]string{{"weather", "Now"}, {"robot", "login"}, {"Robot", "Login"}} {
		if msg := c.refused(404, r[0], r[1], ""); !strings.Contains(msg, r[0]) && !strings.Contains(msg, r[1]) {
			t.Errorf("%v: %q names neither", r, msg)
		}
	}
}

func TestMalformedFrames(t *testing.T) {
	n := start(t, setup{})
	c := n.login("alice", "web")
	bad := []string{
		``, `{`, `[]`, `"x"`, `null`, `{}`, `{"Module":"robot"}`, `{"Module":"robot","Action":""}`, `{"Module":1,"Action":"Ping"}`,
		`{"Module":"robot","Action":"Ping"} x`, `{"Module":"robot","Action":"Ping"}{}`,
		`{"Module":"robot","Action":"Ping","Seq":-1}`, `{"Module":"robot","Action":"Ping","Seq":4294967296}`, `{"Module":"robot","Action":"Ping","Seq":1.5}`,
		`{"Module":"robot","Action":"Ping","Data":` + strings.Repeat(`{"a":`, 200) + `1` + strings.Repeat(`}`, 200) + `}`,
		`{"Module":"robot","Action":"Ping","Data":{"a":"\ud800"}}`,
		`{"Module":"robot","Action":"Ping","Data":{"a":"\u0000"}}`,
		`{"Module":"robot","Action":"Ping","Data":{"a":1e999}}`,
		`{"Module":"robot","Action":"Ping","Data":[]}`,
	}
	for _, b := range bad {
		c.send(b)
		f := c.next()
		if f.Module != "robot" || f.Action != "Error" || f.Code == nil || *f.Code != 400 || f.Msg == "" {
			t.Errorf("%.80s: %+v", b, f)
		}
	}
	// A good one begins the count anew; then 20 in a row end it.
	c.ok("robot", "Ping", "")
	for range 20 {
		c.send("no")
	}
	c.closed(4006)
	// Duplicate keys and unknown ones are accepted, by the rules of codec.
	d := n.dial()
	d.send(`{"Module":"x","Module":"robot","Action":"Ping","Extra":{"deep":[1]}}`)
	if f := d.next(); f.Action != "Ping" || *f.Code != 0 {
		t.Errorf("%+v", f)
	}
}

func TestTimeouts(t *testing.T) {
	n := start(t, setup{Options: gateway.Options{Heartbeat: time.Second, LoginTimeout: time.Second}})
	silent, quiet, again := n.dial(), n.login("quiet", "web"), n.login("again", "web")
	busy := n.login("busy", "web")
	again.ok("robot", "Logout", "")
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(200 * time.Millisecond):
				_ = wsutil.WriteClientText(busy.Conn, []byte(`{"Module":"robot","Action":"HeartBeat"}`))
			}
		}
	})
	silent.closed(4005)
	quiet.closed(4102)
	again.closed(4005)
	time.Sleep(1200 * time.Millisecond)
	close(stop)
	wg.Wait()
	busy.send(`{"Module":"robot","Action":"Ping"}`)
	for busy.next().Action != "Ping" {
	}
}

func TestNativePingKeepsAlive(t *testing.T) {
	n := start(t, setup{Options: gateway.Options{Heartbeat: 2 * time.Second, Ping: 500 * time.Millisecond}})
	c := n.login("alice", "web")
	for range 6 {
		if op, _ := c.read(); op != ws.OpPing {
			t.Fatal(op)
		}
		if err := wsutil.WriteClientMessage(c.Conn, ws.OpPong, nil); err != nil {
			t.Fatal(err)
		}
	}
	c.ok("robot", "Ping", "")
}

func TestMultiLogin(t *testing.T) {
	t.Run("replace", func(t *testing.T) {
		n := start(t, setup{})
		web, phone := n.login("alice", "web"), n.login("alice", "ios")
		second := n.login("alice", "web")
		if reason := web.closed(4003); reason == "" {
			t.Error("no reason")
		}
		second.ok("robot", "Ping", "")
		phone.ok("robot", "Ping", "")
	})
	t.Run("refuse", func(t *testing.T) {
		n := start(t, setup{Options: gateway.Options{Hub: hub.Options{Policy: hub.PolicyRefuse}}})
		first := n.login("alice", "web")
		c := n.dial()
		c.refused(409, "robot", "Login", `{"UserId":"alice","PlatId":"web"}`)
		first.ok("robot", "Logout", "")
		c.ok("robot", "Login", `{"UserId":"alice","PlatId":"web"}`)
	})
	t.Run("allow", func(t *testing.T) {
		n := start(t, setup{Options: gateway.Options{Hub: hub.Options{Policy: hub.PolicyAllow, MaxPerPlatform: 2}}})
		n.login("alice", "web")
		n.login("alice", "web")
		n.dial().refused(409, "robot", "Login", `{"UserId":"alice","PlatId":"web"}`)
	})
}

// TestHundredLoginsAtOnce leaves exactly one survivor, and tells each loser.
func TestHundredLoginsAtOnce(t *testing.T) {
	n := start(t, setup{})
	const clients = 100
	conns := make([]*client, clients)
	for i := range conns {
		conns[i] = n.dial()
	}
	begin := make(chan struct{})
	codes := make(chan int, clients)
	var wg sync.WaitGroup
	for _, c := range conns {
		wg.Go(func() {
			<-begin
			_ = wsutil.WriteClientText(c.Conn, []byte(`{"Module":"robot","Action":"Login","Data":{"UserId":"alice","PlatId":"web"}}`))
			for {
				f, err := readFrame(c.r)
				if err != nil {
					codes <- 0 // the survivor, when the test closes it
					return
				}
				if f.Header.OpCode == ws.OpClose {
					code, _ := ws.ParseCloseFrameData(f.Payload)
					codes <- int(code)
					return
				}
			}
		})
	}
	close(begin)
	for range clients - 1 {
		if code := <-codes; code != 4003 {
			t.Errorf("closed with %d", code)
		}
	}
	if c := n.Counts(); c.Sessions != 1 || c.Users != 1 {
		t.Errorf("%+v", c)
	}
	if sessions, _ := n.UserSessions(context.Background(), "alice"); len(sessions) != 1 {
		t.Error(sessions)
	}
	for _, c := range conns {
		c.Close()
	}
	wg.Wait()
	eventually(t, "all gone", func() bool { return n.Counts().Connections == 0 })
}

func TestPushAndKick(t *testing.T) {
	n := start(t, setup{})
	web, ios, bob := n.login("alice", "web"), n.login("alice", "ios"), n.login("bob", "web")
	ctx := context.Background()
	r, err := n.push.Push(ctx, backend, push.PushRequest{Users: []string{"alice", "carol"}, Message: push.Message(`{"n":9007199254740993}`)})
	if err != nil || r.Sessions != 2 || r.Users != 1 || !slices.Equal(r.Offline, []string{"carol"}) || r.ID == "" {
		t.Fatalf("%+v %v", r, err)
	}
	for _, c := range []*client{web, ios} {
		if _, b := c.read(); string(b) != `{"Module":"push","Action":"Message","Data":{"n":9007199254740993}}` {
			t.Errorf("%s", b)
		}
	}
	if r, err := n.push.Broadcast(ctx, backend, push.BroadcastRequest{Message: push.Message(`{"all":true}`)}); err != nil || r.Sessions != 3 {
		t.Fatalf("%+v %v", r, err)
	}
	for _, c := range []*client{web, ios, bob} {
		if c.pushed("push", "Message")["all"] != true {
			t.Error("no broadcast")
		}
	}
	if closed, err := n.Kick(ctx, "alice", "ios", "", "that's enough"); err != nil || closed != 1 {
		t.Fatal(closed, err)
	}
	if reason := ios.closed(4004); reason != "that's enough" {
		t.Error(reason)
	}
	web.ok("robot", "Ping", "")
	sessions, _ := n.UserSessions(ctx, "bob")
	if closed, err := n.Kick(ctx, "", "", sessions[0].Session, ""); err != nil || closed != 1 {
		t.Fatal(closed, err)
	}
	bob.closed(4004)
	if closed, err := n.Kick(ctx, "nobody", "", "", ""); err != nil || closed != 0 {
		t.Fatal(closed, err)
	}
}

func TestTopics(t *testing.T) {
	n := start(t, setup{push: push.Options{ClientPublish: []string{"open."}}})
	a, b := n.login("alice", "web"), n.login("bob", "web")
	for _, c := range []*client{a, b} {
		c.ok("topic", "Subscribe", `{"topic":"open.news"}`)
		c.ok("topic", "Subscribe", `{"topic":"closed"}`)
	}
	a.ok("topic", "Publish", `{"topic":"open.news","data":{"x":1}}`)
	got := b.pushed("topic", "Message")
	if got["topic"] != "open.news" || got["from"] != "alice" || got["data"].(map[string]any)["x"] != 1.0 {
		t.Error(got)
	}
	b.refused(403, "topic", "Publish", `{"topic":"closed","data":{}}`)
	b.refused(400, "topic", "Subscribe", `{"topic":"$presence"}`)
	b.ok("topic", "Unsubscribe", `{"topic":"closed"}`)
	r, err := n.push.Push(context.Background(), backend, push.PushRequest{Topics: []string{"closed"}, Message: push.Message(`{"to":"closed"}`)})
	if err != nil || r.Sessions != 1 {
		t.Fatalf("%+v %v", r, err)
	}
	for a.next().Module != "push" { // its own publish may come first
	}
}

func TestPresence(t *testing.T) {
	n := start(t, setup{})
	a := n.login("alice", "web")
	b := n.login("bob", "ios")
	online := a.ok("presence", "Online", `{"users":["alice","bob","carol"]}`)["online"].([]any)
	if len(online) != 2 {
		t.Error(online)
	}
	a.ok("presence", "Subscribe", `{"users":["bob"]}`)
	b.Close()
	if d := a.pushed("presence", "Offline"); d["users"].([]any)[0].(map[string]any)["user"] != "bob" {
		t.Error(d)
	}
	n.login("bob", "ios")
	if d := a.pushed("presence", "Online"); d["users"].([]any)[0].(map[string]any)["user"] != "bob" {
		t.Error(d)
	}
	a.refused(403, "presence", "Subscribe", `{}`)
}

func TestTokenMode(t *testing.T) {
	n := start(t, setup{verifier: verifier(t)})
	good := token(t, "alice", time.Hour)
	c := n.dial()
	c.refused(401, "robot", "Login", `{"UserId":"alice","PlatId":"1"}`)
	c.refused(401, "robot", "Login", `{"UserId":"alice","PlatId":"1","Token":"`+good+`x"}`)
	c.refused(403, "robot", "Login", `{"UserId":"bob","PlatId":"1","Token":"`+good+`"}`)
	c.ok("robot", "Login", `{"UserId":"alice","PlatId":"1","Token":"`+good+`"}`)
	// Requests behind a login in the same burst are answered in order.
	d := n.dial()
	d.send(`{"Module":"robot","Action":"Login","Seq":1,"Data":{"UserId":"alice","PlatId":"2","Token":"` + good + `"}}`)
	d.send(`{"Module":"robot","Action":"HeartBeat","Seq":2}`)
	for seq := uint32(1); seq <= 2; seq++ {
		if f := d.next(); f.Seq == nil || *f.Seq != seq || *f.Code != 0 {
			t.Fatalf("%+v", f)
		}
	}
	// Guessing ends.
	e := n.dial()
	for range 5 {
		e.send(`{"Module":"robot","Action":"Login","Data":{"UserId":"alice","PlatId":"1","Token":"a.b.c"}}`)
	}
	e.closed(4001)
}

func TestHandshakeToken(t *testing.T) {
	n := start(t, setup{verifier: verifier(t)})
	good := token(t, "alice", time.Hour)
	for _, header := range [][]string{
		{"Authorization", "Bearer " + good},
		{"Sec-WebSocket-Protocol", "pushd.v1, pushd.token." + good},
	} {
		c := n.dial(header...)
		if f := c.next(); f.Module != "robot" || f.Action != "Login" || *f.Code != 0 || f.Data["user"] != "alice" || f.Data["platform"] != "web" {
			t.Errorf("%+v", f)
		}
		c.ok("robot", "HeartBeat", "")
	}
	c, err := n.tryDial("?platform=ios", "Authorization", "Bearer "+good)
	if err != nil {
		t.Fatal(err)
	}
	if f := c.next(); f.Data["platform"] != "ios" {
		t.Errorf("%+v", f)
	}
	n.dial("Authorization", "Bearer x"+good).closed(4001)
	signer := token(t, "alice", time.Second)
	time.Sleep(2100 * time.Millisecond)
	n.dial("Authorization", "Bearer "+signer).closed(4002)
}

func TestTokenRunsOutAndIsRenewed(t *testing.T) {
	n := start(t, setup{verifier: verifier(t)})
	login := func(c *client, tok string) {
		c.ok("robot", "Login", `{"UserId":"alice","PlatId":"1","Token":"`+tok+`"}`)
	}
	c := n.dial()
	login(c, token(t, "alice", 2*time.Second))
	login(c, token(t, "alice", time.Hour))
	time.Sleep(2500 * time.Millisecond)
	c.ok("robot", "HeartBeat", "")
	login(c, token(t, "alice", time.Second))
	c.closed(4002)
}

func TestResume(t *testing.T) {
	n := start(t, setup{})
	subscribers := func() int { return n.Subscribers("news") }
	t.Run("after the connection was lost", func(t *testing.T) {
		c := n.dial()
		id := c.ok("robot", "Login", `{"UserId":"alice","PlatId":"1"}`)["session"].(string)
		c.ok("topic", "Subscribe", `{"topic":"news"}`)
		c.Close()
		eventually(t, "gone", func() bool { return subscribers() == 0 })
		d := n.dial()
		if d.ok("robot", "Login", `{"UserId":"alice","PlatId":"1","Resume":"`+id+`"}`)["resumed"] != true {
			t.Error("not resumed")
		}
		if subscribers() != 1 {
			t.Error("subscription is not back")
		}
		d.ok("robot", "Logout", "")
	})
	t.Run("while the server still thinks it is there", func(t *testing.T) {
		c := n.dial()
		id := c.ok("robot", "Login", `{"UserId":"alice","PlatId":"1"}`)["session"].(string)
		c.ok("topic", "Subscribe", `{"topic":"news"}`)
		d := n.dial()
		if d.ok("robot", "Login", `{"UserId":"alice","PlatId":"1","Resume":"`+id+`"}`)["resumed"] != true {
			t.Error("not resumed")
		}
		c.closed(4003)
		if subscribers() != 1 {
			t.Error("subscription is not back")
		}
		d.ok("robot", "Logout", "")
	})
	t.Run("not by somebody else, not twice, not after Logout", func(t *testing.T) {
		c := n.dial()
		id := c.ok("robot", "Login", `{"UserId":"alice","PlatId":"1"}`)["session"].(string)
		c.ok("topic", "Subscribe", `{"topic":"news"}`)
		d := n.dial()
		if d.ok("robot", "Login", `{"UserId":"mallory","PlatId":"1","Resume":"`+id+`"}`)["resumed"] != false {
			t.Error("resumed another's session")
		}
		c.ok("robot", "Ping", "")
		c.ok("robot", "Logout", "")
		if c.ok("robot", "Login", `{"UserId":"alice","PlatId":"1","Resume":"`+id+`"}`)["resumed"] != false {
			t.Error("resumed after Logout")
		}
		c.ok("robot", "Login", `{"UserId":"alice","PlatId":"1","Resume":"rubbish"}`)
	})
}

func TestPanicInAHandler(t *testing.T) {
	boom := func(context.Context, *gateway.Session, struct{}) (struct{}, error) { panic("boom") }
	n := start(t, setup{modules: []gateway.Module{func(tb *gateway.Table, _ *push.Service) {
		tb.Register("test", gateway.Handlers{"Inline": router.Typed(boom).Inline(), "Worker": router.Typed(boom)})
	}}})
	bystander := n.login("bystander", "web")
	for _, action := range []string{"Inline", "Worker"} {
		c := n.login("alice", "web")
		c.send(`{"Module":"test","Action":"` + action + `"}`)
		c.closed(1011)
		bystander.ok("robot", "Ping", "")
	}
}

func TestInternalErrorsStayInside(t *testing.T) {
	fail := func(context.Context, *gateway.Session, struct{}) (struct{}, error) {
		return struct{}{}, errors.New("password of the database")
	}
	n := start(t, setup{modules: []gateway.Module{func(tb *gateway.Table, _ *push.Service) {
		tb.Register("test", gateway.Handlers{"Fail": router.Typed(fail)})
	}}})
	if msg := n.login("alice", "web").refused(500, "test", "Fail", ""); strings.Contains(msg, "password") {
		t.Error(msg)
	}
}

// TestWorkersBusy fills the pool: the next request is told so, and those that
// wait are answered.
func TestWorkersBusy(t *testing.T) {
	release, entered := make(chan struct{}), make(chan struct{}, 10)
	block := func(ctx context.Context, _ *gateway.Session, _ struct{}) (struct{}, error) {
		entered <- struct{}{}
		select {
		case <-release:
		case <-ctx.Done():
		}
		return struct{}{}, ctx.Err()
	}
	n := start(t, setup{
		Options: gateway.Options{Workers: 1, WorkerQueue: 1, Poller: poller.Options{Loops: 1}},
		modules: []gateway.Module{func(tb *gateway.Table, _ *push.Service) {
			tb.Register("test", gateway.Handlers{"Block": router.Typed(block)})
		}},
	})
	a, b, c := n.login("a", "web"), n.login("b", "web"), n.login("c", "web")
	a.send(`{"Module":"test","Action":"Block"}`)
	<-entered
	b.send(`{"Module":"test","Action":"Block"}`)
	c.ok("robot", "Ping", "") // one loop: it has seen b's request by now
	c.send(`{"Module":"test","Action":"Block"}`)
	if f := c.next(); *f.Code != 503 || !f.Temporary {
		t.Errorf("%+v", f)
	}
	close(release)
	for _, c := range []*client{a, b} {
		if f := c.next(); *f.Code != 0 {
			t.Errorf("%+v", f)
		}
	}
}

func TestDrain(t *testing.T) {
	n := start(t, setup{})
	var conns []*client
	for i := range 20 {
		conns = append(conns, n.login(fmt.Sprint("u", i), "web"))
	}
	var wg sync.WaitGroup
	for _, c := range conns {
		wg.Go(func() {
			if reason := c.closed(1012); !strings.Contains(reason, "reconnect_after_ms") {
				t.Error(reason)
			}
			c.Close()
		})
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	done := make(chan error)
	n.down = true
	go func() { done <- n.Gateway.Shutdown(ctx, 300*time.Millisecond) }()
	wg.Wait()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestMergeWindow publishes 400 messages in small bursts to a topic with a
// window: every subscriber gets each once and in order, in a fraction of the
// writes.
func TestMergeWindow(t *testing.T) {
	n := start(t, setup{Options: gateway.Options{Hub: hub.Options{MergeWindow: func(string) time.Duration { return 10 * time.Millisecond }}}})
	const clients, messages = 40, 400
	var wg sync.WaitGroup
	for i := range clients {
		c := n.login(fmt.Sprint("u", i), "web")
		c.ok("topic", "Subscribe", `{"topic":"t"}`)
		wg.Go(func() {
			for want := range messages {
				if got := c.pushed("push", "Message")["n"]; got != float64(want) {
					t.Errorf("message %v, want %d", got, want)
					return
				}
			}
		})
	}
	writes := func() (w uint64) { return n.metrics.Loop(0).Writes.Load() + n.metrics.Loop(1).Writes.Load() }
	before := writes()
	for i := range messages {
		if _, err := n.push.Push(context.Background(), backend, push.PushRequest{Topics: []string{"t"}, Message: push.Message(fmt.Sprintf(`{"n":%d}`, i))}); err != nil {
			t.Fatal(err)
		}
		if i%20 == 19 {
			time.Sleep(time.Millisecond)
		}
	}
	wg.Wait()
	if w := writes() - before; w > clients*messages/4 {
		t.Errorf("%d writes for %d deliveries", w, clients*messages)
	}
}
