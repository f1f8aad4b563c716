package main

import (
	"io"
	"log/slog"
	"os"

	"golang.org/x/term"

	"pushd/internal/config"
)

// newLogger writes to w as the configuration says. Secrets redact themselves,
// see config.Secret.
func newLogger(w io.Writer, cfg config.LogConfig) *slog.Logger {
	options := &slog.HandlerOptions{Level: cfg.Level}
	if cfg.Format == "text" || (cfg.Format == "auto" && isTerminal(w)) {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
