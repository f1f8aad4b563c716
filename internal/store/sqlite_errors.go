package store

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	sqlitedriver "modernc.org/sqlite"
)

// Primary result codes of SQLite, https://www.sqlite.org/rescode.html.
const (
	codeError      = 1
	codeBusy       = 5
	codeLocked     = 6
	codeReadOnly   = 8
	codeIOErr      = 10
	codeCorrupt    = 11
	codeFull       = 13
	codeCantOpen   = 14
	codeTooBig     = 18
	codeConstraint = 19
	codeMismatch   = 20
	codeMisuse     = 21
	codeRange      = 25
	codeNotDB      = 26
)

// sqliteCode is the primary result code in an error, or 0.
func sqliteCode(err error) int {
	if e, ok := errors.AsType[*sqlitedriver.Error](err); ok {
		return e.Code() & 0xff
	}
	return 0
}

// errTransactionLost is a transaction that SQLite ended by itself, as it does after
// some failures of the disk. The batch is not tried again job by job, as changes in it
// have been called.
var errTransactionLost = errors.New("the transaction was lost")

// Refuses implements commit.Faults.
func (*sqliteEngine) Refuses(err error) bool {
	refusals := []int{codeError, codeTooBig, codeConstraint, codeMismatch, codeMisuse, codeRange}
	return slices.Contains(refusals, sqliteCode(err)) && !errors.Is(err, errTransactionLost)
}

// Outage implements commit.Faults.
func (*sqliteEngine) Outage(err error) bool {
	return slices.Contains([]int{codeBusy, codeLocked, codeIOErr, codeCantOpen, codeReadOnly}, sqliteCode(err))
}

// Explain implements commit.Faults.
func (*sqliteEngine) Explain(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return err
	}
	switch sqliteCode(err) {
	case codeBusy, codeLocked:
		return fmt.Errorf("another program holds the file, such as a shell in a transaction; end it: %w", err)
	case codeNotDB, codeCorrupt:
		return fmt.Errorf("this is no SQLite database, or a damaged one; restore a backup or name another file: %w", err)
	case codeReadOnly, codeCantOpen:
		return fmt.Errorf("the file and its directory must be writable for this user: %w", err)
	case codeFull:
		return fmt.Errorf("the disk is full; make room: %w", err)
	}
	return err
}
