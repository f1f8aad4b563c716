package store

import (
	"context"
	"database/sql"
)

// Write is how all of the store but messages writes.
func (s *Store) Write(ctx context.Context, f func(tx *sql.Tx) error) (err error) {
	defer s.answer("test.write", &err)
	return s.write(ctx, f)
}

// Writes is a SQLite database as its writer has it.
func (s *Store) Writes() *sql.DB { return s.engine.(*sqliteEngine).writes }

// Words are what a text is found by, and asked for by.
func Words(text string) (indexed, searched []string) { return splitWords(text), searchTerms(text) }
