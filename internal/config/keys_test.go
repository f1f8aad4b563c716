package config

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// writeKey writes a file for a test and returns its name.
func writeKey(t *testing.T, name, text string, mode os.FileMode) string {
	t.Helper()
	name = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, mode); err != nil { // past the umask
		t.Fatal(err)
	}
	return name
}

// tokenConfig is a configuration in token mode with nothing set.
func tokenConfig(t *testing.T) *Config {
	t.Helper()
	cfg, err := loadWith(t, "", nil, "--data-dir", filepath.Join(t.TempDir(), "data"))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// newPair is a private and a public key for EdDSA in PEM.
func newPair(t *testing.T) (private, public []byte) {
	t.Helper()
	publicKey, privateKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if private, err = x509.MarshalPKCS8PrivateKey(privateKey); err != nil {
		t.Fatal(err)
	}
	if public, err = x509.MarshalPKIXPublicKey(publicKey); err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
		pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
}

func TestKeysGeneratedOnce(t *testing.T) {
	cfg := tokenConfig(t)
	none, err := LoadKeys(cfg)
	if err != nil || none.JWT != "" || len(none.Admin) != 0 {
		t.Fatalf("before anything was generated: %+v, %v", none, err)
	}
	if _, err := os.Stat(cfg.DataDir); err == nil {
		t.Fatal("LoadKeys made the data directory")
	}

	first, err := LoadOrCreateKeys(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if len(first.Created) != 2 || len(first.JWT) < 32 || len(first.Admin) != 1 || len(first.Admin[0].Secret) < 32 {
		t.Fatalf("generated %+v", first)
	}
	if first.JWT == first.Admin[0].Secret.Reveal() {
		t.Error("both keys are the same")
	}
	for _, name := range []string{first.JWTFile, filepath.Join(cfg.DataDir, adminKeyFile)} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	second, err := LoadOrCreateKeys(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if second.JWT != first.JWT || second.Admin[0].Secret != first.Admin[0].Secret || len(second.Created) != 0 {
		t.Error("the second start has other keys")
	}
	if left, _ := filepath.Glob(filepath.Join(cfg.DataDir, ".new-*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestKeysOfTheDatabase(t *testing.T) {
	short := writeKey(t, "short", "short", 0o600)
	for name, c := range map[string]struct {
		key   func(cfg *Config, create bool) (key, made string, err error)
		field func(cfg *Config) *Secret
		short bool // whether a short key is taken here
	}{
		accountsKeyFile: {(*Config).AccountsKey, func(cfg *Config) *Secret { return &cfg.Accounts.Key }, true},
		filesKeyFile:    {(*Config).FilesKey, func(cfg *Config) *Secret { return &cfg.Files.Key }, false},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := tokenConfig(t)
			if key, made, err := c.key(cfg, false); key != "" || made != "" || err != nil {
				t.Errorf("before it is made: %q, %q, %v", key, made, err)
			}
			if _, err := os.Stat(cfg.DataDir); err == nil {
				t.Error("looking made the data directory")
			}
			key, made, err := c.key(cfg, true)
			if len(key) < 32 || made != filepath.Join(cfg.DataDir, name) || err != nil {
				t.Errorf("made: %d bytes, %q, %v", len(key), made, err)
			}
			if again, made, err := c.key(cfg, true); again != key || made != "" || err != nil {
				t.Errorf("the second time another, or %q, %v", made, err)
			}
			*c.field(cfg) = Secret("@" + short)
			if key, _, err := c.key(cfg, true); (err == nil) != c.short || c.short && key != "short" {
				t.Errorf("a short one: %q, %v", key, err)
			}
			*c.field(cfg) = "@/nonexistent/key"
			if _, _, err := c.key(cfg, false); err == nil {
				t.Error("a key in no file is taken")
			}
		})
	}
}

func TestKeysGeneratedTogether(t *testing.T) {
	cfg := tokenConfig(t)
	var wg sync.WaitGroup
	keys := make([]string, 16)
	for i := range keys {
		wg.Go(func() {
			k, err := LoadOrCreateKeys(cfg)
			if err != nil {
				t.Error(err)
				return
			}
			keys[i] = k.JWT
		})
	}
	wg.Wait()
	for _, key := range keys {
		if key != keys[0] {
			t.Fatal("starts at the same time got different keys")
		}
	}
}

func TestKeysConfigured(t *testing.T) {
	secret := strings.Repeat("k", 32)
	file := writeKey(t, "secret", "\n"+secret+"\n", 0o600)
	cfg := tokenConfig(t)
	cfg.Auth.JWT.Key = Secret("@" + file)
	cfg.AdminKey = "mine"
	cfg.Admin.Keys = []AdminKey{{Name: "shop", Secret: Secret("@" + file), Scopes: []string{"push"}}}
	k, err := LoadOrCreateKeys(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if k.JWT != secret || k.JWTFile != file || len(k.Created) != 0 {
		t.Errorf("token key: %+v", k)
	}
	want := []AdminKey{{"admin", "mine", []string{"admin"}}, {"shop", Secret(secret), []string{"push"}}}
	if fmt.Sprint(k.Admin) != fmt.Sprint(want) || k.Admin[1].Secret != want[1].Secret {
		t.Errorf("API keys: %v", k.Admin)
	}
	if _, err := os.Stat(cfg.DataDir); err == nil {
		t.Error("a data directory was made though nothing was generated")
	}

	t.Run("open mode needs no token key", func(t *testing.T) {
		cfg := tokenConfig(t)
		cfg.Auth.Mode, cfg.AdminKey = "open", "dev"
		if k, err := LoadOrCreateKeys(cfg); err != nil || k.JWT != "" || len(k.Created) != 0 {
			t.Errorf("%+v, %v", k, err)
		}
	})
	t.Run("a key set needs no key", func(t *testing.T) {
		cfg := tokenConfig(t)
		cfg.Auth.JWT.JWKS, cfg.AdminKey = "keys.json", "dev"
		if k, err := LoadOrCreateKeys(cfg); err != nil || k.JWT != "" || len(k.Created) != 0 {
			t.Errorf("%+v, %v", k, err)
		}
	})
}

func TestKeyFilesRefused(t *testing.T) {
	secret := strings.Repeat("k", 32)
	private, public := newPair(t)
	for _, c := range []struct {
		name      string
		text      string
		mode      os.FileMode
		algorithm string
		want      string // part of the error; "" is accepted
	}{
		{"for the owner only", secret, 0o600, "HS256", ""},
		{"read only", secret, 0o400, "HS256", ""},
		{"readable by the group", secret, 0o640, "HS256", "chmod 600"},
		{"readable by all", secret, 0o644, "HS256", "chmod 600"},
		{"writable by all", secret, 0o602, "HS256", "chmod 600"},
		{"public key readable by all", string(public), 0o644, "EdDSA", ""},
		{"private key readable by all", string(private), 0o644, "EdDSA", "chmod 600"},
		{"public key as an HMAC secret", string(public), 0o600, "HS256", "not for HS256"},
		{"secret for EdDSA", secret, 0o600, "EdDSA", "not for EdDSA"},
		{"short", "short", 0o600, "HS256", "at least 32"},
		{"empty", " \n", 0o600, "HS256", "empty"},
		{"huge", strings.Repeat("k", maxKeyFile+1), 0o600, "HS256", "more than 64KiB"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := tokenConfig(t)
			cfg.AdminKey = "mine"
			name := writeKey(t, "key", c.text, c.mode)
			cfg.Auth.JWT.Key, cfg.Auth.JWT.Algorithm = Secret("@"+name), c.algorithm
			_, err := LoadKeys(cfg)
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "auth.jwt.key")):
				t.Errorf("got %v, want something with %q", err, c.want)
			}
		})
	}

	t.Run("missing", func(t *testing.T) {
		cfg := tokenConfig(t)
		cfg.AdminKey = "@/nonexistent/key"
		if _, err := LoadOrCreateKeys(cfg); err == nil || !strings.Contains(err.Error(), "admin-key") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a directory", func(t *testing.T) {
		cfg := tokenConfig(t)
		cfg.AdminKey = Secret("@" + t.TempDir())
		if _, err := LoadOrCreateKeys(cfg); err == nil || !strings.Contains(err.Error(), "is a directory") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("generated key made readable", func(t *testing.T) {
		cfg := tokenConfig(t)
		k, err := LoadOrCreateKeys(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(k.JWTFile, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadOrCreateKeys(cfg); err == nil || !strings.Contains(err.Error(), "chmod 600 "+k.JWTFile) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("data directory is a file", func(t *testing.T) {
		cfg := tokenConfig(t)
		cfg.DataDir = writeKey(t, "file", "", 0o600)
		if _, err := LoadOrCreateKeys(cfg); err == nil || !strings.Contains(err.Error(), cfg.DataDir) {
			t.Errorf("got %v", err)
		}
	})
}
