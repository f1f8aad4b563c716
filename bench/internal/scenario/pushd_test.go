package scenario_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/pprof"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// fakePushd is a small server that speaks the robot and topic modules and the
// part of the admin API that scenarios use. The fields change its behaviour.
type fakePushd struct {
	RefuseLogin func(user string) bool
	Deliver     func(round, client int) (times int) // of a broadcast; nil: once
	DropAfter   time.Duration                       // sockets are cut this long after login
	RefuseAfter int                                 // five connections after so many are cut off at once
	StaleSeq    bool                                // Ping replies carry a wrong Seq
	Bare        bool                                // echo only
	Centrifugo  bool                                // its protocol
	ChatSeq     func(n int) int                     // the seq of a pair's n-th message, from 1; nil: n

	mu       sync.Mutex
	clients  []*fakeClient
	accepted int
	pongs    int
	rounds   int
	logins   []string
	pairs    map[string]int // messages of each pair
}

type fakeClient struct {
	mu    sync.Mutex
	conn  net.Conn
	topic string
	user  string
}

func (c *fakeClient) write(payload []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = wsutil.WriteServerText(c.conn, payload)
}

// start serves on two loopback ports until the test ends.
func (s *fakePushd) start(t *testing.T) (wsURL, adminURL string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { s.serve(conn) })
		}
	})
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/broadcast", s.push)
	mux.HandleFunc("POST /api/push", s.push)
	mux.HandleFunc("POST /api/batch", s.push)
	mux.HandleFunc("POST /broadcast", s.bareBroadcast)
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	admin := &http.Server{Handler: mux}
	al, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	running.Go(func() { _ = admin.Serve(al) })
	t.Cleanup(func() {
		l.Close()
		admin.Close()
		s.mu.Lock()
		for _, c := range s.clients {
			c.conn.Close()
		}
		s.mu.Unlock()
		running.Wait()
	})
	return fmt.Sprintf("ws://%s/ws", l.Addr()), fmt.Sprintf("http://%s", al.Addr())
}

func (s *fakePushd) serve(conn net.Conn) {
	defer conn.Close()
	if s.refuses() {
		return
	}
	if _, err := (ws.Upgrader{}).Upgrade(conn); err != nil {
		return
	}
	c := &fakeClient{conn: conn}
	if s.Bare {
		s.join(c)
	}
	defer s.leave(c)
	for {
		payload, op, err := wsutil.ReadClientData(lockedConn{conn, &c.mu})
		if err != nil {
			return
		}
		if s.Bare {
			c.mu.Lock()
			err = wsutil.WriteServerMessage(conn, op, payload)
			c.mu.Unlock()
		} else if s.Centrifugo {
			err = s.centrifugo(c, payload)
		} else {
			err = s.handle(c, payload)
		}
		if err != nil {
			return
		}
	}
}

// lockedConn lets wsutil answer control frames without mixing with pushes.
type lockedConn struct {
	net.Conn
	mu *sync.Mutex
}

func (c lockedConn) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.Conn.Write(b)
}

// centrifugo answers a connect, and an empty ping and two answers in one message to all else.
func (s *fakePushd) centrifugo(c *fakeClient, payload []byte) error {
	var r struct {
		ID      uint32
		Connect *struct{ Token string }
	}
	if err := json.Unmarshal(payload, &r); err != nil {
		return err
	}
	switch {
	case r.ID == 0:
		s.mu.Lock()
		defer s.mu.Unlock()
		s.pongs++
	case r.Connect == nil:
		c.write(fmt.Appendf(nil, `{"push":{"channel":"other"}}`+"\n"+`{"id":%d,"rpc":{}}`, r.ID))
	case s.RefuseLogin != nil && s.RefuseLogin(r.Connect.Token):
		c.write([]byte(`{"id":1,"error":{"code":101}}`))
	default:
		s.join(c)
		c.write([]byte(`{"id":1,"connect":{}}`))
		c.write([]byte(`{}`))
	}
	return nil
}

// refuses tells whether the next connection is one of the five to be cut off.
func (s *fakePushd) refuses() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accepted++
	n := s.accepted - s.RefuseAfter
	return s.RefuseAfter > 0 && n > 0 && n <= 5
}

func (s *fakePushd) handle(c *fakeClient, payload []byte) error {
	var r struct {
		Module, Action string
		Seq            *uint32
		Data           struct {
			UserID string `json:"UserId"`
			Token  string
			Topic  string `json:"topic"`
			To     string `json:"to"`
			Text   string `json:"text"`
		}
	}
	if err := json.Unmarshal(payload, &r); err != nil {
		return err
	}
	reply := map[string]any{"Module": r.Module, "Action": r.Action, "Code": 0}
	if r.Seq != nil {
		reply["Seq"] = *r.Seq
		if s.StaleSeq {
			reply["Seq"] = *r.Seq + 1
		}
	}
	switch r.Module + "." + r.Action {
	case "robot.Login":
		if s.RefuseLogin != nil && s.RefuseLogin(r.Data.UserID) {
			reply["Code"], reply["Msg"] = 401, "token refused"
			break
		}
		c.user = r.Data.UserID
		s.join(c)
		s.mu.Lock()
		s.logins = append(s.logins, r.Data.UserID+" "+r.Data.Token)
		s.mu.Unlock()
		if s.DropAfter > 0 {
			time.AfterFunc(s.DropAfter, func() { c.conn.Close() })
		}
	case "topic.Subscribe":
		c.topic = r.Data.Topic
	case "chat.Send":
		reply["Data"] = map[string]int{"seq": s.chat(c.user, strings.TrimPrefix(r.Data.To, "user:"), r.Data.Text)}
	}
	b, err := json.Marshal(reply)
	c.write(b)
	return err
}

// chat delivers a text to another user, as often as Deliver says, and numbers it.
func (s *fakePushd) chat(from, to, text string) (seq int) {
	s.mu.Lock()
	if s.pairs == nil {
		s.pairs = map[string]int{}
	}
	key := min(from, to) + " " + max(from, to)
	s.pairs[key]++
	seq = s.pairs[key]
	s.mu.Unlock()
	if s.ChatSeq != nil {
		seq = s.ChatSeq(seq)
	}
	payload, err := json.Marshal(map[string]any{"Module": "chat", "Action": "Message", "Data": map[string]any{"from": from, "seq": seq, "text": text}})
	if err == nil {
		s.deliver(payload, func(c *fakeClient) bool { return c.user == to })
	}
	return seq
}

func (s *fakePushd) join(c *fakeClient) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clients = append(s.clients, c)
}

func (s *fakePushd) leave(c *fakeClient) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, other := range s.clients {
		if other == c {
			s.clients = append(s.clients[:i], s.clients[i+1:]...)
			return
		}
	}
}

type fakePush struct {
	Topics  []string        `json:"topics"`
	Users   []string        `json:"users"`
	Message json.RawMessage `json:"message"`
}

func (s *fakePushd) push(w http.ResponseWriter, req *http.Request) {
	var r struct {
		fakePush
		Items []fakePush `json:"items"`
	}
	if err := json.NewDecoder(req.Body).Decode(&r); err != nil || req.Header.Get("Authorization") != "Bearer dev" {
		http.Error(w, "refused", http.StatusForbidden)
		return
	}
	if req.URL.Path != "/api/batch" {
		_, _ = io.WriteString(w, s.one(r.fakePush))
		return
	}
	var results []string
	for _, p := range r.Items {
		results = append(results, s.one(p))
	}
	_, _ = fmt.Fprintf(w, `{"results":[%s]}`, strings.Join(results, ","))
}

func (s *fakePushd) one(p fakePush) string {
	payload := fmt.Appendf(nil, `{"Module":"push","Action":"Message","Data":%s}`, p.Message)
	n := s.deliver(payload, func(c *fakeClient) bool {
		return len(p.Topics)+len(p.Users) == 0 || slices.Contains(p.Topics, c.topic) || slices.Contains(p.Users, c.user)
	})
	return fmt.Sprintf(`{"id":"1","sessions":%d}`, n)
}

func (s *fakePushd) bareBroadcast(_ http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	for line := range bytes.SplitSeq(body, []byte("\n")) {
		s.deliver(line, func(*fakeClient) bool { return true })
	}
}

func (s *fakePushd) deliver(payload []byte, to func(*fakeClient) bool) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, c := range s.clients {
		times := 1
		if s.Deliver != nil {
			times = s.Deliver(s.rounds, i)
		}
		if !to(c) {
			continue
		}
		for range times {
			c.write(payload)
			n++
		}
	}
	s.rounds++
	return n
}
