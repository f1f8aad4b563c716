package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	sqlitedriver "modernc.org/sqlite"
)

const (
	// writeWait is how long a write waits for another program that holds the file,
	// such as a backup tool or a shell. Longer, and senders would rather be told 503.
	writeWait = 2 * time.Second
	// readWait is for readers, who in WAL mode wait for next to nothing.
	readWait = 5 * time.Second

	writerCache = 32 << 10 // KiB of pages
	readerCache = 8 << 10  // KiB of pages, each reading connection

	// checkpointPages is how long the log grows before it is copied into the file:
	// 16 MiB at 4 KiB. Copying costs two more fsyncs, which the commit that does it
	// pays for.
	checkpointPages = 4000
	// walLimit is what the log is cut to after it has grown beyond it.
	walLimit = 64 << 20 // bytes
)

// sqliteEngine is a SQLite file: one connection that writes, as SQLite has one writer
// at a time, and several that read what was committed last.
type sqliteEngine struct {
	file   string   // its real path once it is connected
	lock   *os.File // keeps other servers away from the file
	reads  *sql.DB
	writes *sql.DB
	cached *statements // of reads
	batch  *statements // of writes

	conversations *conversationCache // owned by the writer's goroutine
}

var _ engine = (*sqliteEngine)(nil)

func (e *sqliteEngine) connect(ctx context.Context, readers int) error {
	file, err := makeFile(e.file)
	if err != nil {
		return err
	}
	e.file = file
	if e.lock, err = lockFile(file); err != nil {
		return err
	}
	if e.writes, err = openWriter(file); err != nil {
		return err
	}
	if err := e.writes.PingContext(ctx); err != nil {
		return fmt.Errorf("open %s: %w", file, e.Explain(err))
	}
	if e.reads, err = openReaders(file, readers); err != nil {
		return err
	}
	e.batch, e.cached = newStatements(e.writes), newStatements(e.reads)
	e.conversations = newConversationCache()
	return nil
}

func (e *sqliteEngine) close() error {
	err := closeAll(e.reads, e.writes)
	if e.lock != nil {
		err = errors.Join(err, e.lock.Close())
	}
	return err
}

func (e *sqliteEngine) readers() (cached, uncached querier) { return e.cached, e.reads }

// makeFile makes the directory and the file where they are missing, readable
// by nobody else, and returns the file's real path. SQLite gives its log the
// mode of the file.
func makeFile(file string) (string, error) {
	file, err := filepath.Abs(file)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return "", fmt.Errorf("make the directory of the database: %w", err)
	}
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return "", fmt.Errorf("open the database: %w", err)
	}
	if err := f.Close(); err != nil {
		return "", err
	}
	// Two names of one file need to meet at one lock.
	return filepath.EvalSymlinks(file)
}

// lockFile keeps a second server away from the file: SQLite itself would let it
// in, and both would answer clients of which they don't tell each other. The lock
// goes with the process, however that ends. It is a file of its own because
// closing any descriptor of the database would drop SQLite's locks on it.
func lockFile(file string) (*os.File, error) {
	name := file + ".lock"
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the database: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		holder, _ := os.ReadFile(name)
		_ = f.Close() // nothing was written
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("the database %s is in use by another process%s: stop that one first, or give this one a "+
				"data-dir of its own; several nodes share a database only with postgres://", file, pidOf(holder))
		}
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	// Read by a process that finds it held; nothing depends on it.
	if err := f.Truncate(0); err == nil {
		_, _ = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	return f, nil
}

func pidOf(content []byte) string {
	if pid, err := strconv.Atoi(strings.TrimSpace(string(content))); err == nil && pid > 0 {
		return fmt.Sprintf(" (pid %d)", pid)
	}
	return ""
}

// dsn names a file to the driver, whatever characters its path has.
func dsn(file string, values url.Values) string {
	return "file:" + (&url.URL{Path: file}).EscapedPath() + "?" + values.Encode()
}

func openWriter(file string) (*sql.DB, error) {
	connector, err := sqlitedriver.NewConnector(dsn(file, url.Values{
		"mode":          {"rw"},
		"_busy_timeout": {millis(writeWait)},
		"_journal_mode": {"WAL"},
		"_synchronous":  {"FULL"}, // an answered send survives a loss of power
		"_foreign_keys": {"off"},
		"_txlock":       {"immediate"}, // a transaction that can't write is refused at its start
		"_dqs":          {"false"},
		"_pragma": {
			fmt.Sprintf("cache_size(-%d)", writerCache),
			fmt.Sprintf("wal_autocheckpoint(%d)", checkpointPages),
			fmt.Sprintf("journal_size_limit(%d)", walLimit),
			"temp_store(MEMORY)",
		},
	}))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", file, err)
	}
	db := sql.OpenDB(uninterrupted{connector})
	db.SetMaxOpenConns(1)
	db.SetMaxIdleConns(1)
	return db, nil
}

// openReaders leaves mmap off: a page that can't be read would then be a signal
// that ends the process, where now it is an error that ends one request.
func openReaders(file string, connections int) (*sql.DB, error) {
	if connections <= 0 {
		connections = max(4, 2*runtime.GOMAXPROCS(0))
	}
	connector, err := sqlitedriver.NewConnector(dsn(file, url.Values{
		"mode":          {"rw"}, // readers of a log share memory that they write to
		"_busy_timeout": {millis(readWait)},
		"_query_only":   {"on"},
		"_dqs":          {"false"},
		"_pragma":       {fmt.Sprintf("cache_size(-%d)", readerCache), "temp_store(MEMORY)"},
	}))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", file, err)
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
