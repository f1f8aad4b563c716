package delivertest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"pushd/internal/codec"
	"pushd/internal/delivery"
	"pushd/internal/members"
)

// Fixture is an implementation under test, empty, with a way to have clients.
type Fixture struct {
	delivery.Deliverer
	delivery.Closer

	// Online tells which of the users are.
	Online func(ctx context.Context, users []string) ([]string, error)
	// Subscribe adds a session to a topic.
	Subscribe func(ctx context.Context, session, topic string) error
	// Login has a client come, on a platform named by its name.
	Login func(t testing.TB, user, platform string) Client
	// Overload makes Deliver meet a bound until release is called.
	Overload func(t testing.TB) (release func())
}

// Client is one that has logged in.
type Client interface {
	// Session is its session's id.
	Session() string
	// Act lets something be heard from it.
	Act(t testing.TB)
	// Got returns the payloads that came since the last time, once everything that
	// was delivered has come.
	Got(t testing.TB) []string
	// Leave ends its session, and returns when that is known everywhere.
	Leave(t testing.TB)
	// WantClosed fails the test unless its session was closed from outside.
	WantClosed(t testing.TB)
}

// Make makes a fixture whose groups have the members that a source tells.
type Make func(t *testing.T, source delivery.MemberSource) Fixture

// Run tests an implementation of the ports.
func Run(t *testing.T, create Make) {
	for name, test := range map[string]func(*testing.T, Make){
		"targets": testTargets, "malformed": testMalformed, "one device": testOneDevice, "order": testOrder,
		"members": testMembers, "room for one group": testRoomForOne, "no members": testNoMembers,
		"close": testClose, "bounds": testBounds, "who comes and goes": testComingAndGoing, "concurrent": testConcurrent,
	} {
		t.Run(name, func(t *testing.T) { test(t, create) })
	}
}

// groups is a delivery.MemberSource of a test.
type groups struct {
	mu       sync.Mutex
	users    map[string][]string
	revision map[string]uint64
	fail     error
	wait     chan struct{} // if set, answers come when it is closed
}

func newGroups() *groups { return &groups{users: map[string][]string{}, revision: map[string]uint64{}} }

func (g *groups) set(group string, users ...string) (revision uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	slices.Sort(users)
	g.users[group] = users
	g.revision[group]++
	return g.revision[group]
}

// Members implements delivery.MemberSource.
func (g *groups) Members(ctx context.Context, group string) ([]string, uint64, error) {
	g.mu.Lock()
	users, ok, revision, fail, wait := g.users[group], g.users[group] != nil, g.revision[group], g.fail, g.wait
	g.mu.Unlock()
	if wait != nil {
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		}
	}
	switch {
	case fail != nil:
		return nil, 0, fail
	case !ok:
		return nil, 0, codec.Errorf(codec.CodeNotFound, "no group %s", group)
	}
	return users, revision, nil
}

// frame is a push that says something.
func frame(says string) codec.Frame {
	return codec.NewFrame([]byte(`{"Module":"test","Action":"Says","Data":{"says":"` + says + `"}}`))
}

func says(payload string) string {
	_, text, _ := strings.Cut(payload, `"says":"`)
	text, _, _ = strings.Cut(text, `"`)
	return text
}

// got is what a client was told, in its order.
func got(t testing.TB, c Client) (all []string) {
	t.Helper()
	for _, p := range c.Got(t) {
		all = append(all, says(p))
	}
	return all
}

func want(t testing.TB, name string, c Client, texts ...string) {
	t.Helper()
	if all := got(t, c); !slices.Equal(all, texts) {
		t.Errorf("%s got %q, want %q", name, all, texts)
	}
}

func send(t testing.TB, f Fixture, to delivery.Target, text string) delivery.Receipt {
	t.Helper()
	r, err := f.Deliver(t.Context(), to, frame(text))
	if err != nil {
		t.Fatalf("deliver %q to %+v: %v", text, to, err)
	}
	return r
}

func wantCode(t testing.TB, what string, err error, code int) {
	t.Helper()
	if e := codec.AsError(err); err == nil || e.Code != code {
		t.Errorf("%s: %v, want an error of code %d", what, err, code)
	}
}

// town is ann (web, ios), bob (web), cyd (ios, in topics news and sport) and dee
// (web, in sport); a group staff of ann, bob and zoe, who is away.
func town(t *testing.T, create Make) (Fixture, map[string]Client) {
	g := newGroups()
	g.set("staff", "ann", "bob", "zoe")
	g.set("club", "bob", "cyd")
	f := create(t, members.New(g, members.Options{}))
	c := map[string]Client{
		"ann.web": f.Login(t, "ann", "web"), "ann.ios": f.Login(t, "ann", "ios"), "bob": f.Login(t, "bob", "web"),
		"cyd": f.Login(t, "cyd", "ios"), "dee": f.Login(t, "dee", "web"),
	}
	for topic, clients := range map[string][]string{"news": {"cyd"}, "sport": {"cyd", "dee"}} {
		for _, name := range clients {
			if err := f.Subscribe(t.Context(), c[name].Session(), topic); err != nil {
				t.Fatal(err)
			}
		}
	}
	return f, c
}

type targetCase struct {
	to      delivery.Target
	reach   string // keys of town
	receipt delivery.Receipt
	atLeast bool // with topics the receipt's numbers are upper bounds
}

func targetCases(c map[string]Client) map[string]targetCase {
	receipt := func(sessions, users int, offline ...string) delivery.Receipt {
		return delivery.Receipt{Sessions: sessions, Users: users, Offline: offline}
	}
	id := func(name string) string { return c[name].Session() }
	return map[string]targetCase{
		"one user":                       {to: delivery.Target{Users: []string{"ann"}}, reach: "ann.ios ann.web", receipt: receipt(2, 1)},
		"users, one twice, one away":     {to: delivery.Target{Users: []string{"zoe", "bob", "ann", "bob"}}, reach: "ann.ios ann.web bob", receipt: receipt(3, 2, "zoe")},
		"two away":                       {to: delivery.Target{Users: []string{"zoe", "yan", "zoe"}}, receipt: receipt(0, 0, "yan", "zoe")},
		"platform by name":               {to: delivery.Target{Users: []string{"bob", "ann"}, Platforms: []string{"ios"}}, reach: "ann.ios", receipt: receipt(1, 1, "bob")},
		"platforms by number":            {to: delivery.Target{Users: []string{"bob", "ann"}, Platforms: []string{"3", "2"}}, reach: "ann.ios", receipt: receipt(1, 1, "bob")},
		"all but one session":            {to: delivery.Target{Users: []string{"ann"}, Except: id("ann.web")}, reach: "ann.ios", receipt: receipt(1, 1)},
		"the only session is left out":   {to: delivery.Target{Users: []string{"bob", "zoe"}, Except: id("bob")}, receipt: receipt(0, 0, "zoe")},
		"group":                          {to: delivery.Target{Groups: []string{"staff"}}, reach: "ann.ios ann.web bob", receipt: receipt(3, 2)},
		"group that isn't there":         {to: delivery.Target{Groups: []string{"none"}}},
		"groups that overlap":            {to: delivery.Target{Groups: []string{"staff", "none", "club"}}, reach: "ann.ios ann.web bob cyd", receipt: receipt(4, 3)},
		"group and users":                {to: delivery.Target{Groups: []string{"staff"}, Users: []string{"bob", "cyd", "zoe"}}, reach: "ann.ios ann.web bob cyd", receipt: receipt(4, 3, "zoe")},
		"group without users":            {to: delivery.Target{Groups: []string{"staff"}, Without: []string{"dee", "ann"}}, reach: "bob", receipt: receipt(1, 1)},
		"users without users":            {to: delivery.Target{Users: []string{"ann", "bob", "zoe"}, Without: []string{"zoe", "ann"}}, reach: "bob", receipt: receipt(1, 1)},
		"group on a platform, but one":   {to: delivery.Target{Groups: []string{"staff"}, Platforms: []string{"web"}, Except: id("bob")}, reach: "ann.web", receipt: receipt(1, 1)},
		"sessions, one twice":            {to: delivery.Target{Sessions: []string{id("ann.web"), id("ann.ios"), id("ann.web")}}, reach: "ann.ios ann.web", receipt: receipt(2, 1)},
		"sessions of named users":        {to: delivery.Target{Sessions: []string{id("ann.web"), id("dee"), id("bob")}, Users: []string{"ann"}, Groups: []string{"staff"}}, reach: "ann.ios ann.web bob dee", receipt: receipt(4, 3)},
		"sessions on a platform":         {to: delivery.Target{Sessions: []string{id("ann.web"), id("ann.ios")}, Platforms: []string{"web"}}, reach: "ann.web", receipt: receipt(1, 1)},
		"topic":                          {to: delivery.Target{Topics: []string{"sport"}}, reach: "cyd dee", receipt: receipt(2, 2)},
		"topic that isn't there":         {to: delivery.Target{Topics: []string{"chess"}}},
		"topics that overlap":            {to: delivery.Target{Topics: []string{"sport", "news", "sport"}}, reach: "cyd dee", receipt: receipt(2, 2), atLeast: true},
		"topic and its users":            {to: delivery.Target{Topics: []string{"sport"}, Users: []string{"cyd", "bob"}}, reach: "bob cyd dee", receipt: receipt(3, 3), atLeast: true},
		"topic but one":                  {to: delivery.Target{Topics: []string{"sport"}, Except: id("cyd")}, reach: "dee", receipt: receipt(1, 1), atLeast: true},
		"everyone":                       {to: delivery.Target{Everyone: true, Users: []string{"zoe"}}, reach: "ann.ios ann.web bob cyd dee", receipt: receipt(5, 5)},
		"everyone on a platform but one": {to: delivery.Target{Everyone: true, Platforms: []string{"web"}, Except: id("bob")}, reach: "ann.web dee", receipt: receipt(2, 2)},
		"nobody":                         {},
	}
}

func testTargets(t *testing.T, create Make) {
	f, clients := town(t, create)
	for name, tc := range targetCases(clients) {
		for _, conversation := range []string{"", "g:staff"} {
			t.Run(name+" "+conversation, func(t *testing.T) {
				to := tc.to
				to.Conversation = conversation
				r := send(t, f, to, "x")
				var reached []string
				for key, c := range clients {
					n := len(got(t, c))
					if n > 0 {
						reached = append(reached, key)
					}
					if n > 1 {
						t.Errorf("%s got it %d times", key, n)
					}
				}
				slices.Sort(reached)
				if all := strings.Join(reached, " "); all != tc.reach {
					t.Errorf("reached %q, want %q", all, tc.reach)
				}
				exact := r.Sessions == tc.receipt.Sessions && r.Users == tc.receipt.Users
				if more := r.Sessions >= tc.receipt.Sessions && r.Users >= tc.receipt.Users; !exact && (!tc.atLeast || !more) ||
					!slices.Equal(r.Offline, tc.receipt.Offline) || r.Session != "" || len(r.Silent) > 0 {
					t.Errorf("receipt %+v, want %+v", r, tc.receipt)
				}
			})
		}
	}
}

func testMalformed(t *testing.T, create Make) {
	f, _ := town(t, create)
	for name, to := range map[string]delivery.Target{
		"platform":       {Users: []string{"ann"}, Platforms: []string{"web", "toaster"}},
		"session":        {Sessions: []string{"not-an-id"}},
		"except":         {Users: []string{"ann"}, Except: "not-an-id"},
		"everyone's too": {Everyone: true, Platforms: []string{"toaster"}},
		"two devices":    {Users: []string{"ann", "bob"}, OneDevice: true},
		"a device, more": {Users: []string{"ann"}, Groups: []string{"staff"}, OneDevice: true},
	} {
		_, err := f.Deliver(t.Context(), to, frame("x"))
		wantCode(t, name, err, codec.CodeMalformed)
	}
	_, err := f.Close(t.Context(), delivery.Sessions{Session: "not-an-id"}, delivery.CauseKicked, "")
	wantCode(t, "close a session", err, codec.CodeMalformed)
	_, err = f.Close(t.Context(), delivery.Sessions{User: "ann", Platforms: []string{"toaster"}}, delivery.CauseKicked, "")
	wantCode(t, "close on a platform", err, codec.CodeMalformed)
}

func testOneDevice(t *testing.T, create Make) {
	f, c := town(t, create)
	to := delivery.Target{Users: []string{"ann"}, OneDevice: true, Conversation: "s:ann:bob"}
	for i, name := range []string{"ann.web", "ann.ios", "ann.web"} {
		c[name].Act(t)
		text := fmt.Sprint(i)
		if r := send(t, f, to, text); r.Session != c[name].Session() || r.Sessions != 1 || r.Users != 1 || len(r.Offline) > 0 {
			t.Errorf("receipt %+v, want session %s", r, c[name].Session())
		}
		want(t, name, c[name], text)
	}
	want(t, "ann.ios", c["ann.ios"])
	for name, tc := range map[string]struct {
		to      delivery.Target
		offline []string
	}{
		"nobody's device":         {delivery.Target{Users: []string{"zoe"}}, []string{"zoe"}},
		"no device on a platform": {delivery.Target{Users: []string{"bob"}, Platforms: []string{"ios"}}, []string{"bob"}},
		"no device but the one":   {delivery.Target{Users: []string{"bob"}, Except: c["bob"].Session()}, nil},
		"a user who gets nothing": {delivery.Target{Users: []string{"bob"}, Without: []string{"bob"}}, nil},
		"and is away":             {delivery.Target{Users: []string{"zoe"}, Without: []string{"zoe"}}, nil},
	} {
		tc.to.OneDevice = true
		if r := send(t, f, tc.to, "x"); r.Session != "" || r.Sessions != 0 || r.Users != 0 || !slices.Equal(r.Offline, tc.offline) {
			t.Errorf("%s: %+v, want offline %v", name, r, tc.offline)
		}
	}
	want(t, "bob", c["bob"])
}

// ways are all the ways to deliver to ann that keep the order of a conversation.
func ways(c map[string]Client) map[string]delivery.Target {
	long := []string{"ann"}
	for i := range 200 {
		long = append(long, fmt.Sprint("zz", i))
	}
	return map[string]delivery.Target{
		"user":      {Users: []string{"ann"}},
		"long list": {Users: long},
		"group":     {Groups: []string{"staff"}},
		"part":      {Groups: []string{"staff", "club"}, Without: []string{"bob"}},
		"everyone":  {Everyone: true},
		"platforms": {Everyone: true, Platforms: []string{"web", "ios"}},
		"sessions":  {Sessions: []string{c["ann.web"].Session(), c["ann.ios"].Session()}},
	}
}

// testOrder: what is about one conversation arrives in the order in which it was
// sent, whatever two ways are taken, also when much waits in each of them.
func testOrder(t *testing.T, create Make) {
	f, c := town(t, create)
	all := ways(c)
	for first := range all {
		for second := range all {
			for busy := range all {
				one, two := all[first], all[second]
				one.Conversation, two.Conversation = "g:staff", "g:staff"
				for range 50 {
					send(t, f, all[busy], "-")
				}
				for i := range 6 {
					to := one
					if i%2 == 1 {
						to = two
					}
					send(t, f, to, fmt.Sprint(i))
				}
				for _, name := range []string{"ann.web", "ann.ios"} {
					about := slices.DeleteFunc(got(t, c[name]), func(s string) bool { return s == "-" })
					if !slices.Equal(about, []string{"0", "1", "2", "3", "4", "5"}) {
						t.Errorf("%s, then %s, busy with %s: %s got %q", first, second, busy, name, about)
					}
				}
			}
		}
	}
	for _, name := range []string{"bob", "cyd", "dee"} {
		got(t, c[name])
	}
	c["ann.ios"].Act(t)
	send(t, f, delivery.Target{Groups: []string{"staff"}, Conversation: "g:staff"}, "1")
	send(t, f, delivery.Target{Users: []string{"ann"}, OneDevice: true, Conversation: "g:staff"}, "2")
	send(t, f, delivery.Target{Everyone: true, Conversation: "g:staff"}, "3")
	want(t, "ann.ios", c["ann.ios"], "1", "2", "3")
}

// testMembers: members who come and go get what is sent from then on, and not what
// is sent afterwards.
func testMembers(t *testing.T, create Make) {
	g := newGroups()
	g.set("team", "ann")
	cache := members.New(g, members.Options{})
	f := create(t, cache)
	ann, bob := f.Login(t, "ann", "web"), f.Login(t, "bob", "web")
	to := delivery.Target{Groups: []string{"team"}, Conversation: "g:team"}
	send(t, f, to, "1")
	cache.MembersChanged(delivery.MemberChange{Group: "team", Revision: g.set("team", "ann", "bob"), Joined: []string{"bob"}})
	send(t, f, to, "2")
	cache.MembersChanged(delivery.MemberChange{Group: "team", Revision: g.set("team", "bob"), Left: []string{"ann"}})
	send(t, f, to, "3")
	g.set("team", "ann") // a revision that was never told of
	cache.MembersChanged(delivery.MemberChange{Group: "team", Revision: g.set("team", "ann", "cyd"), Joined: []string{"cyd"}})
	send(t, f, to, "4")
	cache.MembersChanged(delivery.MemberChange{Group: "team", Revision: g.set("team", "bob"), Left: []string{"ann"}})
	cache.MembersChanged(delivery.MemberChange{Group: "team"})
	send(t, f, to, "5")
	want(t, "ann", ann, "1", "2", "4")
	want(t, "bob", bob, "2", "3", "5")
}

// testRoomForOne: reading members and using them is one step.
func testRoomForOne(t *testing.T, create Make) {
	g := newGroups()
	g.set("a", "ann")
	g.set("b", "bob")
	f := create(t, members.New(g, members.Options{Groups: 1}))
	ann, bob := f.Login(t, "ann", "web"), f.Login(t, "bob", "web")
	for i := range 3 {
		if r := send(t, f, delivery.Target{Groups: []string{"a", "b"}}, fmt.Sprint(i)); r.Sessions != 2 || r.Users != 2 {
			t.Errorf("receipt %+v, want two of each", r)
		}
	}
	want(t, "ann", ann, "0", "1", "2")
	want(t, "bob", bob, "0", "1", "2")
}

// testNoMembers: what can't be read is an error, and reaches nobody.
func testNoMembers(t *testing.T, create Make) {
	g := newGroups()
	g.set("team", "ann")
	f := create(t, members.New(g, members.Options{}))
	ann := f.Login(t, "ann", "web")
	to := delivery.Target{Groups: []string{"team"}, Users: []string{"ann"}}
	g.fail = codec.Errorf(codec.CodeUnavailable, "the database is gone")
	_, err := f.Deliver(t.Context(), to, frame("x"))
	wantCode(t, "a source that fails", err, codec.CodeUnavailable)
	g.fail, g.wait = nil, make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Deliver(ctx, to, frame("x")); err == nil {
		t.Error("a source that doesn't answer: no error when ctx was done")
	}
	close(g.wait)
	send(t, f, to, "at last")
	want(t, "ann", ann, "at last")
}

func testClose(t *testing.T, create Make) {
	f, c := town(t, create)
	closes := func(n int, of delivery.Sessions, cause delivery.Cause) {
		t.Helper()
		if closed, err := f.Close(t.Context(), of, cause, "because"); closed != n || err != nil {
			t.Errorf("close %+v: %d, %v; want %d", of, closed, err, n)
		}
	}
	closes(0, delivery.Sessions{User: "zoe"}, delivery.CauseKicked)
	closes(0, delivery.Sessions{User: "bob", Platforms: []string{"ios"}}, delivery.CauseKicked)
	closes(0, delivery.Sessions{User: "bob", Login: &delivery.Login{Grant: "01ARZ3NDEKTSV4RRFFQ69G5FAV"}}, delivery.CauseTokenRevoked)
	closes(0, delivery.Sessions{User: "bob", Login: &delivery.Login{}}, delivery.CauseTokenRevoked)
	closes(1, delivery.Sessions{User: "ann", Platforms: []string{"web", "android"}}, delivery.CauseReplaced)
	c["ann.web"].WantClosed(t)
	closes(1, delivery.Sessions{Session: c["cyd"].Session(), User: "ann"}, delivery.CauseKicked)
	c["cyd"].WantClosed(t)
	closes(1, delivery.Sessions{User: "ann"}, delivery.CauseAccountClosed)
	c["ann.ios"].WantClosed(t)
	closes(0, delivery.Sessions{User: "ann"}, delivery.CauseKicked)
	closes(0, delivery.Sessions{Session: c["cyd"].Session()}, delivery.CauseKicked)
	if r := send(t, f, delivery.Target{Users: []string{"ann", "bob", "cyd"}}, "x"); r.Sessions != 1 || !slices.Equal(r.Offline, []string{"ann", "cyd"}) {
		t.Errorf("receipt after closing: %+v", r)
	}
	want(t, "bob", c["bob"], "x")
}

// testBounds: at a bound there is a temporary error, and afterwards all is well.
func testBounds(t *testing.T, create Make) {
	f, c := town(t, create)
	release := f.Overload(t)
	var err error
	for range 10_000 {
		if _, err = f.Deliver(t.Context(), delivery.Target{Users: []string{"dee"}}, frame(strings.Repeat("x", 10_000))); err != nil {
			break
		}
	}
	wantCode(t, "too much", err, codec.CodeUnavailable)
	if e := codec.AsError(err); e == nil || !e.Temporary {
		t.Errorf("too much: %v, which isn't temporary", err)
	}
	release()
	got(t, c["dee"])
	send(t, f, delivery.Target{Users: []string{"dee"}}, "well")
	want(t, "dee", c["dee"], "well")
}

// testComingAndGoing: receipts follow who is there.
func testComingAndGoing(t *testing.T, create Make) {
	f, c := town(t, create)
	online := func(users ...string) {
		t.Helper()
		on, err := f.Online(t.Context(), []string{"zoe", "ann", "bob", "eve"})
		slices.Sort(on)
		if err != nil || !slices.Equal(on, users) {
			t.Errorf("online are %q, %v; want %q", on, err, users)
		}
	}
	online("ann", "bob")
	c["ann.web"].Leave(t)
	online("ann", "bob")
	c["bob"].Leave(t)
	online("ann")
	zoe := f.Login(t, "zoe", "android")
	online("ann", "zoe")
	r := send(t, f, delivery.Target{Users: []string{"ann", "bob", "zoe"}, Groups: []string{"staff"}}, "x")
	if r.Sessions != 2 || r.Users != 2 || !slices.Equal(r.Offline, []string{"bob"}) {
		t.Errorf("receipt %+v", r)
	}
	want(t, "zoe", zoe, "x")
	want(t, "ann.ios", c["ann.ios"], "x")
	back := f.Login(t, "bob", "web")
	send(t, f, delivery.Target{Users: []string{"bob"}}, "y")
	want(t, "bob", back, "y")
}

// testConcurrent: nothing is lost or doubled when many deliver at once, and each
// keeps its order.
func testConcurrent(t *testing.T, create Make) {
	const callers, each = 8, 50
	f, c := town(t, create)
	all := ways(c)
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	var done sync.WaitGroup
	for caller := range callers {
		done.Go(func() {
			for i := range each {
				to := all[names[(caller+i)%len(names)]]
				to.Conversation = fmt.Sprint("g:", caller)
				if _, err := f.Deliver(t.Context(), to, frame(fmt.Sprintf("%d %d", caller, i))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done.Wait()
	next := make([]int, callers)
	for _, text := range got(t, c["ann.ios"]) {
		var caller, i int
		if _, err := fmt.Sscanf(text, "%d %d", &caller, &i); err != nil {
			t.Fatal(err)
		}
		if i != next[caller] {
			t.Fatalf("caller %d: %d came, want %d", caller, i, next[caller])
		}
		next[caller]++
	}
	for caller, n := range next {
		if n != each {
			t.Errorf("caller %d: %d of %d came", caller, n, each)
		}
	}
}
