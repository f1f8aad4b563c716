package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pressly/goose/v3"
)

func (e *sqliteEngine) openSchema() (db *sql.DB, done func() error, err error) {
	if e.writes != nil { // connected: nothing else is written yet
		return e.writes, func() error { return nil }, nil
	}
	if _, err := os.Stat(e.file); err != nil {
		return nil, nil, fmt.Errorf("there is no database yet; a server makes it when it starts: %w", err)
	}
	file, err := filepath.Abs(e.file)
	if err != nil {
		return nil, nil, fmt.Errorf("find the database: %w", err)
	}
	if db, err = openWriter(file); err != nil {
		return nil, nil, err
	}
	return db, db.Close, nil
}

func (*sqliteEngine) steps() (dialect goose.Dialect, folder string) {
	return goose.DialectSQLite3, "migrations/sqlite"
}

// migrationLock is nothing: the lock of the file keeps other servers out.
func (*sqliteEngine) migrationLock() ([]goose.ProviderOption, error) { return nil, nil }

func (e *sqliteEngine) backup(ctx context.Context, file string) (err error) {
	db, done, err := e.openSchema()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	if _, err := os.Lstat(file); err == nil {
		return fmt.Errorf("%s is there already; name a file that isn't", file)
	}
	part := file + ".part"
	// SQLite writes into a file that is there and empty, whose mode stays.
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is left of a backup that was broken off, or one is running; remove it if none is", part)
	}
	if err != nil {
		return fmt.Errorf("make the copy: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(part))
		}
	}()
	if err := f.Close(); err != nil {
		return fmt.Errorf("make the copy: %w", err)
	}
	if _, err := db.ExecContext(ctx, `VACUUM INTO $1`, part); err != nil {
		return fmt.Errorf("copy the database: %w", e.Explain(err))
	}
	if err := syncFile(part); err != nil {
		return err
	}
	// Link, not rename: it refuses a name that was taken meanwhile.
	if err := os.Link(part, file); err != nil {
		return fmt.Errorf("name the copy: %w", err)
	}
	if err := os.Remove(part); err != nil {
		return fmt.Errorf("name the copy: %w", err)
	}
	return syncFile(filepath.Dir(file))
}

func syncFile(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("write the copy to the disk: %w", err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write the copy to the disk: %w", err)
	}
	return nil
}
