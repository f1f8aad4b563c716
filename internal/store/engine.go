package store

import (
	"context"
	"database/sql"

	"github.com/pressly/goose/v3"

	"pushd/internal/store/commit"
)

// engine is all that SQLite and PostgreSQL do each in its own way; the files
// sqlite_*.go and postgres_*.go implement it. Everything else in this package is the
// same text for both.
type engine interface {
	connections
	schemaEngine
	writeEngine
	dialect
	wordIndex
}

// connections are how the database is reached.
type connections interface {
	// connect opens them; readers is how many read at the same time, 0 for the default.
	// close follows also after an error.
	connect(ctx context.Context, readers int) error
	close() error
	// readers are the two ways to read; reads.go says which read goes which way.
	readers() (cached, uncached querier)
}

// schemaEngine is the database as migrations and backups see it. Its methods also
// work without connect.
type schemaEngine interface {
	// openSchema opens the database for a look at its schema or a change of it, without
	// the bounds that requests have; done gives it back. It doesn't make a file.
	openSchema() (db *sql.DB, done func() error, err error)
	// steps are the dialect of the migrations and the folder that holds them.
	steps() (dialect goose.Dialect, folder string)
	// migrationLock keeps other nodes from migrating at the same time.
	migrationLock() ([]goose.ProviderOption, error)
	// backup writes a copy to a file that isn't there yet; ErrNotSQLite on PostgreSQL.
	backup(ctx context.Context, file string) error
}

// writeEngine is how writes reach the database: see DESIGN.md. Commit, of
// commit.Database, writes batches.
type writeEngine interface {
	commit.Database[work]
	// maxBatch is how much work shares a commit.
	maxBatch() int
	// change runs a transaction that is not a message, through w where the engine's
	// writes share commits.
	change(ctx context.Context, w *commit.Writer[work], c work) error
}

// work is one part of a batch: a message, or a change.
type work struct {
	message *draft
	change  func(tx *sql.Tx) error
	// marksOnly says that the change moves read and delivery marks and nothing else:
	// there are many of these, and they change nothing that a writer remembers.
	marksOnly bool
}

// committed tells whoever sent a message that it has its place.
func (w work) committed() {
	if m := w.message; m != nil && !m.duplicate && m.Committed != nil {
		m.Committed()
	}
}

// dialect is SQL where the engines differ.
type dialect interface {
	// lockClause ends a SELECT of rows that the transaction goes on to change. With
	// skipLocked it leaves out those that another transaction holds.
	lockClause(skipLocked bool) string
	// oneOf is a condition that a number is one of a list, which is one argument, so
	// that the text is the same for every length; list makes that argument.
	oneOf(column, argument string) string
	list(numbers []int64) any
	// serialize lets only one transaction at a time go on from here, among those that
	// name the same key.
	serialize(ctx context.Context, tx *sql.Tx, key int64) error
}

// wordIndex finds messages by their words.
type wordIndex interface {
	indexWords(ctx context.Context, tx *sql.Tx, convID int64, seq uint64, words []string) error
	unindexWords(ctx context.Context, tx *sql.Tx, convID int64, seq uint64) error
	// search gives rows with the highest id first.
	search(ctx context.Context, q wordSearch) ([]messageRow, error)
}
