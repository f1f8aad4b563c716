package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// openTimeout bounds how long Open waits for a server that doesn't answer. Waiting
// for another node's migrations is not part of it.
const openTimeout = 15 * time.Second

// Open opens the database, makes it if it is a SQLite file that isn't there, and
// brings its schema up to date. Its errors are for whoever runs the server: they
// say what to do, and hold no password.
func Open(ctx context.Context, o Options) (*Store, error) {
	s, err := connect(ctx, o)
	if err != nil {
		return nil, err
	}
	if _, err := s.migrate(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.start()
	return s, nil
}

// connect opens the database without a look at its schema.
func connect(ctx context.Context, o Options) (*Store, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	at, err := parseURL(o.URL)
	if err != nil {
		return nil, err
	}
	s := &Store{engine: at.engine, log: o.Log, clock: o.Clock, url: o.URL}
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	switch s.engine {
	case sqlite:
		err = s.connectSQLite(ctx, at.file, o.Connections)
	case postgres:
		err = s.connectPostgres(ctx, o.URL, o.Connections)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close waits for what is being written and closes the database. Calls that
// come later are told 503.
func (s *Store) Close() error {
	s.stop()
	var errs []error
	for _, db := range []*sql.DB{s.reads, s.writes, s.appends} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}

// address is what a URL says.
type address struct {
	engine engine
	file   string // of SQLite
}

// ErrURL is what CheckURL and Open make of an address they don't know.
var ErrURL = errors.New("accepted is sqlite:FILE, or postgres://USER:PASSWORD@HOST:PORT/DATABASE")

// CheckURL tells whether a URL names a database that Open knows how to reach.
// Its error doesn't repeat the URL, which may hold a password.
func CheckURL(url string) error {
	_, err := parseURL(url)
	return err
}

func parseURL(url string) (address, error) {
	scheme, rest, ok := strings.Cut(url, ":")
	switch {
	case ok && scheme == "sqlite":
		// sqlite:///var/lib/x, as some write it, is the same as sqlite:/var/lib/x.
		file := rest
		if strings.HasPrefix(file, "///") {
			file = file[2:]
		}
		if file == "" || strings.HasPrefix(file, ":memory:") || strings.HasPrefix(file, "//") || strings.ContainsRune(file, 0) {
			return address{}, fmt.Errorf("sqlite: needs the path of a file after it, such as sqlite:/var/lib/pushd/pushd.db")
		}
		return address{engine: sqlite, file: file}, nil
	case ok && (scheme == "postgres" || scheme == "postgresql") && strings.HasPrefix(rest, "//"):
		if _, err := parsePostgres(url); err != nil {
			return address{}, err
		}
		return address{engine: postgres}, nil
	}
	return address{}, ErrURL
}
