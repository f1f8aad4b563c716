package store

import (
	"context"
	"database/sql"
	"sync"
)

// statements keeps prepared statements of SQLite by their text, so that the same
// query isn't compiled again for every request. Only constant texts come here, which
// bounds it. (The driver of PostgreSQL does this by itself.)
type statements struct {
	db *sql.DB

	mu    sync.RWMutex
	known map[string]*sql.Stmt
}

func newStatements(db *sql.DB) *statements {
	return &statements{db: db, known: map[string]*sql.Stmt{}}
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

// prepared is nil for what can't be prepared now: running the text itself then says
// why.
func (s *statements) prepared(ctx context.Context, query string) *sql.Stmt {
	if stmt := s.find(query); stmt != nil {
		return stmt
	}
	stmt, err := s.db.PrepareContext(ctx, query)
	if err != nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if first := s.known[query]; first != nil {
		_ = stmt.Close() // another goroutine was quicker; nothing runs on this one
		return first
	}
	s.known[query] = stmt
	return stmt
}

func (s *statements) find(query string) *sql.Stmt {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.known[query]
}

// in runs prepared statements within a transaction of the same database.
func (s *statements) in(tx *sql.Tx) preparedTx { return preparedTx{tx: tx, statements: s} }

// preparedTx is a transaction that uses those statements which were prepared before
// it began: preparing one now would wait for the connection that it holds itself.
type preparedTx struct {
	tx         *sql.Tx
	statements *statements
}

func (t preparedTx) exec(ctx context.Context, query string, args ...any) (affected int64, err error) {
	var result sql.Result
	if stmt := t.statements.find(query); stmt != nil {
		result, err = t.tx.StmtContext(ctx, stmt).ExecContext(ctx, args...)
	} else {
		result, err = t.tx.ExecContext(ctx, query, args...)
	}
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (t preparedTx) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if stmt := t.statements.find(query); stmt != nil {
		return t.tx.StmtContext(ctx, stmt).QueryRowContext(ctx, args...)
	}
	return t.tx.QueryRowContext(ctx, query, args...)
}
