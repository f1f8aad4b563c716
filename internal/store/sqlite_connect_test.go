package store_test

import (
	"os"
	"path/filepath"
	"testing"

	"pushd/internal/store/storetest"
)

func TestFileIsPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b ?#%")
	storetest.OpenURL(t, "sqlite:"+dir+"/x.db")
	modes := map[string]os.FileMode{
		dir: 0o700, dir + "/x.db": 0o600, dir + "/x.db-wal": 0o600,
		dir + "/x.db-shm": 0o600, dir + "/x.db.lock": 0o600,
	}
	for name, want := range modes {
		info, err := os.Stat(name)
		if err != nil {
			t.Error(err)
		} else if info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v", name, info.Mode().Perm(), want)
		}
	}
}
