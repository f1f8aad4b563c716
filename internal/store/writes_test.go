package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"pushd/internal/chat"
	"pushd/internal/codec"
	"pushd/internal/store"
	"pushd/internal/store/commit"
	"pushd/internal/store/storetest"
)

func count(t testing.TB, db *sql.DB, table string) (n int) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM `+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func unavailable(err error) bool {
	var e *codec.Error
	return errors.As(err, &e) && e.Code == codec.CodeUnavailable && e.Temporary
}

func insertUser(ctx context.Context, tx *sql.Tx, id string) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO users (id, created) VALUES ($1, 0)`, id)
	return err
}

// Writes that fail, each in its own way, among others that share their commit.
func TestWritesTogether(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, db *sql.DB) {
		ctx := t.Context()
		taken := codec.Errorf(codec.CodeConflict, "taken")
		var wg sync.WaitGroup
		for n := range 200 {
			wg.Go(func() {
				id := fmt.Sprintf("user%d", n)
				var want func(error) bool
				mine, cancel := context.WithCancel(ctx)
				defer cancel()
				fail := func(context.Context, *sql.Tx) error { return nil }
				switch n % 5 {
				case 0:
					want = func(err error) bool { return err == nil }
				case 1:
					want = func(err error) bool { return errors.Is(err, taken) }
					fail = func(context.Context, *sql.Tx) error { return taken }
				case 2: // a statement that the database refuses
					want = func(err error) bool {
						return codec.AsError(err) != nil && codec.AsError(err).Code == codec.CodeInternal
					}
					fail = func(ctx context.Context, tx *sql.Tx) error { return insertUser(ctx, tx, id) }
				case 3: // its caller gives up in the middle
					want = func(err error) bool { return err != nil }
					fail = func(ctx context.Context, tx *sql.Tx) error {
						cancel()
						return insertUser(ctx, tx, id+"again")
					}
				case 4:
					want = nil
					fail = func(context.Context, *sql.Tx) error { panic("f is wrong") }
				}
				panicked, err := func() (panicked any, err error) {
					defer func() { panicked = recover() }()
					return nil, s.Write(mine, func(tx *sql.Tx) error {
						if err := insertUser(mine, tx, id); err != nil {
							return err
						}
						return fail(mine, tx)
					})
				}()
				switch {
				case want == nil && (panicked == nil || !strings.Contains(fmt.Sprint(panicked), "f is wrong")):
					t.Errorf("%d: panicked %v, %v", n, panicked, errors.Unwrap(err))
				case want != nil && !want(err):
					t.Errorf("%d: %v, %v", n, err, errors.Unwrap(err))
				}
			})
			wg.Go(func() {
				d := chat.Draft{
					ID: fmt.Sprintf("m%d", n), Conv: "n:box", From: "system",
					Body: chat.Body{Type: chat.TypeText, Text: "hi"},
				}
				if _, _, err := s.Append(ctx, d); err != nil {
					t.Errorf("a message among them: %v", err)
				}
			})
		}
		wg.Wait()
		if n := count(t, db, "users"); n != 40 {
			t.Errorf("%d writes took effect, want 40", n)
		}
		if n := count(t, db, "messages"); n != 200 {
			t.Errorf("%d messages, want 200", n)
		}
	})
}

// block keeps the writer busy until the function returned is called.
func block(t *testing.T, s *store.Store) (release func()) {
	t.Helper()
	begun, end, ended := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		ended <- s.Write(context.Background(), func(*sql.Tx) error {
			close(begun)
			<-end
			return nil
		})
	}()
	<-begun
	return sync.OnceFunc(func() {
		close(end)
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// Who gives up while waiting is not written; and the queue has an end.
func TestWaiting(t *testing.T) {
	url := storetest.URL(t, storetest.SQLite)
	s := storetest.OpenURL(t, url)
	say(t, s, "alice", "s:alice:bob", "first", 1)
	release := block(t, s)
	defer release()

	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, _, err := s.Append(ctx, chat.Draft{
		ID: "late", Conv: "s:alice:bob", From: "alice", ClientID: "c",
		Body: chat.Body{Type: chat.TypeText},
	})
	if !unavailable(err) {
		t.Errorf("a caller without time: %v", err)
	}
	if err := s.Write(ctx, func(*sql.Tx) error { panic("called") }); !unavailable(err) {
		t.Errorf("a caller without time: %v", err)
	}
	// Reading needs no writer.
	if page, _, err := s.Page(t.Context(), "bob", "s:alice:bob", chat.PageQuery{Limit: 5}); err != nil || len(page) != 1 {
		t.Errorf("reading meanwhile: %v, %v", page, err)
	}

	var wg sync.WaitGroup
	results := make(chan error, commit.MaxQueue+500)
	for n := range cap(results) {
		wg.Go(func() {
			_, _, err := s.Append(t.Context(), chat.Draft{
				ID: fmt.Sprintf("q%d", n), Conv: "n:bob", From: "alice",
				Body: chat.Body{Type: chat.TypeText},
			})
			results <- err
		})
	}
	refused := 0
	for range 400 { // these come back at once; the others wait
		if err := <-results; !unavailable(err) {
			t.Fatalf("a full queue: %v", err)
		}
		refused++
	}
	release()
	wg.Wait()
	close(results)
	for err := range results {
		if unavailable(err) {
			refused++
		} else if err != nil {
			t.Error(err)
		}
	}
	page, more, err := s.Page(t.Context(), "bob", "n:bob", chat.PageQuery{Forward: true, Limit: 2 * commit.MaxQueue})
	if err != nil || more || len(page)+refused != commit.MaxQueue+500 {
		t.Errorf("%d stored and %d refused of %d; %v", len(page), refused, commit.MaxQueue+500, err)
	}
	for i, m := range page {
		if m.Seq != uint64(i+1) {
			t.Fatalf("seq %d at %d", m.Seq, i+1)
		}
	}
	if _, err := s.Message(t.Context(), "alice", "late"); err == nil {
		t.Error("what was withdrawn has been stored")
	}
}

// Close waits for what was taken, and refuses what comes later.
func TestCloseWaits(t *testing.T) {
	for _, engine := range engines {
		t.Run(string(engine), func(t *testing.T) {
			url := storetest.URL(t, engine)
			s, err := store.Open(t.Context(), store.Options{URL: url})
			if err != nil {
				t.Fatal(err)
			}
			var mu sync.Mutex
			stored := map[string]bool{}
			var wg sync.WaitGroup
			for n := range 50 {
				wg.Go(func() {
					for i := range 100 {
						id := fmt.Sprintf("%d-%d", n, i)
						_, _, err := s.Append(t.Context(), chat.Draft{
							ID: id, Conv: "n:box", From: "system",
							Body: chat.Body{Type: chat.TypeText},
						})
						if err == nil {
							mu.Lock()
							stored[id] = true
							mu.Unlock()
						} else if !unavailable(err) {
							t.Error(err)
						}
					}
				})
			}
			time.Sleep(5 * time.Millisecond)
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			wg.Wait()
			s = storetest.OpenURL(t, url)
			page, _, err := s.Page(t.Context(), "", "n:box", chat.PageQuery{Forward: true, Limit: 5000})
			if len(stored) > 0 && err != nil {
				t.Fatal(err)
			}
			if len(page) != len(stored) {
				t.Errorf("%d stored, %d answered", len(page), len(stored))
			}
			for _, m := range page {
				if !stored[m.ID] {
					t.Errorf("%s is stored, and its sender was told that it isn't", m.ID)
				}
			}
		})
	}
}
