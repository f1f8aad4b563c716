package store

import (
	"context"
	"database/sql/driver"
	"errors"
)

// uninterrupted makes connections whose statements run to their end. The writing
// connection of SQLite is shared by what many callers ask for at the same time, and an
// interrupted statement rolls back the whole of a transaction: one caller who gives up
// would lose the messages of the others.
type uninterrupted struct{ driver.Connector }

// Connect opens a connection.
func (u uninterrupted) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := u.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	complete, ok := conn.(sqlConn)
	if !ok {
		return nil, errors.Join(errors.New("the SQLite driver's connection lacks a method that this program needs"),
			conn.Close())
	}
	return uninterruptedConn{complete}, nil
}

// sqlConn is what the SQLite driver's connections can do.
type sqlConn interface {
	driver.Conn
	sqlRunner
	sqlSession
}

type sqlRunner interface {
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
}

type sqlSession interface {
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

type uninterruptedConn struct{ sqlConn }

func (c uninterruptedConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	return c.sqlConn.BeginTx(context.WithoutCancel(ctx), opts)
}

func (c uninterruptedConn) ExecContext(
	ctx context.Context, query string, args []driver.NamedValue,
) (driver.Result, error) {
	return c.sqlConn.ExecContext(context.WithoutCancel(ctx), query, args)
}

func (c uninterruptedConn) QueryContext(
	ctx context.Context, query string, args []driver.NamedValue,
) (driver.Rows, error) {
	return c.sqlConn.QueryContext(context.WithoutCancel(ctx), query, args)
}

func (c uninterruptedConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	stmt, err := c.sqlConn.PrepareContext(context.WithoutCancel(ctx), query)
	if err != nil {
		return nil, err
	}
	complete, ok := stmt.(sqlStmt)
	if !ok {
		return nil, errors.Join(errors.New("the SQLite driver's statement lacks a method that this program needs"),
			stmt.Close())
	}
	return uninterruptedStmt{complete}, nil
}

type sqlStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

type uninterruptedStmt struct{ sqlStmt }

func (s uninterruptedStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return s.sqlStmt.ExecContext(context.WithoutCancel(ctx), args)
}

func (s uninterruptedStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.sqlStmt.QueryContext(context.WithoutCancel(ctx), args)
}
