package system

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"pushd/internal/protocol/protocoltest"
	"pushd/internal/store/storetest"
	"pushd/internal/testwait"
	"pushd/test/internal/serverproc"
)

// killRounds is how often the server is killed on each engine; PUSHD_KILL_ROUNDS
// asks for more.
func killRounds(t *testing.T) int {
	text := os.Getenv("PUSHD_KILL_ROUNDS")
	if text == "" {
		return 6
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("PUSHD_KILL_ROUNDS: %v", err)
	}
	return n
}

// TestNothingAcknowledgedIsLost kills the server with SIGKILL while users write
// to each other and to a group, again and again. What was answered must be there
// afterwards with the id and the seq of the answer, once, and no conversation may
// have a hole; what was not answered is sent again with its client_id and may be
// there once.
func TestNothingAcknowledgedIsLost(t *testing.T) {
	for _, engine := range []storetest.Engine{storetest.SQLite, storetest.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			url := "sqlite:" + filepath.Join(t.TempDir(), "kill.db")
			if engine == storetest.Postgres {
				url = storetest.URL(t, engine)
			}
			const writers = 16
			l := &ledger{}
			for i := range writers {
				l.writers = append(l.writers, &writer{user: fmt.Sprintf("writer-%d", i), ledger: l})
			}
			start := func() *server {
				return &server{serverproc.StartWith(t, serverproc.Options{Fails: true}, "--dev", "--store", url, "--rate.messages", "0"), t, "dev"}
			}
			s := start()
			l.group(s)
			rounds := killRounds(t)
			for range rounds {
				var running sync.WaitGroup
				for _, w := range l.writers {
					running.Go(func() { w.write(s.Listen) })
				}
				time.Sleep(300*time.Millisecond + rand.N(500*time.Millisecond))
				s.Signal(t, syscall.SIGKILL)
				_ = s.Wait(t) // it was killed
				running.Wait()
				s = start()
			}
			l.check(t, s)
			t.Logf("%d rounds: %d messages acknowledged, %d sent again after a kill, %d of them there already", rounds, l.acked, l.again, l.duplicates)
			if l.acked < rounds*writers || l.again == 0 {
				t.Error("too little happened for this to say anything")
			}
		})
	}
}

// ledger is what was sent and what was answered, outside the server.
type ledger struct {
	writers []*writer

	mu         sync.Mutex
	acked      int
	again      int
	duplicates int
	faults     []string
}

// sent is one message.
type sent struct {
	to, clientID string
	conv, id     string // of the answer; "" before there is one
	seq          uint64
}

// writer is one user who sends one message after the other.
type writer struct {
	user    string
	ledger  *ledger
	sent    []*sent
	pending *sent
}

func (l *ledger) group(s *server) {
	var users []string
	for _, w := range l.writers {
		users = append(users, w.user)
	}
	body, err := json.Marshal(map[string]any{"users": users})
	if err != nil {
		s.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPut, "http://"+s.Admin+"/api/groups/team", strings.NewReader(string(body)))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer dev")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	text, _ := io.ReadAll(response.Body)
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		s.t.Fatalf("group: %d %s", response.StatusCode, text)
	}
}

// write logs in and sends until the server is gone.
func (w *writer) write(address string) {
	if err := w.session(address); !errors.Is(err, errGone) {
		w.ledger.mu.Lock()
		w.ledger.faults = append(w.ledger.faults, w.user+": "+err.Error())
		w.ledger.mu.Unlock()
	}
}

// errGone is the end that a killed server makes.
var errGone = errors.New("the server is gone")

func (w *writer) session(address string) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return errGone
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(testwait.Patience))
	r := bufio.NewReader(conn)
	if _, err := io.WriteString(conn, handshake("/ws")); err != nil {
		return errGone
	}
	response, err := http.ReadResponse(r, nil)
	if err != nil {
		return errGone
	}
	_ = response.Body.Close()
	protocol, err := description()
	if err != nil {
		return err
	}
	frames := protocol.Connection()
	if _, err := call(conn, r, frames, "robot", "Login", map[string]any{"UserId": w.user, "PlatId": "1"}); err != nil {
		return err
	}
	for {
		m := w.pending
		if m == nil {
			n := len(w.sent)
			m = &sent{to: "group:team", clientID: fmt.Sprintf("%s-%d", w.user, n)}
			if n%2 == 0 {
				m.to = "user:" + w.ledger.writers[rand.N(len(w.ledger.writers))].user
				if m.to == "user:"+w.user {
					m.to = "group:team"
				}
			}
			w.sent, w.pending = append(w.sent, m), m
		} else {
			w.ledger.mu.Lock()
			w.ledger.again++
			w.ledger.mu.Unlock()
		}
		reply, err := call(conn, r, frames, "chat", "Send", map[string]any{"to": m.to, "type": "text", "text": m.clientID, "client_id": m.clientID})
		if err != nil {
			return err
		}
		m.conv, m.id, m.seq = reply.Conv, reply.ID, reply.Seq
		w.pending = nil
		w.ledger.mu.Lock()
		w.ledger.acked++
		if reply.Duplicate {
			w.ledger.duplicates++
		}
		w.ledger.mu.Unlock()
	}
}

type chatReply struct {
	ID, Conv  string
	Seq       uint64
	Duplicate bool
	Messages  []struct {
		ID, Type, Text string
		Seq            uint64
	}
	More bool
}

// call sends a request and returns its reply; pushes in between are dropped.
func call(conn net.Conn, r *bufio.Reader, frames *protocoltest.Connection, module, action string, data any) (reply chatReply, err error) {
	payload, err := json.Marshal(map[string]any{"Module": module, "Action": action, "Data": data})
	if err != nil {
		return reply, err
	}
	frames.Sent(payload)
	if _, err := io.WriteString(conn, text(string(payload))); err != nil {
		return reply, errGone
	}
	for {
		h, err := ws.ReadHeader(r)
		if err != nil || h.OpCode != ws.OpText {
			return reply, errGone
		}
		payload := make([]byte, h.Length) // the server under test declares it
		if _, err := io.ReadFull(r, payload); err != nil {
			return reply, errGone
		}
		if err := frames.Received(payload); err != nil {
			return reply, err
		}
		var envelope struct {
			Code *int
			Msg  string
			Data chatReply
		}
		if err := json.Unmarshal(payload, &envelope); err != nil {
			return reply, fmt.Errorf("%w in %s", err, payload)
		}
		switch {
		case envelope.Code == nil:
		case *envelope.Code == 0:
			return envelope.Data, nil
		default:
			return reply, fmt.Errorf("%s.%s: %d %s", module, action, *envelope.Code, envelope.Msg)
		}
	}
}

// check reads every conversation back and holds it against what was answered.
func (l *ledger) check(t *testing.T, s *server) {
	t.Helper()
	for _, fault := range l.faults {
		t.Error(fault)
	}
	type place struct {
		conv string
		seq  uint64
	}
	texts := map[place]string{} // what stands where
	ids := map[place]string{}
	times := map[string]int{} // how often a text is there
	read := map[string]bool{}
	for _, w := range l.writers {
		c := s.login(w.user, "web")
		for _, m := range w.sent {
			if m.conv == "" || read[m.conv] {
				continue
			}
			read[m.conv] = true
			for after, more := uint64(0), true; more; {
				var page chatReply
				decode(t, c.ok("chat", "History", fmt.Sprintf(`{"conv":%q,"after":%d,"limit":200}`, m.conv, after)), &page)
				for i := len(page.Messages) - 1; i >= 0; i-- { // newest first
					p := page.Messages[i]
					if p.Seq != after+1 {
						t.Fatalf("%s: %d comes after %d", m.conv, p.Seq, after)
					}
					after = p.Seq
					if p.Type == "notice" { // who joined the group
						continue
					}
					texts[place{m.conv, p.Seq}], ids[place{m.conv, p.Seq}] = p.Text, p.ID
					times[p.Text]++
				}
				more = page.More
			}
		}
		c.Close()
	}
	for _, w := range l.writers {
		for _, m := range w.sent {
			at := place{m.conv, m.seq}
			switch {
			case m == w.pending: // not answered: there once or not at all
			case texts[at] != m.clientID || ids[at] != m.id:
				t.Errorf("%s was acknowledged as %s %d with id %s; there is %q with id %s", m.clientID, m.conv, m.seq, m.id, texts[at], ids[at])
			}
			if n := times[m.clientID]; n > 1 {
				t.Errorf("%s is there %d times", m.clientID, n)
			}
			delete(times, m.clientID)
		}
	}
	if len(times) > 0 {
		t.Errorf("nobody sent these: %v", times)
	}
	s.consistent()
}

func decode(t *testing.T, data map[string]any, v any) {
	t.Helper()
	b, err := json.Marshal(data)
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	if err != nil {
		t.Fatal(err)
	}
}
