package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

const (
	// Reading and writing connections are pools of their own, and the batches of
	// messages have one for themselves, so that a slow search can't keep a send waiting.
	postgresReaders = 16
	postgresWriters = 8

	// connectTimeout holds where the URL has no connect_timeout.
	connectTimeout = 3 * time.Second
	// What the server itself gives up on, where the URL doesn't say otherwise. Writes
	// are small; one that takes this long waits for somebody else's lock.
	readTimeout  = 10 * time.Second
	writeTimeout = 5 * time.Second
	lockTimeout  = 3 * time.Second
	// idleInTransaction frees the locks of a node that froze.
	idleInTransaction = 30 * time.Second
	// connectionLife lets a pool follow a database that moved.
	connectionLife = time.Hour
	connectionIdle = 5 * time.Minute
)

func (s *Store) connectPostgres(ctx context.Context, address string, connections int) error {
	if connections <= 0 {
		connections = postgresReaders
	}
	reads, err := parsePostgres(address)
	if err != nil {
		return err
	}
	writes, appends := reads.Copy(), reads.Copy()
	limits(reads, readTimeout)
	limits(writes, writeTimeout)
	limits(appends, writeTimeout)
	settle(appends)
	s.appends = pool(appends, 1)
	s.reads = pool(reads, connections)
	s.cached = newStatements(s.reads, postgres)
	s.writes = pool(writes, postgresWriters)
	var encoding string
	if err := s.reads.QueryRowContext(ctx, "SHOW server_encoding").Scan(&encoding); err != nil {
		return postgresCure(reads, err)
	}
	if encoding != "UTF8" {
		return fmt.Errorf("the PostgreSQL database %s keeps text as %s; make one that keeps all of Unicode: CREATE DATABASE %s ENCODING 'UTF8' TEMPLATE template0", reads.Database, encoding, reads.Database)
	}
	return nil
}

// parsePostgres reads a URL as pgx does. Its error has no password in it.
func parsePostgres(address string) (*pgx.ConnConfig, error) {
	// When the address as a whole is unclear, so is which part of it is the password.
	if _, err := url.Parse(address); err != nil {
		return nil, errors.New("postgres: the address can't be read; accepted is postgres://USER:PASSWORD@HOST:PORT/DATABASE, with characters such as @ / : # % in the password written as %40 %2F %3A %23 %25")
	}
	config, err := pgx.ParseConfig(address)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	return config, nil
}

// limits sets what the URL left open.
func limits(config *pgx.ConnConfig, statement time.Duration) {
	if u, err := url.Parse(config.ConnString()); err == nil && !u.Query().Has("connect_timeout") {
		config.ConnectTimeout = connectTimeout
	}
	for name, value := range map[string]string{
		"application_name":                    "pushd",
		"statement_timeout":                   millis(statement),
		"lock_timeout":                        millis(lockTimeout),
		"idle_in_transaction_session_timeout": millis(idleInTransaction),
	} {
		if _, set := config.RuntimeParams[name]; !set {
			config.RuntimeParams[name] = value
		}
	}
}

// settle keeps the server from planning the statements of each batch anew, which
// took as long as they did. They find every row by a key; a plan made for tables
// that were still small must not scan them when they have grown.
func settle(config *pgx.ConnConfig) {
	for _, name := range []string{"enable_seqscan", "enable_hashjoin", "enable_mergejoin", "enable_bitmapscan", "jit"} {
		config.RuntimeParams[name] = "off"
	}
	config.RuntimeParams["plan_cache_mode"] = "force_generic_plan"
}

func pool(config *pgx.ConnConfig, most int) *sql.DB {
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(most)
	db.SetMaxIdleConns(most)
	db.SetConnMaxLifetime(connectionLife)
	db.SetConnMaxIdleTime(connectionIdle)
	return db
}

// transact is write on PostgreSQL, in a transaction of its own.
func (s *Store) transact(ctx context.Context, f func(tx *sql.Tx) error) error {
	if s.writer.down.Load() {
		return unavailable(errDown)
	}
	// A transaction whose caller gives up is still ended properly: one that is broken
	// off takes its connection with it, and many at once would leave others none.
	whole, cancel := context.WithTimeout(context.WithoutCancel(ctx), batchTimeout)
	defer cancel()
	tx, end, err := s.begin(ctx, whole)
	if err != nil {
		return s.failure(err)
	}
	defer end()
	if err := f(tx); err != nil {
		return s.failure(err)
	}
	return s.failure(tx.Commit())
}

// begin waits for a connection as long as wait lasts, and begins a transaction. The
// pool may hand out connections that were closed while they lay in it.
func (s *Store) begin(wait, whole context.Context) (tx *sql.Tx, end func(), err error) {
	for range attempts {
		var conn *sql.Conn
		if conn, err = s.writes.Conn(wait); err == nil {
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

// postgresCure adds to what the server says what its user can do.
func postgresCure(config *pgx.ConnConfig, err error) error {
	where := fmt.Sprintf("PostgreSQL at %s:%d, database %s, user %s", config.Host, config.Port, config.Database, config.User)
	switch postgresCode(err) {
	case "3D000": // invalid_catalog_name
		return fmt.Errorf("%s: there is no such database; make it: createdb --encoding UTF8 %s: %w", where, config.Database, err)
	case "28P01", "28000": // invalid_password, invalid_authorization_specification
		return fmt.Errorf("%s: user or password refused; look at the URL and at the server's pg_hba.conf: %w", where, err)
	case "53300": // too_many_connections
		return fmt.Errorf("%s: the server has no connection left; raise its max_connections (this node uses up to %d): %w", where, postgresReaders+postgresWriters+1, err)
	case "42501": // insufficient_privilege
		return fmt.Errorf("%s: the user may not do that; as the database's owner: GRANT CREATE ON SCHEMA public TO %s: %w", where, config.User, err)
	case "":
		return fmt.Errorf("%s: can't be reached; is it running, and is the address right? %w", where, err)
	}
	return fmt.Errorf("%s: %w", where, err)
}

// postgresCode is the SQLSTATE in an error, or "".
func postgresCode(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}
