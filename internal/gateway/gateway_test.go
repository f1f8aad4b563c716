package gateway_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"pushd/internal/gateway"
	"pushd/internal/poller/pollertest"
	"pushd/internal/testwait"
)

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
		`{"Module":"robot","Action":"Ping","Data":` + strings.Repeat(`{"a":`, 200) + `1` + strings.Repeat(`}`, 200) + `}`,
		`{"Module":"robot","Action":"Ping","Data":{"a":"\ud800"}}`,
		`{"Module":"robot","Action":"Ping","Data":{"a":"\u0000"}}`,
		`{"Module":"robot","Action":"Ping","Data":{"a":1e999}}`,
	}
	for _, b := range bad {
		c.send(b)
		f := c.next()
		if f.Module != "robot" || f.Action != "Error" || f.Code == nil || *f.Code != 400 || f.Msg == "" {
			t.Errorf("%.80s: %+v", b, f)
		}
	}
	for _, b := range []string{
		`{"Module":"robot","Action":"Ping","Seq":-1}`, `{"Seq":4294967296,"Module":"robot","Action":"Ping"}`,
		`{"Module":"robot","Action":"Ping","Seq":1.5}`, `{"Module":"robot","Action":"Ping","Data":[]}`,
	} {
		c.send(b)
		if f := c.next(); f.Module != "robot" || f.Action != "Ping" || f.Code == nil || *f.Code != 400 {
			t.Errorf("%s: %+v", b, f)
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
	clock := pollertest.NewClock()
	n := start(t, setup{clock: clock, Options: gateway.Options{Heartbeat: time.Minute, LoginTimeout: 10 * time.Second}})
	silent, quiet, again := n.dial(), n.login("quiet", "web"), n.login("again", "web")
	busy := n.login("busy", "web")
	again.ok("robot", "Logout", "")
	clock.Pass(t, 10*time.Second-pollertest.Tick)
	silent.ok("robot", "Ping", "") // which is no login
	again.ok("robot", "Ping", "")
	clock.Pass(t, pollertest.Tick)
	silent.closed(4005)
	again.closed(4005)
	busy.ok("robot", "HeartBeat", "")
	clock.Pass(t, 50*time.Second-pollertest.Tick)
	if c := n.counts(); c.Connections != 2 {
		t.Errorf("%d connections of 2 before the heartbeat's time is over", c.Connections)
	}
	clock.Pass(t, pollertest.Tick)
	quiet.closed(4102)
	busy.ok("robot", "HeartBeat", "")
	clock.Pass(t, time.Minute-pollertest.Tick)
	busy.ok("robot", "Ping", "")
}

func TestNativePingKeepsAlive(t *testing.T) {
	clock := pollertest.NewClock()
	n := start(t, setup{clock: clock, Options: gateway.Options{Heartbeat: time.Minute, Ping: 15 * time.Second}})
	c := n.login("alice", "web")
	read := func() uint64 { return n.metrics.Loop(0).Reads.Load() + n.metrics.Loop(1).Reads.Load() }
	for range 6 {
		clock.Pass(t, 15*time.Second)
		if op, _ := c.read(); op != ws.OpPing {
			t.Fatal(op)
		}
		before := read()
		if err := wsutil.WriteClientMessage(c.Conn, ws.OpPong, nil); err != nil {
			t.Fatal(err)
		}
		testwait.Until(t, "the pong to be read", read, func(reads uint64) bool { return reads > before })
	}
	c.ok("robot", "Ping", "")
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
	go func() { done <- n.stop(ctx, 300*time.Millisecond) }()
	wg.Wait()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestPingAllocatesNothing: of heartbeats and pings there are most.
func TestPingAllocatesNothing(t *testing.T) {
	n := start(t, setup{Options: gateway.Options{MessageRate: -1}})
	c := n.login("alice", "web")
	for _, action := range []string{"HeartBeat", "Ping"} {
		var request bytes.Buffer
		frame := ws.MaskFrame(ws.NewTextFrame([]byte(`{"Module":"robot","Action":"` + action + `"}`)))
		if err := ws.WriteFrame(&request, frame); err != nil {
			t.Fatal(err)
		}
		reply := make([]byte, 256)
		exchange := func() {
			if _, err := c.Write(request.Bytes()); err != nil {
				t.Fatal(err)
			}
			if n, err := c.Conn.Read(reply); err != nil || n < ws.MinHeaderSize {
				t.Fatal(n, err)
			}
		}
		exchange()
		if a := testing.AllocsPerRun(500, exchange); a != 0 {
			t.Errorf("%s: %v allocations", action, a)
		}
	}
}
