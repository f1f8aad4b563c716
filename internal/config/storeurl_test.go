package config

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestStoreURL(t *testing.T) {
	for _, c := range []struct{ given, shown string }{
		{"", ""},
		{"none", "none"},
		{"@/run/secrets/db", "@/run/secrets/db"},
		{"sqlite:/var/lib/pushd.db", "sqlite:/var/lib/pushd.db"},
		{"postgres://db.example.com/pushd", "postgres://db.example.com/pushd"},
		{"postgres://pushd:hunter2@db.example.com/pushd?sslmode=require", "postgres://pushd@db.example.com/pushd?sslmode=require"},
		{"postgres://db.example.com/pushd?user=pushd&password=hunter2", "postgres://db.example.com/pushd?user=pushd"},
		{"postgres:///pushd?host=/run&sslpassword=hunter2", "postgres:///pushd?host=%2Frun"},
		{"postgres://a:hunter2%2F@h1:5432,h2:5432/pushd", "postgres://a@h1:5432,h2:5432/pushd"},
	} {
		t.Run(c.given, func(t *testing.T) {
			s, err := parseStoreURL(c.given)
			if err != nil {
				t.Fatal(err)
			}
			asJSON, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			texts := []string{s.String(), string(asJSON), slog.AnyValue(s).Resolve().String()}
			for _, verb := range []string{"%s", "%v", "%+v", "%#v", "%q", "%x", "%d"} {
				texts = append(texts, fmt.Sprintf(verb, s))
			}
			for _, text := range texts {
				if strings.Contains(text, "hunter2") || strings.Contains(text, fmt.Sprintf("%x", "hunter2")) {
					t.Errorf("shows the password: %s", text)
				}
			}
			if got := s.String(); got != c.shown && (c.shown != "" || got != redacted) {
				t.Errorf("shown as %s, want %s", got, c.shown)
			}
		})
	}
	for _, given := range []string{
		"mysql://u:hunter2@h/d", "sqlite:", "/var/lib/pushd.db", "@", "postgres://u:hunter2#@h/d", "postgres://u:hunter2@h/d?sslmode=perhaps", "hunter2",
	} {
		s, err := parseStoreURL(given)
		if err == nil || strings.Contains(err.Error(), "hunter2") || s != "" {
			t.Errorf("%q: %q, %v", given, string(s), err)
		}
	}
}
