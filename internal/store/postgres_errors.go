package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"
)

// postgresCode is the SQLSTATE in an error, or "".
func postgresCode(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

// Refuses implements commit.Faults.
func (*postgresEngine) Refuses(err error) bool {
	// Classes of SQLSTATE: data exception, constraint, syntax and access, limits.
	code := postgresCode(err)
	return len(code) == 5 && slices.Contains([]string{"21", "22", "23", "42", "54"}, code[:2])
}

// Outage implements commit.Faults.
func (*postgresEngine) Outage(err error) bool {
	_, network := errors.AsType[net.Error](err)
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	return network || connecting || errors.Is(err, driver.ErrBadConn) ||
		errors.Is(err, context.DeadlineExceeded) || postgresCode(err) == ""
}

// mayPass tells whether the same batch may succeed at once: it met another node's in
// a deadlock, or both had the same client_id.
func mayPass(err error) bool {
	switch postgresCode(err) {
	case "40001", "40P01", "23505": // serialization_failure, deadlock_detected, unique_violation
		return true
	}
	return false
}

// Explain implements commit.Faults.
func (e *postgresEngine) Explain(err error) error {
	c := e.config
	where := fmt.Sprintf("PostgreSQL at %s:%d, database %s, user %s", c.Host, c.Port, c.Database, c.User)
	switch postgresCode(err) {
	case "3D000": // invalid_catalog_name
		return fmt.Errorf("%s: there is no such database; make it: createdb --encoding UTF8 %s: %w", where, c.Database, err)
	case "28P01", "28000": // invalid_password, invalid_authorization_specification
		return fmt.Errorf("%s: user or password refused; look at the URL and at the server's pg_hba.conf: %w", where, err)
	case "53300": // too_many_connections
		return fmt.Errorf("%s: the server has no connection left; raise its max_connections (this node uses up to %d): %w",
			where, postgresReaders+postgresWriters+1, err)
	case "42501": // insufficient_privilege
		return fmt.Errorf("%s: the user may not do that; as the database's owner: GRANT CREATE ON SCHEMA public TO %s: %w",
			where, c.User, err)
	case "":
		return fmt.Errorf("%s: can't be reached; is it running, and is the address right? %w", where, err)
	}
	return fmt.Errorf("%s: %w", where, err)
}
