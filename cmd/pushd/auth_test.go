package main

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pushd/internal/account"
	"pushd/internal/config"
)

// sign makes a token with a key's text.
func sign(t *testing.T, key, id string) string {
	t.Helper()
	s, err := account.NewSigner(account.SignerOptions{Key: key, KeyID: id})
	if err != nil {
		t.Fatal(err)
	}
	token, err := s.Sign("alice", time.Hour, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// octSet is a JSON Web Key Set of HMAC secrets, by id.
func octSet(secrets map[string]string) string {
	var keys []string
	for id, secret := range secrets {
		keys = append(keys, fmt.Sprintf(`{"kty":"oct","kid":%q,"k":%q}`, id, base64.RawURLEncoding.EncodeToString([]byte(secret))))
	}
	return `{"keys":[` + strings.Join(keys, ",") + `]}`
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestVerifierRotates(t *testing.T) {
	one, two, three := config.NewKey(), config.NewKey(), config.NewKey()
	dir := t.TempDir()
	keyFile, setFile := filepath.Join(dir, "jwt.key"), filepath.Join(dir, "set.json")
	write(t, keyFile, one)
	write(t, setFile, octSet(map[string]string{"a": two}))
	cfg := tokenConfig(t)
	cfg.AdminKey = "mine"
	cfg.Auth.JWT.Key, cfg.Auth.JWT.ID, cfg.Auth.JWT.JWKS = config.Secret("@"+keyFile), "own", setFile
	keys, err := config.LoadOrCreateKeys(cfg)
	if err != nil {
		t.Fatal(err)
	}
	v, watchers, err := newVerifier(t.Context(), cfg, keys, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if len(watchers) != 2 {
		t.Fatalf("%d watchers, want one for each file", len(watchers))
	}
	tokens := map[string]string{"own": sign(t, one, "own"), "a": sign(t, two, "a"), "b": sign(t, three, "b"), "new own": sign(t, three, "own")}
	for _, step := range []struct {
		name     string
		key, set string // new contents; "" leaves the file
		accepted string
	}{
		{"as started", "", "", "own a"},
		{"another set", "", octSet(map[string]string{"a": two, "b": three}), "own a b"},
		{"a set of nothing", "", `{"keys":[]}`, "own a b"},
		{"a set that takes the key's id", "", octSet(map[string]string{"own": two}), "own a b"},
		{"not a set", "", "x", "own a b"},
		{"a smaller set", "", octSet(map[string]string{"b": three}), "own b"},
		{"another key", three, "", "b, new own"},
		{"a bad key", "short", "", "b, new own"},
	} {
		if step.key != "" {
			write(t, keyFile, step.key)
		}
		if step.set != "" {
			write(t, setFile, step.set)
		}
		for _, w := range watchers {
			w.look(t.Context())
		}
		var accepted []string
		for name, token := range tokens {
			if _, err := v.Verify(token); err == nil {
				accepted = append(accepted, name)
			}
		}
		want := strings.FieldsFunc(strings.ReplaceAll(step.accepted, "new own", "new_own"), func(r rune) bool { return r == ' ' || r == ',' })
		if len(accepted) != len(want) {
			t.Errorf("%s: accepted %q, want %q", step.name, accepted, step.accepted)
			continue
		}
		for _, name := range want {
			if _, err := v.Verify(tokens[strings.ReplaceAll(name, "_", " ")]); err != nil {
				t.Errorf("%s: the token %q is refused", step.name, name)
			}
		}
	}
}

func TestVerifierOfInlineKey(t *testing.T) {
	secret := config.NewKey()
	cfg := tokenConfig(t)
	cfg.Auth.JWT.Key, cfg.AdminKey = config.Secret(secret), "mine"
	keys, err := config.LoadOrCreateKeys(cfg)
	if err != nil {
		t.Fatal(err)
	}
	v, watchers, err := newVerifier(t.Context(), cfg, keys, slog.New(slog.DiscardHandler))
	if err != nil || len(watchers) != 0 {
		t.Fatalf("%d watchers, %v", len(watchers), err)
	}
	if claims, err := v.Verify(sign(t, secret, "")); err != nil || claims.User != "alice" {
		t.Errorf("%+v, %v", claims, err)
	}
	cfg.Auth.Mode = "open"
	if v, watchers, err := newVerifier(t.Context(), cfg, keys, nil); v != nil || watchers != nil || err != nil {
		t.Errorf("open mode: %v, %v, %v", v, watchers, err)
	}
}

func TestAPIKeys(t *testing.T) {
	for _, c := range []struct {
		name  string
		args  []string
		short bool // whether a short key is taken
	}{
		{"on loopback", nil, true},
		{"for all to reach", []string{"--admin-listen=:8090"}, false},
		{"development", []string{"--admin-listen=:8090", "--dev"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, err := loadWith(t, "", nil, append(c.args, "--admin-key=short")...)
			if err != nil {
				t.Fatal(err)
			}
			keys, err := config.LoadKeys(cfg)
			if err != nil {
				t.Fatal(err)
			}
			set, err := newAPIKeys(cfg, keys)
			if (err == nil) != c.short {
				t.Fatal(err)
			}
			if err != nil {
				return
			}
			id, err := set.Authenticate([]byte("Bearer short"))
			if err != nil || id.Key != "admin" || id.Allow(account.ScopeAdmin) != nil {
				t.Errorf("%+v, %v", id, err)
			}
		})
	}
}

// TestTokenCommand signs with the program and verifies as the server does.
func TestTokenCommand(t *testing.T) {
	dir := t.TempDir()
	for _, algorithm := range []string{"RS256", "ES256", "EdDSA"} {
		if got := runIn(t, dir, nil, "keys", "jwt", "--algorithm", algorithm, "--out", algorithm); got.code != 0 {
			t.Fatal(got.stderr)
		}
	}
	write(t, filepath.Join(dir, "secret"), config.NewKey())
	write(t, filepath.Join(dir, "set.json"), octSet(map[string]string{"a": config.NewKey()}))
	write(t, filepath.Join(dir, "sec1.pem"), sec1(t, filepath.Join(dir, "ES256.pem")))

	for _, c := range []struct {
		name   string
		config []string // for the server and the program
		args   string   // for the program
		stderr string
	}{
		{"generated key", nil, "", "made the key data/jwt.key"},
		{"generated key, there already", nil, "", ""},
		{"secret in a file", []string{"PUSHD_AUTH_JWT_KEY=@secret"}, "", ""},
		{"issuer, audience and id", []string{"PUSHD_AUTH_JWT_KEY=@secret", "PUSHD_AUTH_JWT_ISSUER=me", "PUSHD_AUTH_JWT_AUDIENCE=you", "PUSHD_AUTH_JWT_ID=a"}, "", ""},
		{"RS256", []string{"PUSHD_AUTH_JWT_ALGORITHM=RS256", "PUSHD_AUTH_JWT_KEY=@RS256.pub.pem"}, "--key @RS256.pem", ""},
		{"ES256", []string{"PUSHD_AUTH_JWT_ALGORITHM=ES256", "PUSHD_AUTH_JWT_KEY=@ES256.pub.pem"}, "--key @ES256.pem", ""},
		{"ES256 in the form of OpenSSL", []string{"PUSHD_AUTH_JWT_ALGORITHM=ES256", "PUSHD_AUTH_JWT_KEY=@ES256.pub.pem"}, "--key @sec1.pem", ""},
		{"EdDSA", []string{"PUSHD_AUTH_JWT_ALGORITHM=EdDSA", "PUSHD_AUTH_JWT_KEY=@EdDSA.pub.pem"}, "--key @EdDSA.pem", ""},
		{"a listener that would be refused", []string{"PUSHD_ADMIN_LISTEN=:8090"}, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := runIn(t, dir, c.config, append([]string{"token", "--user", "alice"}, strings.Fields(c.args)...)...)
			if got.code != 0 || strings.Count(got.stdout, "\n") != 1 || (c.stderr == "") != (got.stderr == "") || !strings.Contains(got.stderr, c.stderr) {
				t.Fatalf("%+v", got)
			}
			t.Chdir(dir)
			cfg, err := loadWith(t, "", c.config)
			if err != nil {
				t.Fatal(err)
			}
			keys, err := config.LoadKeys(cfg)
			if err != nil {
				t.Fatal(err)
			}
			v, _, err := newVerifier(t.Context(), cfg, keys, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			claims, err := v.Verify(strings.TrimSpace(got.stdout))
			if left := time.Until(claims.Expires); err != nil || claims.User != "alice" || left < 23*time.Hour || left > 24*time.Hour {
				t.Errorf("%+v, %v", claims, err)
			}
		})
	}

	for _, c := range []struct {
		name, args string
		want       string
	}{
		{"no user", "", "--user"},
		{"bad user", "--user $root", "a user id is"},
		{"bad ttl", "--user a --ttl soon", "--ttl"},
		{"short ttl", "--user a --ttl 1ms", "at least 1s"},
		{"public key", "--user a --key @EdDSA.pub.pem", "private key with --key"},
		{"key for another algorithm", "--user a --auth.jwt.algorithm RS256 --key @EdDSA.pem", "not for RS256"},
		{"key set only", "--user a --config set.yaml", "not for signing"},
		{"missing key", "--user a --key @no.pem", "no such file"},
		{"option of serve", "--user a --heartbeat 5s", "unknown flag"},
	} {
		t.Run(c.name, func(t *testing.T) {
			write(t, filepath.Join(dir, "set.yaml"), "auth.jwt.jwks: set.json\n")
			got := runIn(t, dir, nil, append([]string{"token"}, strings.Fields(c.args)...)...)
			if got.code != 2 || got.stdout != "" || !strings.Contains(got.stderr, c.want) {
				t.Errorf("%+v, want %q", got, c.want)
			}
		})
	}
}

// sec1 rewrites a private key as `openssl ecparam -genkey` does.
func sec1(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(key.(*ecdsa.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))
}
