package gateway_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"pushd/internal/gateway"
	"pushd/internal/hub"
	engine "pushd/internal/node"
	"pushd/internal/poller/pollertest"
	"pushd/internal/push"
	"pushd/internal/testwait"
)

func TestLogin(t *testing.T) {
	n := start(t, setup{node: engine.Options{Name: "n1"}, Options: gateway.Options{Heartbeat: 42 * time.Second}})
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
	sessions, err := n.engine.UserSessions(context.Background(), "abc123456")
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
	if counts := n.counts(); counts.Connections != 1 || counts.Sessions != 1 || counts.Users != 1 || counts.Platforms["android"] != 1 {
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
		n := start(t, setup{node: engine.Options{Hub: hub.Options{Policy: hub.PolicyRefuse}}})
		first := n.login("alice", "web")
		c := n.dial()
		c.refused(409, "robot", "Login", `{"UserId":"alice","PlatId":"web"}`)
		first.ok("robot", "Logout", "")
		c.ok("robot", "Login", `{"UserId":"alice","PlatId":"web"}`)
	})
	t.Run("allow", func(t *testing.T) {
		n := start(t, setup{node: engine.Options{Hub: hub.Options{Policy: hub.PolicyAllow, MaxPerPlatform: 2}}})
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
	if c := n.counts(); c.Sessions != 1 || c.Users != 1 {
		t.Errorf("%+v", c)
	}
	if sessions, _ := n.engine.UserSessions(context.Background(), "alice"); len(sessions) != 1 {
		t.Error(sessions)
	}
	for _, c := range conns {
		c.Close()
	}
	wg.Wait()
	testwait.Equal(t, "the number of connections", 0, func() int { return n.counts().Connections })
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
	clock := pollertest.NewClock()
	n := start(t, setup{clock: clock, verifier: verifierBy(t, clock.Now)})
	good := tokenAt(t, "alice", time.Hour, clock.Now())
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
	// A login may follow to say the rest; it needs no token for the same user.
	d := n.dial("Authorization", "Bearer "+good)
	d.next()
	d.ok("robot", "Login", `{"UserId":"alice","PlatId":"1","DeviceId":"d-7"}`)
	if sessions, err := n.engine.UserSessions(context.Background(), "alice"); err != nil || !slices.ContainsFunc(sessions, func(i push.SessionInfo) bool { return i.Device == "d-7" }) {
		t.Errorf("%+v %v", sessions, err)
	}
	d.refused(401, "robot", "Login", `{"UserId":"bob","PlatId":"1"}`)
	n.dial("Authorization", "Bearer x"+good).closed(4001)
	short := tokenAt(t, "alice", time.Second, clock.Now())
	clock.Pass(t, 2*time.Second)
	n.dial("Authorization", "Bearer "+short).closed(4002)
}

func TestTokenRunsOutAndIsRenewed(t *testing.T) {
	clock := pollertest.NewClock()
	n := start(t, setup{clock: clock, verifier: verifierBy(t, clock.Now)})
	login := func(c *client, ttl time.Duration) {
		c.ok("robot", "Login", `{"UserId":"alice","PlatId":"1","Token":"`+tokenAt(t, "alice", ttl, clock.Now())+`"}`)
	}
	c := n.dial()
	login(c, 10*time.Second)
	login(c, time.Hour)
	clock.Pass(t, 12*time.Second)
	c.ok("robot", "HeartBeat", "")
	login(c, 200*365*24*time.Hour) // beyond 32 bits of seconds
	clock.Pass(t, time.Second)
	c.ok("robot", "HeartBeat", "")
	login(c, 10*time.Second)
	clock.Pass(t, 8*time.Second)
	c.ok("robot", "HeartBeat", "")
	clock.Pass(t, 2*time.Second)
	c.closed(4002)
}

func TestResume(t *testing.T) {
	n := start(t, setup{})
	subscribers := func() int { return n.subscribers("news") }
	t.Run("after the connection was lost", func(t *testing.T) {
		c := n.dial()
		id := c.ok("robot", "Login", `{"UserId":"alice","PlatId":"1"}`)["session"].(string)
		c.ok("topic", "Subscribe", `{"topic":"news"}`)
		c.Close()
		testwait.Equal(t, "the number of subscribers", 0, subscribers)
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
