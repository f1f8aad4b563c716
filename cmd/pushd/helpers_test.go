package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/cobra"

	"pushd/internal/config"
)

// loadWith loads a configuration from a file's text, an environment and
// arguments. A file of "" is none.
func loadWith(t *testing.T, file string, environ []string, args ...string) (*config.Config, error) {
	t.Helper()
	if file != "" {
		name := filepath.Join(t.TempDir(), "pushd.yaml")
		if err := os.WriteFile(name, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--config", name)
	}
	cmd := &cobra.Command{Use: "test"}
	addFlags(cmd, nil)
	if err := cmd.ParseFlags(args); err != nil {
		return nil, flagError(cmd, err)
	}
	return config.Load(cmd.Flags(), environ)
}

// tokenConfig is a configuration in token mode with nothing set.
func tokenConfig(t *testing.T) *config.Config {
	t.Helper()
	cfg, err := loadWith(t, "", nil, "--data-dir", filepath.Join(t.TempDir(), "data"))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}
