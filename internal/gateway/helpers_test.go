package gateway_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"go.uber.org/goleak"

	"pushd/internal/account"
	"pushd/internal/chat"
	"pushd/internal/delivery"
	"pushd/internal/events"
	"pushd/internal/gateway"
	"pushd/internal/members"
	"pushd/internal/metrics"
	engine "pushd/internal/node"
	"pushd/internal/poller/pollertest"
	"pushd/internal/protocol/protocoltest"
	"pushd/internal/push"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/cloudwego/netpoll.(*defaultPoll).Wait"))
}

// secret signs the tokens of tests.
const secret = "0123456789abcdef0123456789abcdef"

// node is a gateway on a node with its push service, on two loops unless options
// say otherwise.
type node struct {
	*gateway.Gateway
	t       *testing.T
	engine  *engine.Node
	push    *push.Service
	chat    *chat.Service  // nil without a store
	groups  *members.Cache // the same
	metrics *metrics.Metrics
	url     string
	down    bool // the test has shut the gateway down itself
}

type setup struct {
	gateway.Options
	node      engine.Options
	push      push.Options
	clock     *pollertest.Clock // of the node and the push service; the real one if nil
	verifier  gateway.Verifier
	modules   []gateway.Module
	lifecycle *lifecycle
	listen    func(*events.Bus)                      // subscribes to sessions; the lifecycle does if nil
	chat      chat.Store                             // the store of a chat service; there is none if nil
	accounts  func(delivery.Closer) *account.Service // makes an account service, which then lets users in; none if nil
	services  gateway.Services                       // Push, Chat and Lifecycle are set by start
}

func start(t *testing.T, o setup) *node {
	t.Helper()
	if o.node.Poller.Loops == 0 {
		o.node.Poller.Loops = 2
	}
	if o.clock != nil {
		o.node.Clock, o.push.Clock = o.clock, o.clock
	}
	platforms, err := account.NewPlatforms(map[string]int{"tv": 7})
	if err != nil {
		t.Fatal(err)
	}
	n := &node{t: t, metrics: metrics.New(o.node.Poller.Loops)}
	groups := push.NewMemoryGroups(0, 0)
	o.node.Members = groups
	if o.chat != nil {
		n.groups = members.New(chat.NewMemberSource(o.chat), members.Options{})
		o.node.Members = n.groups
	}
	bus := events.New(n.metrics, nil)
	o.node.Events = bus
	log := slog.New(slog.DiscardHandler)
	if n.engine, err = engine.New(platforms, n.metrics, log, o.node); err != nil {
		t.Fatal(err)
	}
	ports := push.Ports{Deliverer: n.engine, Closer: n.engine, Directory: n.engine, Topics: n.engine, Events: bus}
	if o.chat != nil {
		n.chat = chat.New(chat.Ports{Store: o.chat, Deliverer: n.engine, Members: n.groups, Presence: n.engine}, chat.Options{})
		ports.Durable = n.chat
	}
	n.push = push.New(ports, platforms, o.push)
	n.push.Start()
	o.services.Push, o.services.Chat = n.push, n.chat
	if o.lifecycle != nil {
		o.services.Lifecycle, o.listen = o.lifecycle, o.lifecycle.listen
	}
	if o.listen != nil {
		o.listen(bus)
	}
	if o.accounts != nil {
		a := o.accounts(n.engine)
		o.services.Account, o.services.Lifecycle = a, logins{a}
	}
	n.Gateway = gateway.New(n.engine, o.verifier, platforms, bus, o.services, n.metrics, log, o.Options, o.modules...)
	if err := n.Listen(context.Background(), "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	n.url = "ws://" + n.engine.Addr().String() + "/ws"
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
		defer cancel()
		if !n.down {
			if _, err := n.engine.Check(ctx); err != nil {
				t.Error("consistency:", err)
			}
			if err := n.stop(ctx, 0); err != nil {
				t.Error("shutdown:", err)
			}
		}
		if err := n.push.Shutdown(ctx); err != nil {
			t.Error("push:", err)
		}
	})
	return n
}

func (n *node) counts() push.Counts {
	n.t.Helper()
	c, err := n.engine.Counts(context.Background())
	if err != nil {
		n.t.Error(err)
	}
	return c
}

func (n *node) subscribers(topic string) int {
	n.t.Helper()
	subscribers, err := n.engine.Subscribers(context.Background(), topic)
	if err != nil {
		n.t.Error(err)
	}
	return subscribers
}

func (n *node) kick(of delivery.Sessions, text string) (closed int, err error) {
	return n.engine.Close(n.t.Context(), of, delivery.CauseKicked, text)
}

// stop shuts the door, and what is behind it.
func (n *node) stop(ctx context.Context, over time.Duration) error {
	return errors.Join(n.Shutdown(ctx, over), n.engine.Shutdown(ctx))
}

// backend is an identity that may do everything.
var backend = account.Identity{Key: "test", Scopes: account.ScopePush | account.ScopeRead | account.ScopeAdmin}

// description is what every frame is held to.
var description = sync.OnceValues(protocoltest.New)

type client struct {
	net.Conn
	t      *testing.T
	r      *bufio.Reader
	frames *protocoltest.Connection
}

// frame is any frame of the server's.
type frame struct {
	Module, Action string
	Seq            *uint32
	Code           *int
	Msg            string
	Temporary      bool
	Data           map[string]any
}

func (n *node) dial(header ...string) *client {
	n.t.Helper()
	c, err := n.tryDial("", header...)
	if err != nil {
		n.t.Fatal(err)
	}
	return c
}

func (n *node) tryDial(query string, header ...string) (*client, error) {
	h := http.Header{}
	var d ws.Dialer
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Sec-WebSocket-Protocol" {
			d.Protocols = strings.Split(header[i+1], ", ")
			continue
		}
		h.Set(header[i], header[i+1])
	}
	d.Header = ws.HandshakeHeaderHTTP(h)
	conn, br, _, err := d.Dial(context.Background(), n.url+query)
	if err != nil {
		return nil, err
	}
	n.t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	protocol, err := description()
	if err != nil {
		return nil, err
	}
	// The modules are those that tests bring.
	c := &client{Conn: conn, t: n.t, r: br, frames: protocol.Connection("poll", "test")}
	if br == nil {
		c.r = bufio.NewReader(conn)
	}
	return c, nil
}

// login dials and logs in.
func (n *node) login(user, platform string) *client {
	n.t.Helper()
	c := n.dial()
	c.ok("robot", "Login", `{"UserId":"`+user+`","PlatId":"`+platform+`"}`)
	return c
}

func (c *client) send(text string) {
	c.t.Helper()
	c.frames.Sent([]byte(text))
	if err := wsutil.WriteClientText(c.Conn, []byte(text)); err != nil {
		c.t.Fatal("write:", err)
	}
}

// maxFrame bounds what a test takes for one frame.
const maxFrame = 32 << 20

// readFrame reads a whole frame that the server sent.
func readFrame(r io.Reader) (ws.Frame, error) {
	h, err := ws.ReadHeader(r)
	if err != nil {
		return ws.Frame{}, err
	}
	if h.Length > maxFrame {
		return ws.Frame{}, fmt.Errorf("a frame of %d bytes", h.Length)
	}
	payload := make([]byte, h.Length)
	_, err = io.ReadFull(r, payload)
	return ws.Frame{Header: h, Payload: payload}, err
}

func (c *client) read() (ws.OpCode, []byte) {
	c.t.Helper()
	f, err := readFrame(c.r)
	if err != nil {
		c.t.Fatal("read:", err)
	}
	switch code, _ := ws.ParseCloseFrameData(f.Payload); f.Header.OpCode {
	case ws.OpText:
		err = c.frames.Received(f.Payload)
	case ws.OpClose:
		err = c.frames.Closed(int(code))
	}
	if err != nil {
		c.t.Error("not as the protocol is described:", err)
	}
	return f.Header.OpCode, f.Payload
}

// next reads one text frame.
func (c *client) next() frame {
	c.t.Helper()
	op, b := c.read()
	var f frame
	if err := json.Unmarshal(b, &f); op != ws.OpText || err != nil {
		c.t.Fatalf("got %v %q: %v", op, b, err)
	}
	return f
}

// call sends a request and reads frames up to its reply; pushes in between are
// dropped.
func (c *client) call(module, action, data string) frame {
	c.t.Helper()
	if data != "" {
		data = `,"Data":` + data
	}
	c.send(`{"Module":"` + module + `","Action":"` + action + `"` + data + `}`)
	for {
		if f := c.next(); f.Code != nil {
			if f.Module != module || f.Action != action {
				c.t.Fatalf("reply to %s.%s is %+v", module, action, f)
			}
			return f
		}
	}
}

func (c *client) ok(module, action, data string) map[string]any {
	c.t.Helper()
	f := c.call(module, action, data)
	if *f.Code != 0 {
		c.t.Fatalf("%s.%s %s: %d %s", module, action, data, *f.Code, f.Msg)
	}
	return f.Data
}

func (c *client) refused(code int, module, action, data string) string {
	c.t.Helper()
	f := c.call(module, action, data)
	if *f.Code != code {
		c.t.Fatalf("%s.%s %s: %d %s, want %d", module, action, data, *f.Code, f.Msg, code)
	}
	return f.Msg
}

// pushed reads the next frame, which must be a push.
func (c *client) pushed(module, action string) map[string]any {
	c.t.Helper()
	f := c.next()
	if f.Code != nil || f.Module != module || f.Action != action {
		c.t.Fatalf("want push %s.%s, got %+v", module, action, f)
	}
	return f.Data
}

// closed reads up to the Close frame and returns its reason.
func (c *client) closed(code int) string {
	c.t.Helper()
	for {
		op, b := c.read()
		if op != ws.OpClose {
			continue
		}
		got, reason := ws.ParseCloseFrameData(b)
		if int(got) != code {
			c.t.Fatalf("closed %d %q, want %d", got, reason, code)
		}
		return reason
	}
}

func token(t *testing.T, user string, ttl time.Duration) string {
	t.Helper()
	return tokenAt(t, user, ttl, time.Now())
}

// tokenAt is a token that was made at a time.
func tokenAt(t *testing.T, user string, ttl time.Duration, at time.Time) string {
	t.Helper()
	signer, err := account.NewSigner(account.SignerOptions{Key: secret})
	if err != nil {
		t.Fatal(err)
	}
	tok, err := signer.Sign(user, ttl, at)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func verifier(t *testing.T) gateway.Verifier {
	t.Helper()
	return verifierBy(t, time.Now)
}

// verifierBy is a verifier that has the time from now.
func verifierBy(t *testing.T, now func() time.Time) *account.Verifier {
	t.Helper()
	v, err := account.NewVerifier(account.VerifierOptions{Key: secret, Algorithm: account.HS256, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return v
}
