package store_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"pushd/internal/chat"
	"pushd/internal/store"
	"pushd/internal/store/storetest"
)

// logged is a log that a test can read while it is written.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), text)
}

func openLogged(t *testing.T, url string) (*store.Store, *logged) {
	t.Helper()
	log := &logged{}
	s, err := store.Open(t.Context(), store.Options{URL: url, Log: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, log
}

func try(t *testing.T, s *store.Store, id string) error {
	_, _, err := s.Append(t.Context(), chat.Draft{
		ID: id, Conv: "s:alice:bob", From: "alice", ClientID: id,
		Body: chat.Body{Type: chat.TypeText, Text: id},
	})
	return err
}

// recovers sends until it works again, by itself.
func recovers(t *testing.T, s *store.Store, id string) {
	t.Helper()
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		err := try(t, s, id)
		if err == nil {
			return
		}
		if !unavailable(err) || time.Since(began) > 20*time.Second {
			t.Fatalf("it does not recover: %v", err)
		}
	}
}

// whole checks that a conversation has these messages, in their order.
func whole(t *testing.T, s *store.Store, ids ...string) {
	t.Helper()
	page, more, err := s.Page(t.Context(), "alice", "s:alice:bob", chat.PageQuery{Forward: true, Limit: 1000})
	if err != nil || more || len(page) != len(ids) {
		t.Fatalf("%d messages, want %d; %v", len(page), len(ids), err)
	}
	for i, m := range page {
		if m.ID != ids[i] || m.Seq != uint64(i+1) {
			t.Errorf("at %d: %s, seq %d; want %s", i+1, m.ID, m.Seq, ids[i])
		}
	}
}

// Another program holds the file: sends are refused, reading goes on, and after
// it all is as before.
func TestLocked(t *testing.T) {
	url := storetest.URL(t, storetest.SQLite)
	s, log := openLogged(t, url)
	if err := try(t, s, "a"); err != nil {
		t.Fatal(err)
	}
	other, err := raw(t, url).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if err := try(t, s, fmt.Sprint("lost", i)); !unavailable(err) {
			t.Errorf("send %d to a locked database: %v", i, err)
		}
		whole(t, s, "a")
	}
	if _, err := other.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	recovers(t, s, "b")
	whole(t, s, "a", "b")
	if log.count("takes no writes") != 1 || log.count("takes writes again") != 1 ||
		log.count("another program holds the file") != 1 {
		t.Errorf("the log names the cause once: %s", log.b.String())
	}
}

// The database can't grow: what is stored already is read, and small things may
// even fit.
func TestFull(t *testing.T) {
	s, log := openLogged(t, storetest.URL(t, storetest.SQLite))
	if err := try(t, s, "a"); err != nil {
		t.Fatal(err)
	}
	pages := func(most int) {
		t.Helper()
		if _, err := s.Writes().ExecContext(t.Context(), fmt.Sprintf("PRAGMA max_page_count = %d", most)); err != nil {
			t.Fatal(err)
		}
	}
	pages(1) // as many as there are
	large := strings.Repeat("x", 20_000)
	var wg sync.WaitGroup
	for n := range 20 {
		wg.Go(func() {
			d := chat.Draft{
				ID: fmt.Sprint("lost", n), Conv: "s:alice:bob", From: "alice",
				Body: chat.Body{Type: chat.TypeText, Text: large},
			}
			if _, _, err := s.Append(t.Context(), d); !unavailable(err) {
				t.Errorf("send to a full disk: %v", err)
			}
		})
	}
	wg.Wait()
	whole(t, s, "a")
	pages(1 << 30)
	recovers(t, s, "b")
	whole(t, s, "a", "b")
	if log.count("the disk is full") == 0 || log.count("takes writes again") == 0 {
		t.Errorf("the log names the cause: %s", log.b.String())
	}
}

// link is a way to PostgreSQL that can be cut.
type link struct {
	t       *testing.T
	network string
	address string

	mu       sync.Mutex
	listener net.Listener
	at       string
	conns    []net.Conn
	wg       sync.WaitGroup
}

// lay makes a link to the server of a URL, and the URL by way of it.
func lay(t *testing.T, address string) (*link, string) {
	t.Helper()
	config, err := pgx.ParseConfig(address)
	if err != nil {
		t.Fatal(err)
	}
	l := &link{t: t, at: "127.0.0.1:0"}
	l.network, l.address = pgconn.NetworkAddress(config.Host, config.Port)
	l.mend()
	t.Cleanup(l.cut)
	user := url.User(config.User)
	if config.Password != "" {
		user = url.UserPassword(config.User, config.Password)
	}
	return l, (&url.URL{
		Scheme: "postgres", User: user, Host: l.at, Path: "/" + config.Database,
		RawQuery: "sslmode=disable",
	}).String()
}

func (l *link) mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	listener, err := net.Listen("tcp", l.at)
	if err != nil {
		l.t.Fatal(err)
	}
	l.listener, l.at = listener, listener.Addr().String()
	l.wg.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial(l.network, l.address)
			if err != nil {
				near.Close()
				continue
			}
			l.mu.Lock()
			l.conns = append(l.conns, near, far)
			l.mu.Unlock()
			for _, ends := range [][2]net.Conn{{near, far}, {far, near}} {
				l.wg.Go(func() {
					_, _ = io.Copy(ends[0], ends[1])
					ends[0].Close()
				})
			}
		}
	})
}

func (l *link) cut() {
	l.mu.Lock()
	l.listener.Close()
	for _, conn := range l.conns {
		conn.Close()
	}
	l.conns = nil
	l.mu.Unlock()
	l.wg.Wait()
}

// PostgreSQL goes away and comes back, while messages are sent.
func TestGone(t *testing.T) {
	l, address := lay(t, storetest.URL(t, storetest.Postgres))
	s, log := openLogged(t, address)
	var mu sync.Mutex
	stored, total := map[string]uint64{}, 0
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for n := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				id := fmt.Sprintf("%d-%d", n, i)
				m, _, err := s.Append(t.Context(), chat.Draft{
					ID: id, Conv: "s:alice:bob", From: "alice", ClientID: id,
					Body: chat.Body{Type: chat.TypeText, Text: id},
				})
				mu.Lock()
				total++
				if err == nil {
					stored[id] = m.Seq
				} else if !unavailable(err) {
					t.Errorf("send: %v", err)
				}
				mu.Unlock()
				if err != nil {
					time.Sleep(5 * time.Millisecond)
				}
			}
		})
	}
	for range 3 {
		time.Sleep(100 * time.Millisecond)
		l.cut()
		refused := false
		for range 100 {
			if refused = unavailable(try(t, s, "probe")); refused {
				break
			}
		}
		if !refused {
			t.Error("sends succeed without a database")
		}
		if _, err := s.Unread(t.Context(), "alice"); !unavailable(err) {
			t.Errorf("reading without a database: %v", err)
		}
		if err := s.Write(t.Context(), nil); !unavailable(err) {
			t.Errorf("writing without a database: %v", err)
		}
		l.mend()
		recovers(t, s, "probe")
	}
	close(stop)
	wg.Wait()
	if log.count("takes no writes") == 0 || log.count("takes no writes") > 6 {
		t.Errorf("the log names the cause once an outage: %s", log.b.String())
	}
	page, more, err := s.Page(t.Context(), "alice", "s:alice:bob", chat.PageQuery{Forward: true, Limit: total + 1})
	if err != nil || more {
		t.Fatal(err)
	}
	for i, m := range page {
		if m.Seq != uint64(i+1) {
			t.Fatalf("at %d is seq %d", i+1, m.Seq)
		}
		if seq, told := stored[m.ID]; told && seq != m.Seq {
			t.Errorf("%s has seq %d, its sender was told %d", m.ID, m.Seq, seq)
		}
		delete(stored, m.ID)
	}
	if len(stored) > 0 {
		t.Errorf("%d of %d answered messages are missing", len(stored), total)
	}
}
