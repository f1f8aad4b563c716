package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"net"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"

	"pushd/internal/codec"
)

// errDown is the cause of answers given while the database is known not to answer.
var errDown = errors.New("the database did not answer the last time")

// failure makes of an error what the client is told: *codec.Error as it is, and
// for whatever the database says 503, or 500 when it would say the same again;
// with its text for the log alone.
func (s *Store) failure(err error) error {
	var answered *codec.Error
	switch {
	case err == nil || errors.As(err, &answered):
		return err
	case s.isRefusal(err):
		return internal(err)
	}
	return unavailable(err)
}

func unavailable(err error) error {
	e := codec.Errorf(codec.CodeUnavailable, "the database can't answer now: try again soon")
	e.Cause = err
	return e
}

func internal(err error) error {
	e := codec.Errorf(codec.CodeInternal, "internal error")
	e.Cause = err
	return e
}

// isRefusal tells whether the database refused what it was given, where it would
// take something else: a mistake of this program, which no repetition mends.
func (s *Store) isRefusal(err error) bool {
	if errors.Is(err, errLost) {
		return false
	}
	if s.engine == sqlite {
		return slices.Contains([]int{codeError, codeTooBig, codeConstraint, codeMismatch, codeMisuse, codeRange}, sqliteCode(err))
	}
	// Classes of SQLSTATE: data exception, constraint, syntax and access, limits.
	code := postgresCode(err)
	return len(code) == 5 && slices.Contains([]string{"21", "22", "23", "42", "54"}, code[:2])
}

// isOutage tells whether another attempt is likely to take long and to fail, so
// that callers are better told at once.
func (s *Store) isOutage(err error) bool {
	if s.engine == sqlite {
		return slices.Contains([]int{codeBusy, codeLocked, codeIOErr, codeCantOpen, codeReadOnly}, sqliteCode(err))
	}
	var network net.Error
	var connecting *pgconn.ConnectError
	return errors.As(err, &network) || errors.As(err, &connecting) || errors.Is(err, driver.ErrBadConn) ||
		errors.Is(err, context.DeadlineExceeded) || postgresCode(err) == ""
}
