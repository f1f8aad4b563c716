package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrNotSQLite is what Backup answers for PostgreSQL, which has its own tools.
var ErrNotSQLite = errors.New("backup copies a SQLite file")

// Backup writes a copy of a SQLite database, as of one moment, to a file that
// isn't there yet. A server may be running on the database: it goes on meanwhile.
// The copy appears under its name once it is whole and on the disk, readable by
// its owner alone.
func Backup(ctx context.Context, o Options, file string) (err error) {
	at, err := parseURL(o.URL)
	if err != nil {
		return err
	}
	if at.engine != sqlite {
		return ErrNotSQLite
	}
	s := &Store{engine: sqlite, file: at.file}
	db, err := s.schemaDB()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
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
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(part))
		}
	}()
	if err := f.Close(); err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, `VACUUM INTO $1`, part); err != nil {
		return fmt.Errorf("copy the database: %w", sqliteCure(err))
	}
	if err := syncFile(part); err != nil {
		return err
	}
	// Link, not rename: it refuses a name that was taken meanwhile.
	if err := os.Link(part, file); err != nil {
		return err
	}
	if err := os.Remove(part); err != nil {
		return err
	}
	return syncFile(filepath.Dir(file))
}

func syncFile(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
