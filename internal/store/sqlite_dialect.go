package store

import (
	"context"
	"database/sql"
	"encoding/json"
)

// lockClause is empty: SQLite has one writer at a time.
func (*sqliteEngine) lockClause(bool) string { return "" }

func (*sqliteEngine) oneOf(column, argument string) string {
	return column + ` IN (SELECT value FROM json_each(` + argument + `))`
}

func (*sqliteEngine) list(numbers []int64) any {
	text, err := json.Marshal(numbers)
	if err != nil {
		panic("store: numbers are always JSON: " + err.Error())
	}
	return string(text)
}

func (*sqliteEngine) serialize(context.Context, *sql.Tx, int64) error { return nil }
