package storetest

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx
)

// cure ends every message about a server that can't be had.
const cure = "install PostgreSQL (scripts/test-deps.sh does) or name a server " +
	"whose databases may be made and dropped: PUSHD_TEST_POSTGRES=postgres://…"

// server is the one PostgreSQL of this process.
var server struct {
	mu      sync.Mutex
	url     string // "" before it was started
	err     error
	process *exec.Cmd // nil when it isn't ours
	dir     string
	made    int // databases
}

// newDatabase makes a database and drops it when the test ends.
func newDatabase(tb testing.TB) string {
	tb.Helper()
	base, name, err := reserve()
	if err != nil {
		tb.Fatalf("PostgreSQL: %v; %s", err, cure)
	}
	if err := administer(tb.Context(), base, `CREATE DATABASE `+name+` TEMPLATE template0 ENCODING 'UTF8'`); err != nil {
		tb.Fatalf("PostgreSQL: %v; %s", err, cure)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := administer(ctx, base, `DROP DATABASE `+name+` WITH (FORCE)`); err != nil {
			tb.Errorf("PostgreSQL: %v", err)
		}
	})
	return withDatabase(base, name)
}

// reserve starts the server at the first call and gives a database's name.
func reserve() (base, name string, err error) {
	server.mu.Lock()
	defer server.mu.Unlock()
	if server.url == "" && server.err == nil {
		if server.url = os.Getenv("PUSHD_TEST_POSTGRES"); server.url == "" {
			server.err = startLocked()
		}
	}
	server.made++
	return server.url, fmt.Sprintf("pushd_test_%d_%d", os.Getpid(), server.made), server.err
}

// Stop ends the server if this process started one. It is for TestMain, after
// the tests.
func Stop() error {
	server.mu.Lock()
	defer server.mu.Unlock()
	return stopLocked()
}

func stopLocked() error {
	if server.process == nil {
		return nil
	}
	// Immediate shutdown: nobody will look at these files again.
	err := server.process.Process.Signal(syscall.SIGQUIT)
	_ = server.process.Wait() // it says how it was ended
	server.process = nil
	return errors.Join(err, os.RemoveAll(server.dir))
}

// startLocked runs a server in a directory of its own, reached by a socket in that
// directory alone. It keeps its default of fsync on: what is tested is durable.
func startLocked() (err error) {
	bin, err := binaries()
	if err != nil {
		return err
	}
	// Not TempDir: it is shared by tests. Its name is short, as sockets' have to be.
	if server.dir, err = os.MkdirTemp("", "pushd-pg-"); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, stopLocked(), os.RemoveAll(server.dir))
		}
	}()
	attr, err := servant(server.dir)
	if err != nil {
		return err
	}
	data := filepath.Join(server.dir, "data")
	// A collation that is not by code points, as on many a real server: an order that
	// leans on the database's shows.
	initdb := exec.Command(filepath.Join(bin, "initdb"), "--pgdata", data, "--username", "postgres", "--auth", "trust",
		"--encoding", "UTF8", "--locale", "C.UTF-8", "--locale-provider", "icu", "--icu-locale", "en", "--no-sync")
	initdb.SysProcAttr, initdb.Dir = attr, server.dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, bytes.TrimSpace(out))
	}
	log, err := os.Create(filepath.Join(server.dir, "log"))
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the server has it
	server.process = exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-k", server.dir,
		"-c", "listen_addresses=", "-c", "max_connections=200", "-c", "shared_buffers=64MB")
	server.process.SysProcAttr, server.process.Dir = attr, server.dir
	server.process.Stdout, server.process.Stderr = log, log
	if err := server.process.Start(); err != nil {
		server.process = nil
		return err
	}
	server.url = (&url.URL{
		Scheme: "postgres", User: url.User("postgres"), Path: "/postgres",
		RawQuery: url.Values{"host": {server.dir}}.Encode(),
	}).String()
	if err := answers(server.url); err != nil {
		said, _ := os.ReadFile(log.Name())
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(said))
	}
	return nil
}

// binaries finds the newest PostgreSQL, where Debian has it or in the path.
func binaries() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil {
		return "", err
	}
	if len(found) > 0 {
		version := func(path string) int {
			n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
			return n
		}
		return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })), nil
	}
	path, err := exec.LookPath("postgres")
	if err != nil {
		return "", err
	}
	return filepath.Dir(path), nil
}

// servant is who runs the server: PostgreSQL refuses root, so that under root
// it is the user that its package makes, which is given the directory. The
// server ends with this process, however that ends.
func servant(dir string) (*syscall.SysProcAttr, error) {
	attr := &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT}
	if os.Geteuid() != 0 {
		return attr, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL doesn't run as root: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return attr, os.Chown(dir, int(uid), int(gid))
}

// answers waits until the server takes connections.
func answers(url string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for {
		err := administer(ctx, url, "SELECT 1")
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the server doesn't answer: %w", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func administer(ctx context.Context, url, statement string) error {
	db, err := sql.Open("pgx", url)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, statement)
	return errors.Join(err, db.Close())
}

// withDatabase is the URL of another database on the same server.
func withDatabase(base, name string) string {
	u, err := url.Parse(base)
	if err != nil {
		panic("storetest: " + err.Error())
	}
	u.Path = "/" + name
	return u.String()
}
