package store

import (
	"context"
	"database/sql"
	"errors"
)

// One rule says which statements of reads are kept prepared. A read whose text is a
// constant goes through Store.cached: SQLite would take as long to compile it as to
// run it. A read whose text depends on its arguments, as it has a parameter for each
// value of a list (see inChunks), goes through Store.uncached, so that no more is kept
// than this package has texts. Within a transaction nothing is kept but what batches
// of messages say.

// querier is what reads: one of the two, or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// queryStrings reads the one column of text that a query gives.
func queryStrings(ctx context.Context, q querier, query string, args ...any) ([]string, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	return scanRows(rows, err, func(v *string) []any { return []any{v} })
}

// scanRows reads every row; fields are the places for a row's columns.
func scanRows[T any](rows *sql.Rows, err error, fields func(*T) []any) ([]T, error) {
	if err != nil {
		return nil, err
	}
	found := []T{}
	for rows.Next() {
		var v T
		if err := rows.Scan(fields(&v)...); err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		found = append(found, v)
	}
	return found, rows.Err() // Next has closed them
}
