package gateway_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/gobwas/ws"

	"pushd/internal/gateway"
)

// One client goes over its rate: it is told how long to wait, and hung up on
// when it goes on. Another sees nothing of it.
func TestMessageRate(t *testing.T) {
	n := start(t, setup{Options: gateway.Options{MessageRate: 20, MessageBurst: 40}})
	calm, wild := n.login("calm", "web"), n.login("wild", "web")
	var batch strings.Builder
	for i := range 45 {
		fmt.Fprintf(&batch, "%d ", i)
		wild.send(fmt.Sprintf(`{"Module":"robot","Action":"HeartBeat","Seq":%d}`, i))
	}
	refused := 0
	for i := range 45 {
		f := wild.next()
		if f.Seq == nil || int(*f.Seq) != i || f.Action != "HeartBeat" {
			t.Fatalf("reply %d is %+v", i, f)
		}
		if *f.Code == 429 {
			refused++
			if !f.Temporary || !strings.Contains(f.Msg, "20 a second") {
				t.Errorf("%+v", f)
			}
		}
	}
	if refused == 0 || refused > 10 {
		t.Errorf("%d of 46 refused", refused)
	}
	calm.ok("robot", "Ping", "")
	for range 60 {
		wild.send(`nonsense counts too`)
	}
	waits := 0
	for {
		op, b := wild.read()
		if op == ws.OpClose {
			if code, _ := ws.ParseCloseFrameData(b); code != 4103 {
				t.Errorf("closed with %d", code)
			}
			break
		}
		var f struct {
			Module, Action   string
			Code, RetryAfter int
		}
		if err := json.Unmarshal(b, &f); err != nil {
			t.Fatal(err)
		}
		if f.Code == 429 && f.RetryAfter >= 250 && f.Module == "robot" && f.Action == "Error" {
			waits++
		}
	}
	if waits == 0 {
		t.Error("never told how long to wait")
	}
	calm.ok("robot", "Ping", "")
	calm.ok("topic", "Subscribe", `{"topic":"x"}`)
}

// A client that was cut off for its rate may take its session up again.
func TestRateLimitedSessionResumes(t *testing.T) {
	n := start(t, setup{Options: gateway.Options{MessageRate: 1, MessageBurst: 3}})
	c := n.dial()
	session := c.ok("robot", "Login", `{"UserId":"ann","PlatId":"web"}`)["session"].(string)
	c.ok("topic", "Subscribe", `{"topic":"news"}`)
	for range 10 {
		c.send(`{"Module":"robot","Action":"Ping"}`)
	}
	c.closed(4103)
	if got := n.dial().ok("robot", "Login", `{"UserId":"ann","PlatId":"web","Resume":"`+session+`"}`); got["resumed"] != true {
		t.Errorf("%v", got)
	}
}
