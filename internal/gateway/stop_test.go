package gateway_test

import (
	"context"
	"strings"
	"testing"

	"pushd/internal/account"
	"pushd/internal/gateway"
	engine "pushd/internal/node"
	"pushd/internal/poller"
	"pushd/internal/push"
	"pushd/internal/router"
	"pushd/internal/testwait"
)

// blocking is a module whose actions block until release is closed: Stubborn on a
// worker, without a look at its context, and Loop on the event loop.
func blocking() (m gateway.Module, entered chan struct{}, release chan struct{}) {
	entered, release = make(chan struct{}, 10), make(chan struct{})
	block := func(context.Context, *gateway.Session, struct{}) (struct{}, error) {
		entered <- struct{}{}
		<-release
		return struct{}{}, nil
	}
	return func(tb *gateway.Table, _ *push.Service) {
		tb.Register("test", gateway.Handlers{"Stubborn": router.Typed(block), "Loop": router.Typed(block).Inline()})
	}, entered, release
}

func cancelled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// A handler that ignores its context is not waited for when the server stops, and
// nothing is begun after it.
func TestStoppingOverTime(t *testing.T) {
	module, entered, release := blocking()
	n := start(t, setup{modules: []gateway.Module{module}})
	slow, other := n.login("slow", "web"), n.login("other", "web")
	slow.send(`{"Module":"test","Action":"Stubborn"}`)
	<-entered
	if err := n.StopWorkers(cancelled()); err == nil || !strings.Contains(err.Error(), "under way") {
		t.Errorf("stopped with %v while a request was under way", err)
	}
	other.refused(503, "test", "Stubborn", "")
	close(release)
	if f := slow.next(); *f.Code != 0 {
		t.Errorf("what was under way is answered %+v", f)
	}
}

// A login that was admitted and whose worker is given up, before the session's loop
// gets to it, ends for whoever admitted it, once, and is not entered any more.
func TestAdmissionIsWithdrawn(t *testing.T) {
	module, entered, release := blocking()
	admitting, admit := make(chan struct{}), make(chan struct{})
	l := &lifecycle{entering: func(id account.Identity) error {
		if id.User == "late" {
			close(admitting)
			<-admit
		}
		return nil
	}}
	n := start(t, setup{
		lifecycle: l, modules: []gateway.Module{module},
		Options: gateway.Options{Workers: 2}, node: engine.Options{Poller: poller.Options{Loops: 1}},
	})
	holder, late := n.login("holder", "web"), n.dial()
	late.send(`{"Module":"robot","Action":"Login","Data":{"UserId":"late","PlatId":"web"}}`)
	<-admitting
	holder.send(`{"Module":"test","Action":"Loop"}`)
	<-entered
	if err := n.StopWorkers(cancelled()); err == nil {
		t.Error("a login was under way")
	}
	close(admit)
	testwait.Equal(t, "how admissions ended", "late refused", func() string { return strings.Join(l.left(), ", ") })
	close(release)
	if f := late.next(); *f.Code == 0 {
		t.Errorf("the login is answered %+v", f)
	}
	if c := n.counts(); c.Sessions != 1 {
		t.Errorf("%d sessions, want the holder's alone", c.Sessions)
	}
	if got := l.left(); len(got) != 1 {
		t.Errorf("ended: %q", got)
	}
}
