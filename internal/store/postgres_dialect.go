package store

import (
	"context"
	"database/sql"
	"fmt"
)

func (*postgresEngine) lockClause(skipLocked bool) string {
	if skipLocked {
		return ` FOR UPDATE SKIP LOCKED`
	}
	return ` FOR UPDATE`
}

func (*postgresEngine) oneOf(column, argument string) string {
	return column + ` = ANY (` + argument + `::bigint[])`
}

func (*postgresEngine) list(numbers []int64) any { return numbers }

func (*postgresEngine) serialize(ctx context.Context, tx *sql.Tx, key int64) error {
	if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1)`, key); err != nil {
		return fmt.Errorf("wait for others: %w", err)
	}
	return nil
}
