package gateway_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"pushd/internal/gateway"
	engine "pushd/internal/node"
	"pushd/internal/poller"
	"pushd/internal/push"
	"pushd/internal/router"
)

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
		Options: gateway.Options{Workers: 1, WorkerQueue: 1}, node: engine.Options{Poller: poller.Options{Loops: 1}},
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
