// Package system tests the built server as a process, over its real sockets:
// what only shows when everything is wired together, and what a fault in one
// client does to the others, to the process, to its metrics and to its log. It
// knows the server's interfaces and nothing of its insides.
package system

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"pushd/internal/protocol/protocoltest"
	"pushd/internal/store/storetest"
	"pushd/internal/testwait"
	"pushd/test/internal/serverproc"
)

func TestMain(m *testing.M) {
	status := serverproc.Main(m)
	if err := storetest.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

// server is a running server and the key to its admin listener.
type server struct {
	*serverproc.Server
	t   *testing.T
	key string
}

// dev starts a server in development mode.
func dev(t *testing.T, flags ...string) *server {
	t.Helper()
	return &server{serverproc.Start(t, append([]string{"--dev"}, flags...)...), t, "dev"}
}

// in is the same server for another (sub)test to fail.
func (s *server) in(t *testing.T) *server { return &server{s.Server, t, s.key} }

// api sends a request to the admin listener. A body makes it a POST. It returns
// the status and the reply.
func (s *server) api(path, body string) (int, string) {
	s.t.Helper()
	status, reply, err := s.tryAPI(path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	return status, reply
}

func (s *server) tryAPI(path, body string) (int, string, error) {
	method := http.MethodGet
	if body != "" {
		method = http.MethodPost
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), testwait.Patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, "http://"+s.Admin+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	r.Close = true // each call is a connection of its own, as curl's is
	r.Header.Set("Content-Type", "application/json")
	if s.key != "" {
		r.Header.Set("Authorization", "Bearer "+s.key)
	}
	// A transport of its own: nothing of it is left open after the reply.
	response, err := (&http.Client{Transport: &http.Transport{}}).Do(r)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	reply, err := io.ReadAll(response.Body)
	return response.StatusCode, string(reply), err
}

// get asks the admin listener for JSON, or gives it some.
func get[T any](s *server, path, body string) (v T) {
	s.t.Helper()
	status, reply := s.api(path, body)
	if status != http.StatusOK {
		s.t.Fatalf("%s: %d %s", path, status, reply)
	}
	if err := json.Unmarshal([]byte(reply), &v); err != nil {
		s.t.Fatalf("%s: %v in %s", path, err, reply)
	}
	return v
}

type pushReply struct {
	ID       string   `json:"id"`
	Sessions int      `json:"sessions"`
	Users    int      `json:"users"`
	Offline  []string `json:"offline"`
}

type online struct {
	Connections int            `json:"connections"`
	Sessions    int            `json:"sessions"`
	Users       int            `json:"users"`
	Platforms   map[string]int `json:"platforms"`
}

func (s *server) push(user, message string) pushReply {
	s.t.Helper()
	return get[pushReply](s, "/api/push", `{"users":["`+user+`"],"message":`+message+`}`)
}

func (s *server) broadcast(message string) pushReply {
	s.t.Helper()
	return get[pushReply](s, "/api/broadcast", `{"message":`+message+`}`)
}

func (s *server) online() online {
	s.t.Helper()
	return get[online](s, "/api/online", "")
}

// consistent waits until the server is quiet and its directory is in order.
func (s *server) consistent() {
	s.t.Helper()
	testwait.Equal(s.t, "whether the server is quiet", true, func() bool {
		found := get[struct {
			Consistent, Quiet bool
			Finding           string
		}](s, "/debug/check", "")
		if !found.Consistent {
			s.t.Fatalf("the directory contradicts itself: %s", found.Finding)
		}
		return found.Quiet
	})
}

// metric is the value of a series, named as in the exposition; 0 if it isn't there.
func (s *server) metric(series string) float64 {
	s.t.Helper()
	status, text := s.api("/metrics", "")
	if status != http.StatusOK {
		s.t.Fatal(status, text)
	}
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, series+" "); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(rest), 64)
			if err != nil {
				s.t.Fatal(err)
			}
			return v
		}
	}
	return 0
}

// empties waits until nobody is connected.
func (s *server) empties() {
	s.t.Helper()
	testwait.Equal(s.t, "the number of connections", 0, func() int { return s.online().Connections })
}

// reaches waits until a series has a value.
func (s *server) reaches(series string, value float64) {
	s.t.Helper()
	testwait.Equal(s.t, series, value, func() float64 { return s.metric(series) })
}

// logs waits until the server's log contains a text.
func (s *server) logs(text string) {
	s.t.Helper()
	testwait.Until(s.t, fmt.Sprintf("a log that says %q", text), s.Log, func(log string) bool { return strings.Contains(log, text) })
}

// descriptors is how many files the server has open.
func (s *server) descriptors() int {
	s.t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.PID()))
	if err != nil {
		s.t.Fatal(err)
	}
	return len(entries)
}

// status reads a figure of /proc/PID/status, in KiB where it has a unit.
func (s *server) status(name string) int {
	s.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.PID()))
	if err != nil {
		s.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			v, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				s.t.Fatal(err)
			}
			return v
		}
	}
	s.t.Fatal("no " + name)
	return 0
}

// cpu is the processor time that the server has used.
func (s *server) cpu() time.Duration {
	s.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.PID()))
	if err != nil {
		s.t.Fatal(err)
	}
	// The name, in parentheses, may hold spaces; utime and stime are the 14th
	// and 15th field, in hundredths of a second on every Linux.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	ticks := 0
	for _, f := range fields[11:13] {
		n, err := strconv.Atoi(f)
		if err != nil {
			s.t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// description is what every frame is held to.
var description = sync.OnceValues(protocoltest.New)

// client is a WebSocket client. Its methods fail the test, also when the server sends
// what the description of the protocol doesn't have, or grants such a request.
type client struct {
	net.Conn
	t      *testing.T
	r      *bufio.Reader
	frames *protocoltest.Connection
}

// frame is any message of the server's.
type frame struct {
	Module, Action string
	Seq            *uint32
	Code           *int
	Msg            string
	Data           map[string]any
}

// raw connects without a word.
func (s *server) raw() *client {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.Listen)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(testwait.Patience))
	protocol, err := description()
	if err != nil {
		s.t.Fatal(err)
	}
	return &client{conn, s.t, bufio.NewReader(conn), protocol.Connection()}
}

// dial makes the opening handshake, with pairs of header and value.
func (s *server) dial(header ...string) *client {
	s.t.Helper()
	c := s.raw()
	c.write(handshake("/ws", header...))
	if status := c.response(); status != http.StatusSwitchingProtocols {
		s.t.Fatalf("handshake: %d", status)
	}
	return c
}

// login dials and logs in.
func (s *server) login(user, platform string) *client {
	s.t.Helper()
	c := s.dial()
	c.ok("robot", "Login", `{"UserId":"`+user+`","PlatId":"`+platform+`"}`)
	return c
}

// key16 is the Sec-WebSocket-Key of RFC 6455's example.
const key16 = "dGhlIHNhbXBsZSBub25jZQ=="

func handshake(target string, header ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "GET %s HTTP/1.1\r\nHost: push.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n", target, key16)
	for i := 0; i+1 < len(header); i += 2 {
		fmt.Fprintf(&b, "%s: %s\r\n", header[i], header[i+1])
	}
	b.WriteString("\r\n")
	return b.String()
}

// write sends bytes as they are.
func (c *client) write(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c.Conn, text); err != nil {
		c.t.Fatal("write:", err)
	}
}

// response reads an HTTP response without its body and returns its status.
func (c *client) response() int {
	c.t.Helper()
	response, err := http.ReadResponse(c.r, nil)
	if err != nil {
		c.t.Fatal("response:", err)
	}
	_ = response.Body.Close() // a handshake's reply has none that matters
	return response.StatusCode
}

// text is a masked text frame.
func text(payload string) string {
	return string(ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame([]byte(payload)))))
}

func (c *client) send(payload string) {
	c.t.Helper()
	c.frames.Sent([]byte(payload))
	c.write(text(payload))
}

func (c *client) read() (ws.OpCode, []byte) {
	c.t.Helper()
	h, err := ws.ReadHeader(c.r)
	if err != nil {
		c.t.Fatal("read:", err)
	}
	payload := make([]byte, h.Length) // the server under test declares it
	if _, err := io.ReadFull(c.r, payload); err != nil {
		c.t.Fatal("read:", err)
	}
	var err2 error
	switch code, _ := ws.ParseCloseFrameData(payload); h.OpCode {
	case ws.OpText:
		err2 = c.frames.Received(payload)
	case ws.OpClose:
		err2 = c.frames.Closed(int(code))
	}
	if err2 != nil {
		c.t.Error("not as the protocol is described:", err2)
	}
	return h.OpCode, payload
}

// next reads one message.
func (c *client) next() frame {
	c.t.Helper()
	f, code := c.nextOrClose()
	if code != 0 {
		c.t.Fatalf("closed %d", code)
	}
	return f
}

// nextOrClose reads one message, or the code of the Close frame.
func (c *client) nextOrClose() (frame, int) {
	c.t.Helper()
	for {
		op, payload := c.read()
		if op == ws.OpClose {
			code, _ := ws.ParseCloseFrameData(payload)
			return frame{}, int(code)
		}
		if op == ws.OpPing {
			if err := wsutil.WriteClientMessage(c.Conn, ws.OpPong, payload); err != nil {
				c.t.Fatal(err)
			}
			continue
		}
		var f frame
		if err := json.Unmarshal(payload, &f); op != ws.OpText || err != nil {
			c.t.Fatalf("got %v %q: %v", op, payload, err)
		}
		return f, 0
	}
}

func request(module, action, data string) string {
	if data != "" {
		data = `,"Data":` + data
	}
	return `{"Module":"` + module + `","Action":"` + action + `"` + data + `}`
}

// call sends a request and returns its reply; pushes in between are dropped.
func (c *client) call(module, action, data string) frame {
	c.t.Helper()
	c.send(request(module, action, data))
	for {
		if f := c.next(); f.Code != nil {
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

// pushed reads the next message, which must be what a backend pushed.
func (c *client) pushed() map[string]any {
	c.t.Helper()
	f := c.next()
	if f.Code != nil || f.Module != "push" || f.Action != "Message" {
		c.t.Fatalf("want a push, got %+v", f)
	}
	return f.Data
}

// closed reads up to the Close frame, which must have this code, and returns
// its reason.
func (c *client) closed(code int) string {
	c.t.Helper()
	got, reason := c.closing()
	if got != code {
		c.t.Fatalf("closed %d %q, want %d", got, reason, code)
	}
	return reason
}

func (c *client) closing() (int, string) {
	c.t.Helper()
	for {
		if op, payload := c.read(); op == ws.OpClose {
			code, reason := ws.ParseCloseFrameData(payload)
			return int(code), reason
		}
	}
}
