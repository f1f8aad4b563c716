package fleet_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"pushd/bench/internal/fleet"
)

func token(t *testing.T, subject string) string {
	t.Helper()
	s, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.RegisteredClaims{Subject: subject}).SignedString([]byte("k"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestReadTokens(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tokens")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(token(t, "alice") + "\n\n  " + token(t, "bob") + "  ")
	tokens, err := fleet.ReadTokens(file)
	if err != nil || len(tokens) != 2 || tokens[0].User != "alice" || tokens[1].User != "bob" {
		t.Fatalf("%+v, %v", tokens, err)
	}
	id := fleet.Identities{Tokens: tokens, Platforms: []string{"web", "ios"}}
	if id.User(0) != "alice" || id.User(1) != "alice" || id.User(3) != "bob" || id.Check(4) != nil || id.Check(5) == nil {
		t.Error("tokens are not shared out over platforms")
	}
	for name, text := range map[string]string{"empty": "\n", "no token": "hello", "no subject": token(t, "")} {
		write(text)
		if _, err := fleet.ReadTokens(file); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if _, err := fleet.ReadTokens(file + "x"); err == nil {
		t.Error("a file that isn't there is taken")
	}
}

func TestKeyAndFileExclude(t *testing.T) {
	id := fleet.Identities{Platforms: []string{"web"}, Tokens: []fleet.Token{{}}, HMACKey: []byte(strings.Repeat("k", 32))}
	if id.Check(1) == nil {
		t.Error("both are taken")
	}
}
