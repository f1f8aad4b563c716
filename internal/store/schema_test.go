package store_test

import (
	"strings"
	"testing"

	"pushd/internal/store"
	"pushd/internal/store/storetest"
)

func TestMigrations(t *testing.T) {
	for _, engine := range engines {
		t.Run(string(engine), func(t *testing.T) {
			url := storetest.URL(t, engine)
			if _, err := store.Status(t.Context(), store.Options{URL: url}); engine == storetest.SQLite &&
				(err == nil || !strings.Contains(err.Error(), "no database yet")) {
				t.Errorf("status of a file that isn't there: %v", err)
			}
			applied, err := store.Migrate(t.Context(), store.Options{URL: url})
			if err != nil || len(applied) != 2 || applied[0].Name != "init" || applied[1].Name != "group_revisions" {
				t.Fatalf("first: applied %v, %v", applied, err)
			}
			applied, err = store.Migrate(t.Context(), store.Options{URL: url})
			if err != nil || len(applied) != 0 {
				t.Fatalf("second: applied %v, %v", applied, err)
			}
			storetest.OpenURL(t, url)
			steps, err := store.Status(t.Context(), store.Options{URL: url})
			if err != nil || len(steps) != 2 || steps[1].Version != 2 || steps[1].Applied == 0 {
				t.Errorf("status beside an open store: %v, %v", steps, err)
			}

			execute(t, raw(t, url), "INSERT INTO goose_db_version (version_id, is_applied) VALUES ($1, TRUE)", 99)
			if _, err := store.Status(t.Context(), store.Options{URL: url}); err == nil ||
				!strings.Contains(err.Error(), "newer pushd") {
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
