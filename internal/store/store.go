// Package store keeps accounts, conversations, messages, groups and friends in
// SQL: in SQLite within the process by default, or in PostgreSQL. It implements
// the ports that packages account and chat declare.
//
// Both engines are spoken to with the same text, as SQLite knows $1 too; only
// the schemas (migrations/), full-text search and the appending of many messages
// at once differ.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"pushd/internal/codec"
)

// Options say where the database is.
type Options struct {
	// URL is sqlite:FILE or postgres://… as pgx reads it.
	URL string
	// Connections is how many read at the same time; 0 is chosen by engine.
	Connections int
	Log         *slog.Logger // slog.DiscardHandler if nil
}

// Store is an open database. Its methods may be called from any goroutine.
type Store struct {
	engine engine
	log    *slog.Logger
	url    string
	file   string   // of SQLite
	lock   *os.File // keeps other servers away from the file; nil on PostgreSQL
	reads  *sql.DB  // SQLite: several connections that see the last commit; PostgreSQL: a pool
	writes *sql.DB  // SQLite: the one connection that writes; PostgreSQL: a smaller pool
}

// engine is which database it is.
type engine uint8

const (
	sqlite engine = iota + 1
	postgres
)

// write runs f in one transaction and commits it. An error of f that is a
// *codec.Error comes back as it is; any other is the database's, see failure.
func (s *Store) write(ctx context.Context, f func(tx *sql.Tx) error) error {
	tx, err := s.writes.BeginTx(ctx, nil)
	if err != nil {
		return s.failure(err)
	}
	if err := f(tx); err != nil {
		return errors.Join(s.failure(err), rollback(tx))
	}
	return s.failure(tx.Commit())
}

func rollback(tx *sql.Tx) error {
	if err := tx.Rollback(); err != nil && !errors.Is(err, sql.ErrTxDone) {
		return fmt.Errorf("roll back: %w", err)
	}
	return nil
}

// failure makes of an error what the client is told: *codec.Error as it is, and
// 503 for whatever the database says, with its text for the log alone.
func (s *Store) failure(err error) error {
	var answered *codec.Error
	if err == nil || errors.As(err, &answered) {
		return err
	}
	e := codec.Errorf(codec.CodeUnavailable, "the database can't answer now")
	e.Cause = err
	return e
}
