package store_test

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"pushd/internal/chat"
	"pushd/internal/codec"
	"pushd/internal/store"
	"pushd/internal/store/storetest"
)

var engines = storetest.Engines()

// raw opens a store's database beside it.
func raw(t testing.TB, url string) *sql.DB {
	t.Helper()
	driver := "pgx"
	file, ok := strings.CutPrefix(url, "sqlite:")
	if ok {
		driver, url = "sqlite", "file:"+file+"?_busy_timeout=5000"
	}
	db, err := sql.Open(driver, url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func execute(t *testing.T, db *sql.DB, query string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatal(err)
	}
}

func onBoth(t *testing.T, f func(t *testing.T, s *store.Store, db *sql.DB)) {
	for _, engine := range engines {
		t.Run(string(engine), func(t *testing.T) {
			url := storetest.URL(t, engine)
			s := storetest.OpenURL(t, url)
			f(t, s, raw(t, url))
		})
	}
}

var lastID int

func say(t *testing.T, s *store.Store, from, conv, text string, time int64) chat.Message {
	t.Helper()
	lastID++
	m, _, err := s.Append(t.Context(), chat.Draft{
		ID: fmt.Sprintf("01SAID%020d", lastID), Conv: conv, From: from, Time: time,
		Body: chat.Body{Type: chat.TypeText, Text: text},
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// One row for everybody; and who comes later doesn't find the old ones unread.
func TestBroadcasts(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, db *sql.DB) {
		ctx := t.Context()
		account := func(id string, created int64) {
			execute(t, db, `INSERT INTO users (id, created) VALUES ($1, $2)`, id, created)
		}
		account("early", 1)
		say(t, s, "admin", chat.Everyone, "first", 10)
		say(t, s, "admin", chat.Everyone, "second", 20)
		account("middle", 15)
		for _, test := range []struct {
			user   string
			unread int
			join   uint64
		}{{"early", 2, 0}, {"middle", 1, 1}, {"stranger", 0, 2}} {
			h, err := s.Head(ctx, test.user, chat.Everyone, 0)
			if err != nil || h.Unread != test.unread || h.JoinSeq != test.join {
				t.Errorf("%s: %+v, %v", test.user, h, err)
			}
			if n, err := s.Unread(ctx, test.user); err != nil || n != test.unread {
				t.Errorf("unread of %s: %d, %v", test.user, n, err)
			}
		}
		say(t, s, "admin", chat.Everyone, "third", 30)
		if n, err := s.Unread(ctx, "stranger"); err != nil || n != 1 {
			t.Errorf("a stranger stays where they came in: unread %d, %v", n, err)
		}
		if now, moved, err := s.SetRead(ctx, chat.Everyone, "early", 3); err != nil || !moved || now != 3 {
			t.Errorf("read mark: %d, %v, %v", now, moved, err)
		}
		page, _, err := s.Moved(ctx, "newcomer", nil, "", 10)
		if err != nil || len(page) != 1 || page[0].Unread != 0 {
			t.Errorf("moved for a newcomer: %+v, %v", page, err)
		}
		var rows int
		if err := db.QueryRowContext(ctx, `SELECT COUNT(*) FROM messages`).Scan(&rows); err != nil || rows != 3 {
			t.Errorf("%d rows of messages, want 3; %v", rows, err)
		}
	})
}

func TestGroups(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, db *sql.DB) {
		ctx := t.Context()
		execute(t, db, `INSERT INTO conversations (key, last_time) VALUES ('g:G', 5)`)
		var number int64
		if err := db.QueryRowContext(ctx, `SELECT id FROM conversations WHERE key = 'g:G'`).Scan(&number); err != nil {
			t.Fatal(err)
		}
		execute(t, db, `INSERT INTO groups (id, conversation, join_mode, member_limit, created) VALUES ('G', $1, 'open', 500, 5)`, number)
		join := func(user string, seq int) {
			execute(t, db, `INSERT INTO members (conversation, "user", join_seq) VALUES ($1, $2, $3)`, number, user, seq)
		}
		join("alice", 0)
		join("bob", 0)
		join("carol", 0)
		lastID++
		mention := chat.Draft{
			ID: fmt.Sprintf("01SAID%020d", lastID), Conv: "g:G", From: "alice", Time: 10,
			Body: chat.Body{Type: chat.TypeText, Text: "all"}, Mention: []string{"*"},
		}
		if _, _, err := s.Append(ctx, mention); err != nil {
			t.Fatal(err)
		}
		join("late", 1)
		say(t, s, "bob", "g:G", "two", 20)
		say(t, s, "backend", "g:G", "three", 30)
		for _, test := range []struct {
			user      string
			unread    int
			mentioned bool
		}{{"alice", 2, false}, {"bob", 1, false}, {"carol", 3, true}, {"late", 2, false}} {
			h, err := s.Head(ctx, test.user, "g:G", 0)
			if err != nil || h.Unread != test.unread || h.Mentioned != test.mentioned || h.Last == nil ||
				h.Last.Text != "three" {
				t.Errorf("%s: %+v, %v", test.user, h, err)
			}
		}
		// The sender is nobody's reader, and who came later is neither.
		for _, test := range []struct {
			read bool
			want string
		}{{true, "[bob] 1"}, {false, "[carol] 1"}} {
			users, _, total, err := s.Readers(ctx, "g:G", 1, test.read, 10, "")
			if got := fmt.Sprint(users, " ", total); err != nil || got != test.want {
				t.Errorf("read %v: %s, %v; want %s", test.read, got, err, test.want)
			}
		}
		first, next, total, err := s.Readers(ctx, "g:G", 3, false, 2, "")
		second, end, _, err2 := s.Readers(ctx, "g:G", 3, false, 2, next)
		if got := fmt.Sprint(first, second, total, end == ""); err != nil || err2 != nil ||
			got != "[alice bob] [carol late] 4 true" {
			t.Errorf("readers by pages: %s, %v, %v", got, err, err2)
		}
		if found, _, err := s.Search(ctx, "late", "all", "", 10, "", 0); err != nil || len(found) > 0 {
			t.Errorf("who came later finds %v, %v", found, err)
		}
		if _, err := s.Message(ctx, "late", mention.ID); err == nil {
			t.Error("who came later reads what was said before")
		}
		if _, err := s.Head(ctx, "backend", "g:G", 0); err == nil {
			t.Error("sending made the sender a member")
		}
		// A dismissed group leaves its conversation behind, and nobody can add to it.
		execute(t, db, `DELETE FROM groups`)
		_, _, err = s.Append(ctx, chat.Draft{
			ID: "x", Conv: "g:G", From: "bob", Time: 40,
			Body: chat.Body{Type: chat.TypeText},
		})
		if e := codec.AsError(err); e == nil || e.Code != codec.CodeNotFound {
			t.Errorf("send to a dismissed group: %v", err)
		}
	})
}

// An account deleted and made anew takes part again, from where it came back.
func TestNamesake(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, db *sql.DB) {
		ctx := t.Context()
		say(t, s, "alice", "s:alice:bob", "to the first bob", 1)
		say(t, s, "system", "n:bob", "to the first bob", 2)
		execute(t, db, `DELETE FROM members WHERE "user" = 'bob'`)
		if _, err := s.Head(ctx, "bob", "s:alice:bob", 0); err == nil {
			t.Error("the deleted bob is still in")
		}
		if h, err := s.Head(ctx, "bob", "n:bob", 0); err != nil || h.Unread != 0 || h.JoinSeq != 1 {
			t.Errorf("notices of another bob: %+v, %v", h, err)
		}
		say(t, s, "alice", "s:alice:bob", "to the second bob", 3)
		if h, err := s.Head(ctx, "bob", "s:alice:bob", 0); err != nil || h.Unread != 1 || h.JoinSeq != 1 ||
			h.Last.Text != "to the second bob" {
			t.Errorf("the second bob: %+v, %v", h, err)
		}
	})
}
