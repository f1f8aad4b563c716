package main

import (
	"context"
	"errors"
	"log/slog"
)

// runServe starts the server and serves until ctx ends.
func runServe(_ context.Context, _ *Config, _ *slog.Logger) error {
	return errors.New("serve: the server is not wired in yet")
}
