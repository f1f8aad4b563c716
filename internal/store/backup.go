package store

import (
	"context"
	"errors"
)

// ErrNotSQLite is what Backup answers for PostgreSQL, which has its own tools.
var ErrNotSQLite = errors.New("backup copies a SQLite file")

// Backup writes a copy of a SQLite database, as of one moment, to a file that isn't
// there yet. A server may be running on the database: it goes on meanwhile. The copy
// appears under its name once it is whole and on the disk, readable by its owner
// alone.
func Backup(ctx context.Context, o Options, file string) error {
	e, err := newEngine(o.URL)
	if err != nil {
		return err
	}
	return e.backup(ctx, file)
}
