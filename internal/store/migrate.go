package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// migrateWait is how long a node waits for another one that changes the schema.
const migrateWait = 300 // seconds

//go:embed migrations
var migrations embed.FS

// Migration is one step of the schema.
type Migration struct {
	Version int64  `json:"version"`
	Name    string `json:"name"`
	Applied int64  `json:"applied,omitempty"` // Unix milliseconds; 0 when it is pending
}

// Status tells which steps of the schema a database has. It may be asked while
// servers run on it.
func Status(ctx context.Context, o Options) (steps []Migration, err error) {
	at, err := parseURL(o.URL)
	if err != nil {
		return nil, err
	}
	s := &Store{engine: at.engine, url: o.URL, file: at.file}
	db, err := s.schemaDB()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	provider, err := s.provider(db)
	if err != nil {
		return nil, err
	}
	found, err := provider.Status(ctx)
	if err != nil {
		return nil, fmt.Errorf("look at the database's schema: %w", s.cure(err))
	}
	for _, m := range found {
		step := step(m.Source)
		if m.State == goose.StateApplied {
			step.Applied = m.AppliedAt.UnixMilli()
		}
		steps = append(steps, step)
	}
	return steps, s.checkVersion(ctx, provider)
}

// Migrate brings the schema up to date, as Open does, and tells what it applied.
// On SQLite no server may be running on the file.
func Migrate(ctx context.Context, o Options) ([]Migration, error) {
	s, err := connect(ctx, o)
	if err != nil {
		return nil, err
	}
	applied, err := s.migrate(ctx)
	return applied, errors.Join(err, s.Close())
}

// migrate applies what is missing. On SQLite the lock of the file keeps others
// out; on PostgreSQL a lock of the session makes other nodes wait.
func (s *Store) migrate(ctx context.Context) (applied []Migration, err error) {
	db := s.writes
	var options []goose.ProviderOption
	if s.engine == postgres {
		// A change of a large table may take longer than any statement of a request.
		if db, err = s.schemaDB(); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, db.Close()) }()
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, migrateWait))
		if err != nil {
			return nil, err
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	provider, err := s.provider(db, options...)
	if err != nil {
		return nil, err
	}
	results, err := provider.Up(ctx)
	if err != nil {
		return nil, fmt.Errorf("bring the database's schema up to date: %w", s.cure(err))
	}
	for _, r := range results {
		applied = append(applied, step(r.Source))
	}
	return applied, s.checkVersion(ctx, provider)
}

// checkVersion refuses a database that a newer program has changed: what that
// one expects of rows, this one doesn't know.
func (s *Store) checkVersion(ctx context.Context, provider *goose.Provider) error {
	has, knows, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("look at the database's schema: %w", s.cure(err))
	}
	if has > knows {
		return fmt.Errorf("the database has schema version %d, made by a newer pushd, and this one knows up to %d: run the newer program, or restore a backup from before it ran", has, knows)
	}
	return nil
}

// schemaDB opens the database for a look at its schema or a change of it,
// without the bounds that requests have. It doesn't make a file.
func (s *Store) schemaDB() (*sql.DB, error) {
	if s.engine == sqlite {
		if _, err := os.Stat(s.file); err != nil {
			return nil, fmt.Errorf("there is no database yet; a server makes it when it starts: %w", err)
		}
		file, err := filepath.Abs(s.file)
		if err != nil {
			return nil, err
		}
		return openWriter(file)
	}
	config, err := parsePostgres(s.url)
	if err != nil {
		return nil, err
	}
	config.RuntimeParams["application_name"] = "pushd migrate"
	return pool(config, 2), nil
}

func (s *Store) provider(db *sql.DB, options ...goose.ProviderOption) (*goose.Provider, error) {
	dialect, folder := goose.DialectSQLite3, "migrations/sqlite"
	if s.engine == postgres {
		dialect, folder = goose.DialectPostgres, "migrations/postgres"
	}
	steps, err := fs.Sub(migrations, folder)
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(dialect, db, steps, append(options, goose.WithDisableGlobalRegistry(true))...)
}

// step names a migration by its file: 00001_init.sql is version 1, init.
func step(source *goose.Source) Migration {
	name := strings.TrimSuffix(path.Base(source.Path), ".sql")
	if _, after, ok := strings.Cut(name, "_"); ok {
		name = after
	}
	return Migration{Version: source.Version, Name: name}
}

// cure adds to an error of the database what its user can do.
func (s *Store) cure(err error) error {
	if s.engine == sqlite {
		return sqliteCure(err)
	}
	config, parseErr := parsePostgres(s.url)
	if parseErr != nil {
		return errors.Join(err, parseErr)
	}
	return postgresCure(config, err)
}
