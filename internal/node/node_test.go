package node_test

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"go.uber.org/goleak"

	"pushd/internal/account"
	"pushd/internal/delivery"
	"pushd/internal/delivery/delivertest"
	"pushd/internal/hub"
	"pushd/internal/metrics"
	"pushd/internal/node"
	"pushd/internal/poller"
	"pushd/internal/poller/pollertest"
	"pushd/internal/push"
	"pushd/internal/testwait"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/cloudwego/netpoll.(*defaultPoll).Wait"))
}

// door is the least that a node needs in front of it: "login USER PLATFORM GRANT"
// logs in and is answered with the session's id, anything else with itself.
type door struct {
	node      *node.Node
	platforms *account.Platforms
}

type session struct {
	node.Session
	door *door
}

func (d *door) newConn() (*poller.Conn, poller.Handler) {
	s := &session{door: d}
	return &s.Conn, s
}

func (s *session) Opened(*poller.Conn, *poller.Handshake) {}
func (s *session) Expired(*poller.Conn)                   {}
func (s *session) Closed(*poller.Conn, poller.Reason)     { s.door.node.Leave(&s.Session) }

func (s *session) Message(_ *poller.Conn, payload []byte) {
	text := string(payload)
	args, ok := strings.CutPrefix(text, "login ")
	if !ok {
		s.WriteMessage(payload)
		return
	}
	words := strings.Fields(args + " - -")
	p, err := s.door.platforms.Parse(words[1])
	if err == nil {
		err = s.door.node.Enter(&s.Session, node.Login{User: words[0], Platform: p, Grant: strings.Trim(words[2], "-")})
	}
	if err != nil {
		s.WriteMessage([]byte("error " + err.Error()))
		return
	}
	s.WriteMessage([]byte(s.ID()))
}

// start makes a node on two loops behind a door, whose clock is a pollertest.Clock.
func start(t *testing.T, o node.Options) *node.Node {
	t.Helper()
	const loops = 2
	platforms, err := account.NewPlatforms(nil)
	if err != nil {
		t.Fatal(err)
	}
	o.Poller.Loops, o.Clock = loops, pollertest.NewClock()
	n, err := node.New(platforms, metrics.New(loops), slog.New(slog.DiscardHandler), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if n.Addr() != nil {
			if _, err := n.Check(ctx); err != nil {
				t.Error("consistency:", err)
			}
		}
		if err := n.Shutdown(ctx); err != nil {
			t.Error("shutdown:", err)
		}
	})
	if err := n.Listen(t.Context(), "127.0.0.1:0", (&door{n, platforms}).newConn); err != nil {
		t.Fatal(err)
	}
	return n
}

// client is a delivertest.Client over a socket.
type client struct {
	net.Conn
	r    io.Reader
	node *node.Node
	user string
	id   string
}

func dial(t testing.TB, n *node.Node) *client {
	t.Helper()
	conn, br, _, err := ws.Dial(context.Background(), "ws://"+n.Addr().String()+"/ws")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if br == nil {
		br = bufio.NewReader(conn)
	}
	return &client{Conn: conn, r: br, node: n}
}

func login(t testing.TB, n *node.Node, words string) *client {
	t.Helper()
	c := dial(t, n)
	c.user, _, _ = strings.Cut(words, " ")
	c.write(t, "login "+words)
	if c.id = c.read(t); strings.HasPrefix(c.id, "error") {
		t.Fatal(c.id)
	}
	return c
}

func (c *client) write(t testing.TB, text string) {
	t.Helper()
	if err := wsutil.WriteClientText(c.Conn, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

// readFrame reads a whole frame of the node's.
func readFrame(r io.Reader) (ws.Frame, error) {
	h, err := ws.ReadHeader(r)
	if err != nil {
		return ws.Frame{}, err
	}
	payload := make([]byte, min(h.Length, 1<<20))
	_, err = io.ReadFull(r, payload)
	return ws.Frame{Header: h, Payload: payload}, err
}

func (c *client) read(t testing.TB) string {
	t.Helper()
	f, err := readFrame(c.r)
	if err != nil {
		t.Fatal(err)
	}
	return string(f.Payload)
}

// Session implements delivertest.Client, as the others do.
func (c *client) Session() string { return c.id }

// Act lets the coarse clock move on by which the node knows who was heard last.
func (c *client) Act(t testing.TB) {
	t.Helper()
	c.node.Clock().(*pollertest.Clock).Pass(t, pollertest.Tick)
	c.write(t, "act")
	if got := c.read(t); got != "act" {
		t.Fatalf("got %q, want an answer", got)
	}
}

// Got is everything up to the answer to a question that is asked once the node has
// nothing left to deliver.
func (c *client) Got(t testing.TB) (payloads []string) {
	t.Helper()
	testwait.Equal(t, "the bytes of deliveries that wait", 0, c.node.Queued)
	c.write(t, "is that all?")
	for {
		payload := c.read(t)
		if payload == "is that all?" {
			return payloads
		}
		payloads = append(payloads, payload)
	}
}

func (c *client) Leave(t testing.TB) {
	t.Helper()
	if err := c.Conn.Close(); err != nil {
		t.Fatal(err)
	}
	testwait.Equal(t, "whether the node still has the session", false, func() bool {
		sessions, err := c.node.UserSessions(context.Background(), c.user)
		if err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(sessions, func(s push.SessionInfo) bool { return s.Session == c.id })
	})
}

func (c *client) WantClosed(t testing.TB) {
	t.Helper()
	for {
		f, err := readFrame(c.r)
		if err != nil {
			t.Errorf("want a Close frame, got %v", err)
			return
		}
		if f.Header.OpCode == ws.OpClose {
			return
		}
	}
}

func TestContract(t *testing.T) {
	delivertest.Run(t, func(t *testing.T, source delivery.MemberSource) delivertest.Fixture {
		n := start(t, node.Options{Members: source, Hub: hub.Options{MaxQueued: 2 << 20}})
		return delivertest.Fixture{
			Deliverer: n, Closer: n, Online: n.Online, Subscribe: n.Subscribe,
			Login: func(t testing.TB, user, platform string) delivertest.Client {
				return login(t, n, user+" "+platform)
			},
			Overload: func(testing.TB) func() { return n.Block() },
		}
	})
}

// What logged in with a grant is closed by it; what it logged in with decides for
// the others by its age.
func TestCloseByLogin(t *testing.T) {
	const early, late = "01ARZ3NDEKTSV4RRFFQ69G5FAV", "01JZZZZZZZTSV4RRFFQ69G5FAV"
	between := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		login  delivery.Login
		closed string
	}{
		"one grant":            {delivery.Login{Grant: early}, "web"},
		"grants until a time":  {delivery.Login{GrantedUntil: between}, "web"},
		"foreign, until a day": {delivery.Login{LoggedInUntil: time.Now().Add(time.Hour)}, "ios"},
		"all":                  {delivery.Login{GrantedUntil: time.Now().AddDate(100, 0, 0), LoggedInUntil: time.Now().Add(time.Hour)}, "web android ios"},
		"none":                 {delivery.Login{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			n := start(t, node.Options{})
			clients := map[string]*client{
				"web": login(t, n, "ann web "+early), "android": login(t, n, "ann android "+late), "ios": login(t, n, "ann ios"),
			}
			closed, err := n.Close(t.Context(), delivery.Sessions{User: "ann", Login: &tc.login}, delivery.CauseTokenRevoked, "")
			if want := len(strings.Fields(tc.closed)); err != nil || closed != want {
				t.Errorf("closed %d, %v; want %d", closed, err, want)
			}
			for platform, c := range clients {
				if strings.Contains(tc.closed, platform) {
					c.WantClosed(t)
				} else {
					c.Got(t)
				}
			}
		})
	}
}

// Whoever a login replaces is closed, and has been told why.
func TestReplace(t *testing.T) {
	n := start(t, node.Options{})
	old := login(t, n, "ann web")
	login(t, n, "ann web")
	f, err := readFrame(old.r)
	if err != nil {
		t.Fatal(err)
	}
	code, reason := ws.ParseCloseFrameData(f.Payload)
	if code != node.CloseReplaced || reason != "logged in elsewhere on web" {
		t.Errorf("closed %d %q", code, reason)
	}
}

// What a node says of a session's times is by its clock.
func TestSessionTimes(t *testing.T) {
	n := start(t, node.Options{})
	clock := n.Clock().(*pollertest.Clock)
	began := clock.Now()
	c := login(t, n, "ann web")
	clock.Pass(t, time.Minute)
	c.Act(t)
	heard := clock.Now()
	clock.Pass(t, time.Hour)
	sessions, err := n.UserSessions(t.Context(), "ann")
	if err != nil || len(sessions) != 1 {
		t.Fatal(sessions, err)
	}
	if s := sessions[0]; s.Since != began.Unix()*1000 || s.LastSeen != heard.UnixMilli() {
		t.Errorf("since %d and last seen %d, want %d and %d", s.Since, s.LastSeen, began.Unix()*1000, heard.UnixMilli())
	}
}

// A node that never listened is shut down like any other, and answers before.
func TestNotListening(t *testing.T) {
	platforms, err := account.NewPlatforms(nil)
	if err != nil {
		t.Fatal(err)
	}
	n, err := node.New(platforms, metrics.New(1), slog.New(slog.DiscardHandler), node.Options{Poller: poller.Options{Loops: 1}})
	if err != nil {
		t.Fatal(err)
	}
	if c, err := n.Counts(t.Context()); err != nil || c.Sessions != 0 || c.Nodes[0].Name != node.DefaultName {
		t.Errorf("counts %+v, %v", c, err)
	}
	if err := n.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

// A million of these are held, in a door's session.
func TestSessionSize(t *testing.T) {
	if size := unsafe.Sizeof(node.Session{}); size > 304 {
		t.Errorf("Session has %d bytes: with what the gateway adds more than the size class of 320", size)
	}
}
