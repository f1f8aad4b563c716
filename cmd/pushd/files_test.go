package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pushd/internal/config"
	"pushd/internal/store"
)

// fileConfig is the defaults, and a store.
func fileConfig(t *testing.T) (*config.Config, *store.Store) {
	t.Helper()
	dir := t.TempDir()
	cfg := &config.Config{DataDir: dir}
	s, err := store.Open(t.Context(), store.Options{URL: "sqlite:" + filepath.Join(dir, "pushd.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return cfg, s
}

func TestFilesAreInTheDataDirectoryByDefault(t *testing.T) {
	cfg, s := fileConfig(t)
	var log bytes.Buffer
	for range 2 { // the second start finds the key of the first
		f, err := newFiles(t.Context(), cfg, s, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	key, err := os.ReadFile(filepath.Join(cfg.DataDir, "files.key"))
	if err != nil || strings.Count(log.String(), "made a key") != 1 || strings.Contains(log.String(), strings.TrimSpace(string(key))) {
		t.Errorf("key %v, log %s", err, &log)
	}
	if info, err := os.Stat(filepath.Join(cfg.DataDir, "files")); err != nil || !info.IsDir() {
		t.Errorf("the directory: %v", err)
	}
}

func TestWithoutFilesThereIsNoService(t *testing.T) {
	cfg, s := fileConfig(t)
	cfg.Files.URL = "none"
	if f, err := newFiles(t.Context(), cfg, s, slog.New(slog.DiscardHandler)); f != nil || err != nil {
		t.Errorf("%v %v", f, err)
	}
	cfg.Files.URL = ""
	if f, err := newFiles(t.Context(), cfg, nil, slog.New(slog.DiscardHandler)); f != nil || err != nil {
		t.Errorf("%v %v", f, err)
	}
	if _, err := os.Stat(filepath.Join(cfg.DataDir, "files.key")); err == nil {
		t.Error("a key was made for nothing")
	}
}

func TestABucketThatIsAwayIsNoReasonNotToStart(t *testing.T) {
	cfg, s := fileConfig(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "id")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_CONFIG_FILE", os.DevNull)
	// Nobody listens on port 1 of loopback.
	cfg.Files.URL = "s3://b?region=us-east-1&use_path_style=true&endpoint=http://127.0.0.1:1"
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	f, err := newFiles(t.Context(), cfg, s, logger)
	if err != nil {
		t.Fatal(err)
	}
	if f.look(t.Context(), logger); !strings.Contains(log.String(), "files can't be stored now") {
		t.Errorf("log %s", &log)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}
