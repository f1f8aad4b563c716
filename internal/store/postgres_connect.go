package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5"
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
	// are small; one that takes this long waits for the lock of another transaction.
	readTimeout  = 10 * time.Second
	writeTimeout = 5 * time.Second
	lockTimeout  = 3 * time.Second
	// idleInTransaction frees the locks of a node that froze.
	idleInTransaction = 30 * time.Second
	// connectionLife lets a pool follow a database that moved.
	connectionLife = time.Hour
	connectionIdle = 5 * time.Minute
)

// postgresEngine is a PostgreSQL database, which other nodes may be using too.
type postgresEngine struct {
	config  *pgx.ConnConfig
	reads   *sql.DB
	writes  *sql.DB
	appends *sql.DB // for messages

	conn *sql.Conn // of appends, kept from batch to batch by the writer's goroutine; nil after an error
}

var _ engine = (*postgresEngine)(nil)

func (e *postgresEngine) connect(ctx context.Context, readers int) error {
	if readers <= 0 {
		readers = postgresReaders
	}
	reads, writes, appends := e.config.Copy(), e.config.Copy(), e.config.Copy()
	setTimeouts(reads, readTimeout)
	setTimeouts(writes, writeTimeout)
	setTimeouts(appends, writeTimeout)
	keepPlans(appends)
	e.reads = openPool(reads, readers)
	e.writes = openPool(writes, postgresWriters)
	e.appends = openPool(appends, 1)
	var encoding string
	if err := e.reads.QueryRowContext(ctx, "SHOW server_encoding").Scan(&encoding); err != nil {
		return e.Explain(err)
	}
	if encoding != "UTF8" {
		return fmt.Errorf("the PostgreSQL database %s keeps text as %s; make one that keeps all of Unicode: "+
			"CREATE DATABASE %s ENCODING 'UTF8' TEMPLATE template0", e.config.Database, encoding, e.config.Database)
	}
	return nil
}

func (e *postgresEngine) close() error {
	e.dropConn()
	return closeAll(e.reads, e.writes, e.appends)
}

// readers are one and the same, as the driver keeps prepared statements by itself.
func (e *postgresEngine) readers() (cached, uncached querier) { return e.reads, e.reads }

// parsePostgres reads a URL as pgx does. Its error has no password in it.
func parsePostgres(address string) (*pgx.ConnConfig, error) {
	// When the address as a whole is unclear, so is which part of it is the password.
	if _, err := url.Parse(address); err != nil {
		return nil, errors.New("postgres: the address can't be read; accepted is " +
			"postgres://USER:PASSWORD@HOST:PORT/DATABASE, with characters such as @ / : # % in the password written as %40 %2F %3A %23 %25")
	}
	config, err := pgx.ParseConfig(address)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	return config, nil
}

// setTimeouts sets what the URL left open.
func setTimeouts(config *pgx.ConnConfig, statement time.Duration) {
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

// keepPlans keeps the server from planning the statements of each batch anew, which
// took as long as they did. They find every row by a key; a plan made for tables
// that were still small must not scan them when they have grown.
func keepPlans(config *pgx.ConnConfig) {
	for _, name := range []string{"enable_seqscan", "enable_hashjoin", "enable_mergejoin", "enable_bitmapscan", "jit"} {
		config.RuntimeParams[name] = "off"
	}
	config.RuntimeParams["plan_cache_mode"] = "force_generic_plan"
}

func openPool(config *pgx.ConnConfig, most int) *sql.DB {
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(most)
	db.SetMaxIdleConns(most)
	db.SetConnMaxLifetime(connectionLife)
	db.SetConnMaxIdleTime(connectionIdle)
	return db
}
