package store

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/pressly/goose/v3"
)

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
	e, err := newEngine(o.URL)
	if err != nil {
		return nil, err
	}
	err = withSchema(e, nil, func(provider *goose.Provider) error {
		found, err := provider.Status(ctx)
		if err != nil {
			return fmt.Errorf("look at the database's schema: %w", e.Explain(err))
		}
		for _, m := range found {
			step := newMigration(m.Source)
			if m.State == goose.StateApplied {
				step.Applied = m.AppliedAt.UnixMilli()
			}
			steps = append(steps, step)
		}
		return checkVersion(ctx, e, provider)
	})
	return steps, err
}

// Migrate brings the schema up to date, as Open does, and tells what it applied.
// On SQLite no server may be running on the file.
func Migrate(ctx context.Context, o Options) ([]Migration, error) {
	e, err := connect(ctx, o)
	if err != nil {
		return nil, err
	}
	applied, err := migrate(ctx, e)
	return applied, errors.Join(err, e.close())
}

// migrate applies what is missing.
func migrate(ctx context.Context, e engine) (applied []Migration, err error) {
	lock, err := e.migrationLock()
	if err != nil {
		return nil, err
	}
	err = withSchema(e, lock, func(provider *goose.Provider) error {
		results, err := provider.Up(ctx)
		if err != nil {
			return fmt.Errorf("bring the database's schema up to date: %w", e.Explain(err))
		}
		for _, r := range results {
			applied = append(applied, newMigration(r.Source))
		}
		return checkVersion(ctx, e, provider)
	})
	return applied, err
}

// withSchema opens the database for f.
func withSchema(e engine, options []goose.ProviderOption, f func(*goose.Provider) error) (err error) {
	db, done, err := e.openSchema()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	dialect, folder := e.steps()
	steps, err := fs.Sub(migrations, folder)
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	provider, err := goose.NewProvider(dialect, db, steps, append(options, goose.WithDisableGlobalRegistry(true))...)
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	return f(provider)
}

// checkVersion refuses a database that a newer program has changed: what that
// one expects of rows, this one doesn't know.
func checkVersion(ctx context.Context, e engine, provider *goose.Provider) error {
	has, knows, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("look at the database's schema: %w", e.Explain(err))
	}
	if has > knows {
		return fmt.Errorf("the database has schema version %d, made by a newer pushd, and this one knows up to %d: "+
			"run the newer program, or restore a backup from before it ran", has, knows)
	}
	return nil
}

// newMigration names a migration by its file: 00001_init.sql is version 1, init.
func newMigration(source *goose.Source) Migration {
	name := strings.TrimSuffix(path.Base(source.Path), ".sql")
	if _, after, ok := strings.Cut(name, "_"); ok {
		name = after
	}
	return Migration{Version: source.Version, Name: name}
}
