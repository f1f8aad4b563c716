package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// migrateWait is how long a node waits for another one that changes the schema.
const migrateWait = 300 // seconds

// openSchema has no timeouts: a change of a large table may take longer than any
// statement of a request.
func (e *postgresEngine) openSchema() (db *sql.DB, done func() error, err error) {
	config := e.config.Copy()
	config.RuntimeParams["application_name"] = "pushd migrate"
	db = openPool(config, 2)
	return db, db.Close, nil
}

func (*postgresEngine) steps() (dialect goose.Dialect, folder string) {
	return goose.DialectPostgres, "migrations/postgres"
}

func (*postgresEngine) migrationLock() ([]goose.ProviderOption, error) {
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, migrateWait))
	if err != nil {
		return nil, fmt.Errorf("make the lock of migrations: %w", err)
	}
	return []goose.ProviderOption{goose.WithSessionLocker(locker)}, nil
}

func (*postgresEngine) backup(context.Context, string) error { return ErrNotSQLite }
