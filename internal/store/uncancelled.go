package store

import (
	"context"
	"database/sql/driver"
	"errors"
)

// uncancelled makes connections whose statements run to their end. The writing
// connection of SQLite is shared by what many callers ask for at the same time,
// and an interrupted statement rolls back the whole of a transaction: one caller
// who gives up would take the messages of the others with him.
type uncancelled struct{ driver.Connector }

// Connect opens a connection.
func (u uncancelled) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := u.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	full, ok := conn.(sqlConn)
	if !ok {
		return nil, errors.Join(errors.New("the SQLite driver's connection has not the methods expected"), conn.Close())
	}
	return wholeConn{full}, nil
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

type wholeConn struct{ sqlConn }

func (c wholeConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	return c.sqlConn.BeginTx(context.WithoutCancel(ctx), opts)
}

func (c wholeConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return c.sqlConn.ExecContext(context.WithoutCancel(ctx), query, args)
}

func (c wholeConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return c.sqlConn.QueryContext(context.WithoutCancel(ctx), query, args)
}

func (c wholeConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	stmt, err := c.sqlConn.PrepareContext(context.WithoutCancel(ctx), query)
	if err != nil {
		return nil, err
	}
	full, ok := stmt.(sqlStmt)
	if !ok {
		return nil, errors.Join(errors.New("the SQLite driver's statement has not the methods expected"), stmt.Close())
	}
	return wholeStmt{full}, nil
}

type sqlStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

type wholeStmt struct{ sqlStmt }

func (s wholeStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return s.sqlStmt.ExecContext(context.WithoutCancel(ctx), args)
}

func (s wholeStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.sqlStmt.QueryContext(context.WithoutCancel(ctx), args)
}
