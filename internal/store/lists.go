package store

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"pushd/internal/codec"
)

// perStatement is how many values one statement takes in a list: few statements
// for a group of 10,000, and far from the 32,766 parameters that SQLite stops at.
const perStatement = 1000

// querier is what reads: the database, or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// chunked calls f with the values in parts that fit a statement.
func chunked(values []string, f func(part []string) error) error {
	for part := range slices.Chunk(values, perStatement) {
		if err := f(part); err != nil {
			return err
		}
	}
	return nil
}

// numbered appends the values to the arguments, and writes their numbers as "$4,$5,$6".
func numbered(args []any, values []string) (string, []any) {
	var b strings.Builder
	for i, v := range values {
		if i > 0 {
			b.WriteByte(',')
		}
		args = append(args, v)
		fmt.Fprintf(&b, "$%d", len(args))
	}
	return b.String(), args
}

// textColumn reads the one column of text that a query gives.
func textColumn(ctx context.Context, q querier, query string, args ...any) ([]string, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	return scanAll(rows, err, func(v *string) []any { return []any{v} })
}

// scanAll reads every row; fields are the places for a row's columns.
func scanAll[T any](rows *sql.Rows, err error, fields func(*T) []any) ([]T, error) {
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

// lockRow ends a SELECT of a row that the transaction goes on to change. SQLite
// has one writer anyway.
func (s *Store) lockRow() string {
	if s.engine == postgres {
		return " FOR UPDATE"
	}
	return ""
}

// Cursors of lists that are in the order of a name hold the last name of the page
// before, behind a mark by which nonsense is recognised.
const cursorMark = ">"

func nameCursor(name string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(cursorMark + name))
}

// afterName is the name that a page begins after; "" for the first page.
func afterName(cursor string) (string, error) {
	if cursor == "" {
		return "", nil
	}
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	name, marked := strings.CutPrefix(string(b), cursorMark)
	if err != nil || !marked || !utf8.ValidString(name) || strings.ContainsRune(name, 0) {
		return "", codec.Errorf(codec.CodeMalformed, "this cursor is none of ours: leave it out to start again")
	}
	return name, nil
}

// cutPage makes a page of at most limit out of one that was asked for one more, and
// the cursor of the next.
func cutPage[T any](found []T, limit int, name func(T) string) (page []T, next string) {
	if len(found) <= limit {
		return found, ""
	}
	return found[:limit], nameCursor(name(found[limit-1]))
}
