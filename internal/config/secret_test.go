package config

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
		log := slog.New(slog.NewTextHandler(&b, nil))
		if format == "json" {
			log = slog.New(slog.NewJSONHandler(&b, nil))
		}
		log.Info("message", slog.Any("key", cfg.AdminKey), slog.Any("keys", cfg.Admin.Keys), slog.Any("config", cfg),
			slog.Group("g", slog.Any("key", cfg.AdminKey)))
		texts["log as "+format] = b.String()
	}
	for _, o := range allOptions(cfg) {
		texts["text of "+o.key] = o.text()
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
