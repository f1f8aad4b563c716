package store_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pushd/internal/store"
	"pushd/internal/store/storetest"
)

func TestOpenRefuses(t *testing.T) {
	notDB := filepath.Join(t.TempDir(), "letter.txt")
	if err := os.WriteFile(notDB, []byte(strings.Repeat("Dear Sir, ", 500)), 0o600); err != nil {
		t.Fatal(err)
	}
	inUse := storetest.URL(t, storetest.SQLite)
	storetest.OpenURL(t, inUse)
	tests := []struct{ name, url, want string }{
		{"empty", "", "accepted is sqlite:FILE"},
		{"unknown scheme", "mysql://u:sesame@h/d", "accepted is sqlite:FILE"},
		{"no file", "sqlite:", "needs the path of a file"},
		{"in memory", "sqlite::memory:", "needs the path of a file"},
		{"postgres without slashes", "postgres:sesame", "accepted is sqlite:FILE"},
		{"password with a hash", "postgres://u:sesame#x@h:1/d", "%23"},
		{"bad setting", "postgres://u:sesame@h/d?sslmode=perhaps", "sslmode"},
		{"nobody there", "postgres://u:sesame@127.0.0.1:1/d?sslmode=disable", "is it running"},
		{"no database", "sqlite:" + notDB, "no SQLite database"},
		{"a directory", "sqlite:" + t.TempDir(), "is a directory"},
		{"in use", inUse, "in use by another process"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, err := store.Open(t.Context(), store.Options{URL: test.url})
			if err == nil {
				s.Close()
				t.Fatal("opened")
			}
			if !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "sesame") {
				t.Errorf("got %q, want it to say %q and no password", err, test.want)
			}
		})
	}
}

func TestFileIsPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b ?#%")
	storetest.OpenURL(t, "sqlite:"+dir+"/x.db")
	modes := map[string]os.FileMode{dir: 0o700, dir + "/x.db": 0o600, dir + "/x.db-wal": 0o600, dir + "/x.db-shm": 0o600, dir + "/x.db.lock": 0o600}
	for name, want := range modes {
		info, err := os.Stat(name)
		if err != nil {
			t.Error(err)
		} else if info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v", name, info.Mode().Perm(), want)
		}
	}
}

func TestMigrations(t *testing.T) {
	for _, engine := range engines {
		t.Run(string(engine), func(t *testing.T) {
			url := storetest.URL(t, engine)
			if _, err := store.Status(t.Context(), store.Options{URL: url}); engine == storetest.SQLite && (err == nil || !strings.Contains(err.Error(), "no database yet")) {
				t.Errorf("status of a file that isn't there: %v", err)
			}
			applied, err := store.Migrate(t.Context(), store.Options{URL: url})
			if err != nil || len(applied) != 1 || applied[0].Name != "init" {
				t.Fatalf("first: applied %v, %v", applied, err)
			}
			applied, err = store.Migrate(t.Context(), store.Options{URL: url})
			if err != nil || len(applied) != 0 {
				t.Fatalf("second: applied %v, %v", applied, err)
			}
			storetest.OpenURL(t, url)
			steps, err := store.Status(t.Context(), store.Options{URL: url})
			if err != nil || len(steps) != 1 || steps[0].Version != 1 || steps[0].Applied == 0 {
				t.Errorf("status beside an open store: %v, %v", steps, err)
			}

			execute(t, raw(t, url), "INSERT INTO goose_db_version (version_id, is_applied) VALUES ($1, TRUE)", 99)
			if _, err := store.Status(t.Context(), store.Options{URL: url}); err == nil || !strings.Contains(err.Error(), "newer pushd") {
				t.Errorf("status of a newer schema: %v", err)
			}
		})
	}
}

// Nodes that start at the same moment on an empty database.
func TestMigrateTogether(t *testing.T) {
	url := storetest.URL(t, storetest.Postgres)
	errs := make(chan error, 3)
	for range cap(errs) {
		go func() {
			s, err := store.Open(t.Context(), store.Options{URL: url})
			if err == nil {
				err = s.Close()
			}
			errs <- err
		}()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}
