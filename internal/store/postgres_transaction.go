package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"pushd/internal/store/commit"
)

// change implements writeEngine: each has a transaction of its own, so that no change
// waits for another's locks.
func (e *postgresEngine) change(ctx context.Context, w *commit.Writer[work], c work) error {
	if err := w.Available(); err != nil {
		return err
	}
	// A transaction whose caller gives up is still ended properly: one that is broken
	// off takes its connection with it, and many at once would leave others none.
	whole, cancel := context.WithTimeout(context.WithoutCancel(ctx), batchTimeout)
	defer cancel()
	tx, end, err := e.begin(ctx, whole)
	if err != nil {
		return fmt.Errorf("begin a transaction: %w", err)
	}
	defer end()
	if err := c.change(tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit a transaction: %w", err)
	}
	return nil
}

// begin waits for a connection as long as wait lasts, and begins a transaction. The
// pool may hand out connections that were closed while they lay in it.
func (e *postgresEngine) begin(wait, whole context.Context) (tx *sql.Tx, end func(), err error) {
	for range attempts {
		var conn *sql.Conn
		if conn, err = e.writes.Conn(wait); err == nil {
			if tx, err = conn.BeginTx(whole, nil); err == nil {
				return tx, func() {
					_ = tx.Rollback() // after a commit it does nothing
					_ = conn.Close()  // gives it back
				}, nil
			}
			_ = conn.Close()
		}
		if !errors.Is(err, driver.ErrBadConn) {
			break
		}
	}
	return nil, nil, err
}
