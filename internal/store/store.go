// Package store keeps accounts, conversations, messages, groups and friends in
// SQL: in SQLite within the process by default, or in PostgreSQL. It implements
// the ports that packages account and chat declare.
//
// Both engines are spoken to with the same text, as SQLite knows $1 too; only
// the schemas (migrations/), full-text search and the appending of many messages
// at once differ.
package store

import (
	"database/sql"
	"log/slog"
	"os"
	"time"

	"pushd/internal/chat"
)

// Options say where the database is.
type Options struct {
	// URL is sqlite:FILE or postgres://… as pgx reads it.
	URL string
	// Connections is how many read at the same time; 0 is chosen by engine.
	Connections int
	Clock       func() time.Time // time.Now if nil
	Log         *slog.Logger     // slog.DiscardHandler if nil
}

// Store is an open database. Its methods may be called from any goroutine.
type Store struct {
	engine  engine
	log     *slog.Logger
	clock   func() time.Time
	url     string
	file    string      // of SQLite
	lock    *os.File    // keeps other servers away from the file; nil on PostgreSQL
	reads   *sql.DB     // SQLite: several connections that see the last commit; PostgreSQL: a pool
	writes  *sql.DB     // SQLite: the one connection that writes; PostgreSQL: a smaller pool
	appends *sql.DB     // PostgreSQL: the connection for messages; nil on SQLite
	cached  *statements // for reads
	batch   *statements // for the writer of SQLite
	writer  *writer
}

var (
	_ chat.Messages      = (*Store)(nil)
	_ chat.Conversations = (*Store)(nil)
)

// engine is which database it is.
type engine uint8

const (
	sqlite engine = iota + 1
	postgres
)

// now is Unix milliseconds.
func (s *Store) now() int64 { return s.clock().UnixMilli() }
