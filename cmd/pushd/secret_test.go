package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestSecretNeverShows(t *testing.T) {
	const hidden = "hunter2"
	cfg := &Config{AdminKey: hidden}
	cfg.Auth.JWT.Key = hidden
	cfg.Admin.Keys = []AdminKey{{Name: "shop", Secret: hidden}}

	texts := map[string]string{}
	for _, verb := range []string{"%s", "%v", "%+v", "%#v", "%q", "%x", "%X", "%d", "%t"} {
		texts[verb] = fmt.Sprintf(verb, cfg.AdminKey)
		texts[verb+" of the configuration"] = fmt.Sprintf(verb, *cfg)
	}
	asJSON, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	texts["JSON"] = string(asJSON)
	for _, format := range []string{"text", "json"} {
		var b bytes.Buffer
		log := newLogger(&b, LogConfig{Format: format})
		log.Info("message", slog.Any("key", cfg.AdminKey), slog.Any("keys", cfg.Admin.Keys), slog.Any("config", cfg),
			slog.Group("g", slog.Any("key", cfg.AdminKey)))
		texts["log as "+format] = b.String()
	}
	for _, o := range optionTable() {
		texts["text of "+o.key] = cfg.text(o)
	}
	for name, text := range texts {
		if strings.Contains(text, hidden) || strings.Contains(strings.ToLower(text), fmt.Sprintf("%x", hidden)) {
			t.Errorf("%s shows the secret: %s", name, text)
		}
	}
	if got := Secret("@some/file").String(); got != "@some/file" {
		t.Errorf("a file's name is shown as %q", got)
	}
	if name, ok := cfg.AdminKey.File(); name != "" || ok {
		t.Errorf("a secret is taken for the file %q", name)
	}
	if cfg.AdminKey.Reveal() != hidden {
		t.Error("Reveal does not give the secret")
	}
}

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
			newLogger(&b, LogConfig{Format: c.format, Level: c.level}).Info("ready")
			if !strings.HasPrefix(b.String(), c.want) || (c.want == "") != (b.Len() == 0) {
				t.Errorf("got %q, want it to begin with %q", b.String(), c.want)
			}
		})
	}
}
