package store

import (
	"context"
	"database/sql"
	"sync"
)

// statements keeps a database's prepared statements by their text, so that
// SQLite doesn't compile the same query again for every request. Only constant
// texts come here, which bounds it. pgx keeps its own, so that for PostgreSQL
// this only passes on.
type statements struct {
	db   *sql.DB
	pass bool

	mu    sync.RWMutex
	known map[string]*sql.Stmt
}

func newStatements(db *sql.DB, e engine) *statements {
	return &statements{db: db, pass: e == postgres, known: map[string]*sql.Stmt{}}
}

// QueryContext is (*sql.DB).QueryContext.
func (s *statements) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if stmt := s.prepared(ctx, query); stmt != nil {
		return stmt.QueryContext(ctx, args...)
	}
	return s.db.QueryContext(ctx, query, args...)
}

// QueryRowContext is (*sql.DB).QueryRowContext.
func (s *statements) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if stmt := s.prepared(ctx, query); stmt != nil {
		return stmt.QueryRowContext(ctx, args...)
	}
	return s.db.QueryRowContext(ctx, query, args...)
}

// prepared is nil for what can't be prepared now: whoever runs the text itself
// is told why.
func (s *statements) prepared(ctx context.Context, query string) *sql.Stmt {
	if s.pass {
		return nil
	}
	s.mu.RLock()
	stmt := s.known[query]
	s.mu.RUnlock()
	if stmt != nil {
		return stmt
	}
	stmt, err := s.db.PrepareContext(ctx, query)
	if err != nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if first := s.known[query]; first != nil {
		_ = stmt.Close() // somebody else was quicker; nothing runs on this one
		return first
	}
	s.known[query] = stmt
	return stmt
}

// in runs prepared statements within a transaction of the same database.
func (s *statements) in(tx *sql.Tx) inTx { return inTx{tx: tx, statements: s} }

type inTx struct {
	tx         *sql.Tx
	statements *statements
}

func (t inTx) stmt(ctx context.Context, query string) *sql.Stmt {
	// Preparing on the database would wait for the one connection that the
	// transaction holds, so that it is prepared there, and kept.
	s := t.statements
	s.mu.RLock()
	stmt := s.known[query]
	s.mu.RUnlock()
	if stmt == nil {
		return nil
	}
	return t.tx.StmtContext(ctx, stmt)
}

func (t inTx) exec(ctx context.Context, query string, args ...any) (int64, error) {
	var result sql.Result
	var err error
	if stmt := t.stmt(ctx, query); stmt != nil {
		result, err = stmt.ExecContext(ctx, args...)
	} else {
		result, err = t.tx.ExecContext(ctx, query, args...)
	}
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (t inTx) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if stmt := t.stmt(ctx, query); stmt != nil {
		return stmt.QueryRowContext(ctx, args...)
	}
	return t.tx.QueryRowContext(ctx, query, args...)
}
