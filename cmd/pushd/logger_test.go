package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"pushd/internal/config"
)

func TestLogger(t *testing.T) {
	for _, c := range []struct {
		name   string
		format string
		level  slog.Level
		want   string // beginning of the output
	}{
		{"auto is JSON when not on a terminal", "auto", slog.LevelInfo, `{"time":`},
		{"json", "json", slog.LevelInfo, `{"time":`},
		{"text", "text", slog.LevelInfo, "time="},
		{"below the level", "text", slog.LevelError, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b bytes.Buffer
			newLogger(&b, config.LogConfig{Format: c.format, Level: c.level}).Info("ready")
			if !strings.HasPrefix(b.String(), c.want) || (c.want == "") != (b.Len() == 0) {
				t.Errorf("got %q, want it to begin with %q", b.String(), c.want)
			}
		})
	}
}
