package gateway_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"pushd/internal/account"
	"pushd/internal/codec"
	"pushd/internal/delivery"
	"pushd/internal/events"
	"pushd/internal/gateway"
	"pushd/internal/hub"
	engine "pushd/internal/node"
	"pushd/internal/poller/pollertest"
	"pushd/internal/testwait"
)

// TestSessionSize: a connection, its session and its place in the directory are
// one allocation of Go's size class of 320 bytes.
func TestSessionSize(t *testing.T) {
	if size := unsafe.Sizeof(gateway.Session{}); size > 320 {
		t.Errorf("%d bytes", size)
	}
}

// lifecycle notes what it is asked, and the events of sessions.
type lifecycle struct {
	entering func(account.Identity) error // nil admits everybody

	mu                             sync.Mutex
	entered, renewed, began, ended []string
	ids                            []account.Identity
}

func (l *lifecycle) listen(bus *events.Bus) {
	s := bus.Inline("lifecycle", events.Limit{})
	events.On(s, func(e account.SessionBegan) { l.note(&l.began, e.Identity.User+"/"+e.Identity.Session) })
	events.On(s, func(e account.SessionEnded) { l.end(e.Identity, e.Reason) })
}

func (l *lifecycle) Entering(_ context.Context, id account.Identity) (int, error) {
	if l.entering != nil {
		if err := l.entering(id); err != nil {
			return 0, err
		}
	}
	l.note(&l.entered, id.User+"/"+id.Session)
	return 3, nil
}

func (l *lifecycle) Renewing(_ context.Context, id account.Identity) (int, error) {
	l.note(&l.renewed, id.User)
	if id.Session == "" {
		l.note(&l.renewed, "without session")
	}
	return 4, nil
}

func (l *lifecycle) end(id account.Identity, reason string) {
	l.mu.Lock()
	l.ids = append(l.ids, id)
	l.mu.Unlock()
	l.note(&l.ended, id.User+" "+reason)
}

func (l *lifecycle) note(to *[]string, what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	*to = append(*to, what)
}

func (l *lifecycle) left() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.ended)
}

func (l *lifecycle) count(of *[]string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(*of)
}

// TestLifecycle ends sessions in every way there is: each login that was
// admitted is told of once.
func TestLifecycle(t *testing.T) {
	l, clock := &lifecycle{}, pollertest.NewClock()
	n := start(t, setup{lifecycle: l, clock: clock})
	c := n.dial()
	if data := c.ok("robot", "Login", `{"UserId":"out","PlatId":"web","DeviceId":"d-1"}`); data["unread"] != 3.0 {
		t.Error("unread at login:", data)
	}
	if data := c.ok("robot", "Login", `{"UserId":"out","PlatId":"web"}`); data["unread"] != 4.0 {
		t.Error("unread at the second:", data)
	}
	c.refused(409, "robot", "Login", `{"UserId":"in","PlatId":"web"}`)
	c.ok("robot", "Logout", "")
	c.refused(401, "robot", "Logout", "")
	c.ok("robot", "Login", `{"UserId":"gone","PlatId":"web"}`)
	_ = c.Close() // no Close frame
	n.login("second", "web")
	n.login("second", "web").ok("robot", "HeartBeat", "")
	kicked := n.login("bad", "web")
	if _, err := n.kick(delivery.Sessions{User: "bad"}, ""); err != nil {
		t.Fatal(err)
	}
	kicked.closed(4004)
	n.login("stays", "web")
	testwait.Until(t, "four sessions to end", l.left, func(left []string) bool { return len(left) == 4 })

	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	n.down = true
	stopped := make(chan struct{})
	var err error
	go func() {
		defer close(stopped)
		err = n.stop(ctx, 0)
	}()
	clock.PassUntil(stopped) // the clients don't answer the Close frames
	if err != nil {
		t.Fatal(err)
	}
	got := l.left()
	slices.Sort(got)
	want := []string{"bad kicked", "gone peer_gone", "out logout", "second replaced", "second restart", "stays restart"}
	if !slices.Equal(got, want) {
		t.Errorf("left:\n%q, want\n%q", got, want)
	}
	if n := l.count(&l.entered); n != len(want) {
		t.Errorf("%d entered, %d left", n, len(want))
	}
	if !slices.Equal(l.began, l.entered) {
		t.Errorf("began %q, entered %q", l.began, l.entered)
	}
	if !slices.Equal(l.renewed, []string{"out"}) {
		t.Errorf("renewed: %q", l.renewed)
	}
	first := l.ids[0]
	if first.User != "out" || first.Device != "d-1" || first.Session == "" || !first.Address.IsLoopback() {
		t.Errorf("%+v", first)
	}
}

func TestLifecycleRefuses(t *testing.T) {
	l := &lifecycle{entering: func(id account.Identity) error {
		if id.User == "evil" {
			return codec.Errorf(codec.CodeForbidden, "not you")
		}
		return nil
	}}
	n := start(t, setup{lifecycle: l, node: engine.Options{Hub: hub.Options{Policy: hub.PolicyRefuse}}})
	c := n.dial()
	if msg := c.refused(403, "robot", "Login", `{"UserId":"evil","PlatId":"web"}`); msg != "not you" {
		t.Error(msg)
	}
	c.refused(401, "robot", "HeartBeat", "")
	n.login("good", "web")
	// The directory refuses what the Lifecycle admitted.
	c.refused(409, "robot", "Login", `{"UserId":"good","PlatId":"web"}`)
	if got := l.left(); !slices.Equal(got, []string{"good refused"}) {
		t.Errorf("left: %q", got)
	}
	if n := l.count(&l.began); n != 2 {
		t.Errorf("%d began, want those of good alone", n)
	}
}

// TestLifecycleClientGivesUp: a user who leaves while the login is looked at never was
// in the directory, and that is told all the same.
func TestLifecycleClientGivesUp(t *testing.T) {
	asked, release := make(chan struct{}, 1), make(chan struct{})
	l := &lifecycle{entering: func(account.Identity) error {
		asked <- struct{}{}
		<-release
		return nil
	}}
	n := start(t, setup{lifecycle: l})
	c := n.dial()
	c.send(`{"Module":"robot","Action":"Login","Data":{"UserId":"alice","PlatId":"web"}}`)
	<-asked
	_ = c.Close()
	close(release)
	testwait.Until(t, "one session to end", l.left, func(left []string) bool { return len(left) == 1 })
	if got := l.left(); got[0] != "alice refused" {
		t.Errorf("left: %q", got)
	}
}

// TestLifecycleStorm: in a storm of logins and of connections cut at any moment,
// the books balance.
func TestLifecycleStorm(t *testing.T) {
	l := &lifecycle{}
	n := start(t, setup{lifecycle: l})
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 40 {
				c, err := n.tryDial("")
				if err != nil {
					t.Error(err)
					return
				}
				c.send(fmt.Sprintf(`{"Module":"robot","Action":"Login","Data":{"UserId":"u%d","PlatId":"web"}}`, (w+i)%5))
				if i%3 > 0 {
					c.send(`{"Module":"robot","Action":"Logout"}`)
				}
				if i%2 > 0 {
					c.read()
				}
				_ = c.Close()
			}
		})
	}
	wg.Wait()
	testwait.Equal(t, "the number of connections", 0, func() int { return n.counts().Connections })
	testwait.Equal(t, "the number of sessions that have not ended", 0, func() int { return l.count(&l.entered) - l.count(&l.ended) })
	testwait.Equal(t, "the number of logins without an event", 0, func() int { return l.count(&l.ended) - l.count(&l.began) })
}

// TestSessionsWithoutLifecycle begin and end all the same: in open mode without a store
// nobody is asked, and logins are on the loop.
func TestSessionsWithoutLifecycle(t *testing.T) {
	l := &lifecycle{}
	n := start(t, setup{listen: l.listen})
	c := n.login("alice", "web")
	if n := l.count(&l.began); n != 1 {
		t.Errorf("%d began", n)
	}
	c.ok("robot", "Login", `{"UserId":"alice","PlatId":"web"}`)
	c.ok("robot", "Logout", "")
	c.ok("robot", "Login", `{"UserId":"bob","PlatId":"web"}`)
	_ = c.Close()
	testwait.Equal(t, "sessions that ended", "alice logout, bob peer_gone", func() string { return strings.Join(l.left(), ", ") })
	if n := l.count(&l.began); n != 2 {
		t.Errorf("%d began", n)
	}
}

// revocable is a verifier some of whose tokens are revoked after Verify.
type revocable struct {
	gateway.Verifier
	mu      sync.Mutex
	revoked map[string]bool
}

func (r *revocable) Recheck(c account.Claims) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.revoked[c.ID] {
		return &codec.Error{Code: codec.CodeUnauthorized, Msg: "the token was revoked", Cause: account.ErrRevoked}
	}
	return nil
}

func grantToken(t *testing.T, user, grant string) string {
	t.Helper()
	s, err := account.NewSigner(account.SignerOptions{Key: secret})
	if err != nil {
		t.Fatal(err)
	}
	tok, err := s.SignGrant(user, grant, time.Hour, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// TestRevokedWhileLoggingIn: between its verification and its place in the
// directory a token can be revoked too.
func TestRevokedWhileLoggingIn(t *testing.T) {
	l := &lifecycle{}
	v := &revocable{Verifier: verifier(t), revoked: map[string]bool{}}
	l.entering = func(id account.Identity) error {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.revoked[id.Grant] = id.Grant == "g1"
		return nil
	}
	n := start(t, setup{verifier: v, lifecycle: l})
	n.dial("Authorization", "Bearer "+grantToken(t, "alice", "g1")).closed(4002)
	testwait.Until(t, "one session to end", l.left, func(left []string) bool { return len(left) == 1 })
	c := n.dial("Authorization", "Bearer "+grantToken(t, "alice", "g2"))
	c.next()
	// A renewal with a token revoked meanwhile ends the session.
	c.send(`{"Module":"robot","Action":"Login","Data":{"UserId":"alice","PlatId":"web","Token":"` + grantToken(t, "alice", "g1") + `"}}`)
	c.closed(4002)
	testwait.Until(t, "two sessions to end", l.left, func(left []string) bool { return len(left) == 2 })
}

func TestSessionsAreClosedByGrant(t *testing.T) {
	v := &revocable{Verifier: verifier(t)}
	n := start(t, setup{verifier: v})
	web, err := n.tryDial("?platform=web", "Authorization", "Bearer "+grantToken(t, "alice", "g1"))
	if err != nil {
		t.Fatal(err)
	}
	web.next()
	ios, err := n.tryDial("?platform=ios", "Authorization", "Bearer "+grantToken(t, "alice", "g2"))
	if err != nil {
		t.Fatal(err)
	}
	ios.next()
	// A login without a token keeps what the session has.
	ios.ok("robot", "Login", `{"UserId":"alice","PlatId":"ios","DeviceId":"d"}`)
	end := func(cause delivery.Cause, grant string) {
		t.Helper()
		if _, err := n.engine.Close(t.Context(), delivery.Sessions{User: "alice", Login: &delivery.Login{Grant: grant}}, cause, ""); err != nil {
			t.Fatal(err)
		}
	}
	end(delivery.CauseTokenRevoked, "g3")
	end(delivery.CauseTokenRevoked, "g1")
	web.closed(4002)
	ios.ok("robot", "HeartBeat", "")
	end(delivery.CauseAccountClosed, "g2")
	ios.closed(4004)
}
