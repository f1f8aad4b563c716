// Package storetest is the suites of the ports that a store has, one for each service:
// Chat, Accounts, Files, PushTokens, and Deletions between them. They are written
// against the ports and run on the real store with each engine and on every fake of a
// port; a new case is a line in suites.go. The package also opens databases, for the
// tests of others.
package storetest

import (
	"fmt"
	"path/filepath"
	"testing"

	"pushd/internal/store"
)

// Engine is which database a test runs on.
type Engine string

// The engines. PostgreSQL is the server that PUSHD_TEST_POSTGRES names, or else
// one that is started from Debian's binaries; call Stop before the process ends.
const (
	SQLite   Engine = "sqlite"
	Postgres Engine = "postgres"
)

// Engines are all of them.
func Engines() []Engine { return []Engine{SQLite, Postgres} }

// Open makes an empty database, which goes when the test ends.
func Open(tb testing.TB, engine Engine) *store.Store {
	tb.Helper()
	return OpenURL(tb, URL(tb, engine))
}

// OpenURL opens a database, such as one of URL, until the test ends.
func OpenURL(tb testing.TB, url string) *store.Store {
	tb.Helper()
	s, err := store.Open(tb.Context(), store.Options{URL: url})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("close the store: %v", err)
		}
	})
	return s
}

// URL is where an empty database is, for tests that open one more than once.
func URL(tb testing.TB, engine Engine) string {
	tb.Helper()
	switch engine {
	case SQLite:
		return "sqlite:" + filepath.Join(tb.TempDir(), "test.db")
	case Postgres:
		return newDatabase(tb)
	}
	panic(fmt.Sprintf("storetest: no engine %q", engine))
}
