// Package store keeps accounts, conversations, messages, groups and friends in
// SQL: in SQLite within the process by default, or in PostgreSQL. It implements
// the ports that packages account, chat, files and offline declare, and decides
// nothing that a service decides. cmd/pushd opens it.
//
// Both engines are spoken to with the same text, as SQLite knows $1 too. What
// differs is behind the interface engine: see engine.go, and DESIGN.md for what holds.
package store

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"time"

	"pushd/internal/account"
	"pushd/internal/chat"
	"pushd/internal/files"
	"pushd/internal/offline"
	"pushd/internal/store/commit"
)

// openTimeout bounds how long Open waits for a server that doesn't answer. Waiting
// for another node's migrations is not part of it.
const openTimeout = 15 * time.Second

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
	engine engine
	clock  func() time.Time
	writer *commit.Writer[work]

	cached, uncached querier // for reads: see reads.go
}

var (
	_ account.Store  = (*Store)(nil)
	_ chat.Store     = (*Store)(nil)
	_ files.Store    = (*Store)(nil)
	_ offline.Tokens = (*Store)(nil)
)

// Open opens the database, makes it if it is a SQLite file that isn't there, and
// brings its schema up to date. Its errors are for whoever runs the server: they
// say what to do, and hold no password.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	e, err := connect(ctx, o)
	if err != nil {
		return nil, err
	}
	if _, err := migrate(ctx, e); err != nil {
		return nil, errors.Join(err, e.close())
	}
	s := &Store{engine: e, clock: o.Clock, writer: commit.Start(e, e.maxBatch(), o.Log)}
	s.cached, s.uncached = e.readers()
	return s, nil
}

// connect opens the database without a look at its schema.
func connect(ctx context.Context, o Options) (engine, error) {
	e, err := newEngine(o.URL)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	if err := e.connect(ctx, o.Connections); err != nil {
		return nil, errors.Join(err, e.close())
	}
	return e, nil
}

// Close waits for what is being written and closes the database. Calls that
// come later are told 503.
func (s *Store) Close() error {
	s.writer.Stop()
	return s.engine.close()
}

// closeAll closes those that were opened.
func closeAll(pools ...*sql.DB) error {
	var errs []error
	for _, db := range pools {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// now is Unix milliseconds.
func (s *Store) now() int64 { return s.clock().UnixMilli() }
