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
