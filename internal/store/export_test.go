package store

import (
	"context"
	"database/sql"
)

// MaxQueue is how many writes wait for their turn.
const MaxQueue = maxQueue

// Write is how all of the store but messages writes.
func (s *Store) Write(ctx context.Context, f func(tx *sql.Tx) error) error { return s.write(ctx, f) }

// Writes is the database as the writer has it.
func (s *Store) Writes() *sql.DB { return s.writes }

// Words are what a text is found by, and asked for by.
func Words(text string) (indexed, searched []string) { return wordsOf(text), asked(text) }
