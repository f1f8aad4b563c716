package config

import (
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	long := strings.Repeat("k", 32)
	for _, c := range []struct {
		name string
		file string
		args []string
		want []string // parts of the error; none is accepted
	}{
		{"defaults", "", nil, nil},
		{"development", "", []string{"--dev"}, nil},
		{"short times, as tests use them", "", []string{"--heartbeat=1s", "--login-timeout=30s"}, nil},
		{"admin on another address without a key", "", []string{"--admin-listen=:8090"}, []string{"admin-listen (flag --admin-listen)", "set admin-key or admin.keys"}},
		{"admin by name without a key", "", []string{"--admin-listen=admin.example:8090"}, []string{"set admin-key"}},
		{"the development key is not enough", "", []string{"--dev", "--admin-listen=0.0.0.0:8090"}, []string{"set admin-key"}},
		{"the development key beside others neither", "admin:\n  keys: [{name: a, secret: b, scopes: [push]}]\n", []string{"--dev", "--admin-listen=:8090"}, []string{"set admin-key"}},
		{"admin on another address with a key", "", []string{"--admin-listen=0.0.0.0:8090", "--admin-key=k"}, nil},
		{"admin on another address with named keys", "admin:\n  keys: [{name: a, secret: b, scopes: [push]}]\n", []string{"--admin-listen=[::]:8090"}, nil},
		{"admin on IPv6 loopback", "", []string{"--admin-listen=[::1]:8090"}, nil},
		{"admin on localhost", "", []string{"--admin-listen=localhost:8090"}, nil},
		{"both on one address", "", []string{"--listen=127.0.0.1:9000", "--admin-listen=127.0.0.1:9000"}, []string{"same address as listen"}},
		{"both on free ports", "", []string{"--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0"}, nil},
		{"endpoint where the page is", "", []string{"--path=/"}, []string{"path", "set page to false"}},
		{"endpoint at / without page", "", []string{"--path=/", "--page=false"}, nil},
		{"key without name, secret, scopes", "admin:\n  keys: [{}]\n", nil, []string{"entry 1", "no name", "no secret", "no scope"}},
		{"two keys of one name", "admin:\n  keys: [{name: a, secret: b, scopes: [push]}, {name: a, secret: c, scopes: [push]}]\n", nil, []string{"entry 2", "taken by entry 1"}},
		{"unknown scope", "admin:\n  keys: [{name: a, secret: b, scopes: [root]}]\n", nil, []string{"entry 1", `"root"`, "push, read and admin"}},
		{"public key algorithm without key", "", []string{"--auth.jwt.algorithm=EdDSA"}, []string{"auth.jwt.algorithm", "EdDSA needs a public key"}},
		{"the same in open mode", "", []string{"--auth.jwt.algorithm=EdDSA", "--auth.mode=open"}, nil},
		{"key and key set", "", []string{"--auth.jwt.key=" + long, "--auth.jwt.jwks=keys.json"}, nil},
		{"id of a key set", "", []string{"--auth.jwt.id=a", "--auth.jwt.jwks=keys.json"}, []string{"auth.jwt.id"}},
		{"short secret", "", []string{"--auth.jwt.key=short"}, []string{"auth.jwt.key (flag --auth.jwt.key)", "at least 32"}},
		{"pings too seldom", "", []string{"--ping=60s"}, []string{"ping", "shorter than heartbeat"}},
		{"pings", "", []string{"--ping=25s"}, nil},
		{"platforms", "", []string{"--platforms=tv=7,car=63"}, nil},
		{"platform number too low", "", []string{"--platforms=tv=6"}, []string{"platforms (flag --platforms)", "tv"}},
		{"platform number too high", "", []string{"--platforms=tv=64"}, []string{"platforms", "tv"}},
		{"platform number twice", "", []string{"--platforms=tv=7,car=7"}, []string{"platforms"}},
		{"built-in platform", "", []string{"--platforms=web=7"}, []string{"platforms", "web"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, err := loadWith(t, c.file, nil, c.args...)
			if err != nil {
				t.Fatal(err)
			}
			err = cfg.Check()
			if len(c.want) == 0 && err != nil {
				t.Fatal(err)
			}
			for _, part := range c.want {
				if err == nil || !strings.Contains(err.Error(), part) {
					t.Errorf("the message lacks %q: %v", part, err)
				}
			}
		})
	}
}

func TestWarnings(t *testing.T) {
	long := strings.Repeat("k", 32)
	for _, c := range []struct {
		name string
		env  []string
		args []string
		want string // part of the only warning; "" is none
	}{
		{"defaults", nil, nil, ""},
		{"development for all to reach", nil, []string{"--dev"}, "development mode on :8089"},
		{"development on loopback", nil, []string{"--dev", "--listen=127.0.0.1:0"}, ""},
		{"open for all to reach", nil, []string{"--auth.mode=open"}, "auth.mode is open"},
		{"buffer under the message limit", nil, []string{"--send-buffer=16KiB"}, "over send-buffer"},
		{"secret on the command line", nil, []string{"--auth.jwt.key=" + long}, "PUSHD_AUTH_JWT_KEY"},
		{"secret's file on the command line", nil, []string{"--auth.jwt.key=@file"}, ""},
		{"secret in the environment", []string{"PUSHD_AUTH_JWT_KEY=" + long}, nil, ""},
		{"key set over http", nil, []string{"--auth.jwt.jwks=http://keys.example/a"}, "use https"},
		{"key set over http on loopback", nil, []string{"--auth.jwt.jwks=http://127.0.0.1:1/a"}, ""},
		{"more connections than files", nil, []string{"--max-connections=100000000"}, "limit on open files"},
		{"option that does nothing", nil, []string{"--max-per-platform=3"}, "multi-login"},
		{"option that does something", nil, []string{"--max-per-platform=3", "--multi-login=allow"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, err := loadWith(t, "", c.env, c.args...)
			if err != nil {
				t.Fatal(err)
			}
			warnings := cfg.Warnings()
			if c.want == "" && len(warnings) != 0 {
				t.Errorf("warned: %q", warnings)
			}
			if c.want != "" && (len(warnings) != 1 || !strings.Contains(warnings[0], c.want)) {
				t.Errorf("warned %q, want %q", warnings, c.want)
			}
		})
	}
}
