package config

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

// loadWith loads a configuration from a file's text, an environment and
// arguments. A file of "" is none.
func loadWith(t *testing.T, file string, environ []string, args ...string) (*Config, error) {
	t.Helper()
	if file != "" {
		name := filepath.Join(t.TempDir(), "pushd.yaml")
		if err := os.WriteFile(name, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--config", name)
	}
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	AddFlags(flags, nil, nil)
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	return Load(flags, environ)
}

func TestPrecedence(t *testing.T) {
	const file = "heartbeat: 20s\n"
	env := []string{"PUSHD_HEARTBEAT=30s"}
	for _, c := range []struct {
		name string
		file string
		env  []string
		args []string
		want time.Duration
		from layer
	}{
		{"default", "", nil, nil, time.Minute, layerDefault},
		{"file over default", file, nil, nil, 20 * time.Second, layerFile},
		{"environment over file", file, env, nil, 30 * time.Second, layerEnv},
		{"flag over environment", file, env, []string{"--heartbeat", "40s"}, 40 * time.Second, layerFlag},
		{"flag over file", file, nil, []string{"--heartbeat=40s"}, 40 * time.Second, layerFlag},
		{"the last of two flags", "", nil, []string{"--heartbeat=40s", "--heartbeat=50s"}, 50 * time.Second, layerFlag},
		{"an empty variable is not set", file, []string{"PUSHD_HEARTBEAT="}, nil, 20 * time.Second, layerFile},
		{"null in the file is not set", "heartbeat:\n", env, nil, 30 * time.Second, layerEnv},
		{"a flag equal to the default still wins", file, nil, []string{"--heartbeat=60s"}, time.Minute, layerFlag},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, err := loadWith(t, c.file, c.env, c.args...)
			if err != nil {
				t.Fatal(err)
			}
			if cfg.Heartbeat != c.want || cfg.Source("heartbeat").layer != c.from {
				t.Errorf("got %s from %s, want %s", cfg.Heartbeat, cfg.Source("heartbeat"), c.want)
			}
		})
	}
}

func TestConfigFileFromEnvironment(t *testing.T) {
	one, two := filepath.Join(t.TempDir(), "one.yaml"), filepath.Join(t.TempDir(), "two.yaml")
	for name, text := range map[string]string{one: "node: one", two: "node: two"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	env := []string{"PUSHD_CONFIG=" + one}
	if cfg, err := loadWith(t, "", env); err != nil || cfg.Node != "one" {
		t.Errorf("PUSHD_CONFIG: %+v, %v", cfg, err)
	}
	if cfg, err := loadWith(t, "", env, "--config", two); err != nil || cfg.Node != "two" {
		t.Errorf("--config over PUSHD_CONFIG: %+v, %v", cfg, err)
	}
}

func TestDev(t *testing.T) {
	for _, c := range []struct {
		name string
		file string
		env  []string
		args []string
	}{
		{"flag", "", nil, []string{"--dev"}},
		{"environment", "", []string{"PUSHD_DEV=1"}, nil},
		{"file", "dev: true", nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, err := loadWith(t, c.file, c.env, c.args...)
			if err != nil {
				t.Fatal(err)
			}
			if cfg.Auth.Mode != "open" || cfg.AdminKey.Reveal() != "dev" || !cfg.Presence.All ||
				!reflect.DeepEqual(cfg.Topics.Publish, []string{"*"}) {
				t.Errorf("development defaults missing: %+v", cfg)
			}
		})
	}
	t.Run("explicit values win", func(t *testing.T) {
		cfg, err := loadWith(t, "auth:\n  mode: token\n", []string{"PUSHD_ADMIN_KEY=mine"}, "--dev", "--topics.publish=", "--presence.all=false")
		if err != nil {
			t.Fatal(err)
		}
		if cfg.Auth.Mode != "token" || cfg.AdminKey.Reveal() != "mine" || cfg.Presence.All || len(cfg.Topics.Publish) != 0 {
			t.Errorf("development defaults over explicit values: %+v", cfg)
		}
	})
}

func TestValues(t *testing.T) {
	file := `
listen: 127.0.0.1:0
dev: false
auth:
  jwt:
    leeway: 0
    algorithm: hs256
auth.jwt.issuer: 0123
origins: [same, "HTTPS://A.Example:443", "http://b.example:8080"]
trusted-proxies:
  - 10.1.2.3/8
  - ::1
platforms: {tv: 7, car: 8}
max-message: 65537
topics:
log:
  level: WARN
admin:
  keys:
    - name: shop
      secret: s3cret
      scopes: [push, read]
    - {name: ops, secret: "@ops.key", scopes: admin}
`
	cfg, err := loadWith(t, file, []string{"PUSHD_TOPICS_PUBLISH=room:, game:"}, "--max-connections-per-ip", "5")
	if err != nil {
		t.Fatal(err)
	}
	for name, pair := range map[string][2]any{
		"flat key and text kept": {cfg.Auth.JWT.Issuer, "0123"},
		"word in other case":     {cfg.Auth.JWT.Algorithm, "HS256"},
		"bare zero duration":     {cfg.Auth.JWT.Leeway, time.Duration(0)},
		"origins normalized":     {cfg.Origins, []string{"same", "https://a.example", "http://b.example:8080"}},
		"bare size":              {cfg.MaxMessage, Size(65537)},
		"map":                    {cfg.Platforms, map[string]int{"tv": 7, "car": 8}},
		"list in environment":    {cfg.Topics.Publish, []string{"room:", "game:"}},
		"level":                  {cfg.Log.Level, slog.LevelWarn},
		"number":                 {cfg.MaxConnectionsPerIP, 5},
		"prefixes":               {fmt.Sprint(cfg.TrustedProxies), "[10.0.0.0/8 ::1/128]"},
		"keys": {cfg.Admin.Keys, []AdminKey{
			{Name: "shop", Secret: "s3cret", Scopes: []string{"push", "read"}},
			{Name: "ops", Secret: "@ops.key", Scopes: []string{"admin"}},
		}},
	} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("%s: got %#v, want %#v", name, pair[0], pair[1])
		}
	}

	t.Run("a later map replaces", func(t *testing.T) {
		cfg, err := loadWith(t, file, nil, "--platforms", "watch=9", "--platforms", "tv=10")
		if err != nil || !reflect.DeepEqual(cfg.Platforms, map[string]int{"watch": 9, "tv": 10}) {
			t.Errorf("got %v, %v", cfg, err)
		}
	})
	t.Run("an empty map and list", func(t *testing.T) {
		cfg, err := loadWith(t, "platforms: {}\norigins: []\nadmin: {keys: []}\n", nil)
		if err != nil || len(cfg.Platforms) != 0 || len(cfg.Origins) != 0 || len(cfg.Admin.Keys) != 0 {
			t.Errorf("got %v, %v", cfg, err)
		}
	})
	t.Run("an empty file", func(t *testing.T) {
		if _, err := loadWith(t, "# nothing\n", nil); err != nil {
			t.Error(err)
		}
	})
}

func TestRefused(t *testing.T) {
	const file = "pushd.yaml" // the end of the file's name, with the line
	for _, c := range []struct {
		name string
		file string
		env  []string
		args []string
		want []string // parts of the message
	}{
		{"unknown key in the file", "node: a\nhartbeat: 5s\n", nil, nil, []string{file + ":2", `"hartbeat"`, "did you mean heartbeat?"}},
		{"unknown nested key", "auth:\n  jwt:\n    kye: x\n", nil, nil, []string{file + ":3", `"auth.jwt.kye"`, "did you mean auth.jwt.key?"}},
		{"unknown section", "lgo:\n  level: info\n", nil, nil, []string{file + ":1", `"lgo"`}},
		{"unknown variable", "", []string{"PUSHD_HARTBEAT=5s"}, nil, []string{"PUSHD_HARTBEAT", "did you mean PUSHD_HEARTBEAT?"}},
		{"file-only option as a variable", "", []string{"PUSHD_ADMIN_KEYS=x"}, nil, []string{"PUSHD_ADMIN_KEYS", "only be set in the file"}},
		{"key set twice", "node: a\nnode: b\n", nil, nil, []string{file + ":2", "node is set twice, first in line 1"}},
		{"value for a section", "auth: token\n", nil, nil, []string{file + ":1", "auth is a section", "such as auth.mode"}},
		{"section for a value", "listen: {a: b}\n", nil, nil, []string{"listen", file + ":1", "single value"}},
		{"broken YAML", "node: [a\n", nil, nil, []string{file, "line"}},
		{"not a mapping", "- a\n", nil, nil, []string{file + ":1", "expected options"}},
		{"two documents", "node: a\n---\nnode: b\n", nil, nil, []string{file, "more than one document"}},
		{"alias", "node: &a x\norigins: [*a]\n", nil, nil, []string{file + ":2", "aliases are not accepted"}},
		{"unknown field of a key", "admin:\n  keys:\n    - {name: a, sekret: hush}\n", nil, nil, []string{"admin.keys", `"sekret"`, "did you mean secret?"}},

		{"duration without unit, file", "heartbeat: 60\n", nil, nil, []string{"heartbeat", file + ":1", `"60"`, "60s"}},
		{"duration, environment", "", []string{"PUSHD_HEARTBEAT=soon"}, nil, []string{"heartbeat (environment PUSHD_HEARTBEAT)", `"soon"`}},
		{"duration out of range", "", nil, []string{"--heartbeat=1ms"}, []string{"heartbeat (flag --heartbeat)", `"1ms"`, "1s to 24h"}},
		{"negative duration", "", nil, []string{"--ping=-1s"}, []string{"ping", "0s to 24h"}},
		{"size", "", nil, []string{"--max-message=lots"}, []string{"max-message (flag --max-message)", `"lots"`, "64KiB"}},
		{"size out of range", "", nil, []string{"--max-message=1TiB"}, []string{"128B to 64MiB"}},
		{"number", "", nil, []string{"--loops=many"}, []string{"loops", "whole number from 0 to 4096"}},
		{"number out of range", "", nil, []string{"--loops=-1"}, []string{"loops", `"-1"`}},
		{"number past 64 bits", "", nil, []string{"--loops=99999999999999999999"}, []string{"whole number"}},
		{"bool", "dev: yes\n", nil, nil, []string{"dev", `"yes"`, "true or false"}},
		{"word", "", nil, []string{"--auth.mode=none"}, []string{"auth.mode", `"none"`, "token, open"}},
		{"level", "", nil, []string{"--log.level=loud"}, []string{"log.level", "debug, info, warn, error"}},
		{"address without port", "", nil, []string{"--listen=localhost"}, []string{"listen", "HOST:PORT"}},
		{"port out of range", "", nil, []string{"--listen=:65536"}, []string{"listen", "0 to 65535"}},
		{"relative path", "", nil, []string{"--path=ws"}, []string{"path", "absolute path"}},
		{"path with query", "", nil, []string{"--path=/ws?a"}, []string{"path", "without query"}},
		{"origin with wildcard", "", nil, []string{"--origins=https://*.example.com"}, []string{"origins", "no wildcard"}},
		{"origin without scheme", "", nil, []string{"--origins=example.com"}, []string{"origins", "scheme://host"}},
		{"origin with path", "", nil, []string{"--origins=https://a.example/"}, []string{"origins", "no path"}},
		{"origin null", "", nil, []string{"--origins=null"}, []string{"origins"}},
		{"proxy", "", nil, []string{"--trusted-proxies=10.0.0.0/33"}, []string{"trusted-proxies", "10.0.0.0/8"}},
		{"platform without number", "", nil, []string{"--platforms=tv"}, []string{"platforms", "name=number"}},
		{"platform twice", "", nil, []string{"--platforms=tv=7,tv=8"}, []string{"platforms", "twice"}},
		{"platform with a word", "platforms: {tv: seven}\n", nil, nil, []string{"platforms", "whole number"}},
		{"node with a space", "", nil, []string{"--node=a b"}, []string{"node", "letters, digits"}},
		{"key set's address", "", nil, []string{"--auth.jwt.jwks=ftp://a/b"}, []string{"auth.jwt.jwks", "https://"}},
		{"file that isn't there", "", nil, []string{"--config=/nonexistent.yaml"}, []string{"configuration file", "/nonexistent.yaml", "no such file"}},
		{"all at once", "hartbeat: 5s\n", []string{"PUSHD_LISEN=x"}, []string{"--loops=x"}, []string{"hartbeat", "PUSHD_LISEN", "loops"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, err := loadWith(t, c.file, c.env, c.args...)
			if err == nil {
				t.Fatalf("accepted: %+v", cfg)
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("the message lacks %q:\n%v", part, err)
				}
			}
		})
	}
}

// A service named pushd in Kubernetes puts these into every container.
func TestServiceLinksIgnored(t *testing.T) {
	_, err := loadWith(t, "", []string{
		"PUSHD_SERVICE_HOST=10.0.0.1", "PUSHD_SERVICE_PORT=8089", "PUSHD_SERVICE_PORT_WS=8089",
		"PUSHD_PORT=tcp://10.0.0.1:8089", "PUSHD_PORT_8089_TCP=tcp://10.0.0.1:8089",
		"PUSHD_PORT_8089_TCP_ADDR=10.0.0.1", "PUSHD_PORT_8089_TCP_PROTO=tcp",
		"PUSHD_ADMIN_SERVICE_HOST=10.0.0.2", "PUSHD_ADMIN_PORT_8090_TCP_PORT=8090",
	})
	if err != nil {
		t.Error(err)
	}
}

func TestErrorsKeepSecrets(t *testing.T) {
	const hidden = "hunter2"
	for _, c := range []struct {
		name string
		file string
		env  []string
		args []string
	}{
		{"list for a secret", "admin-key: [" + hidden + "]\n", nil, nil},
		{"list for a key's secret", "admin:\n  keys:\n    - {name: a, secret: [" + hidden + "]}\n", nil, nil},
		{"text for the list of keys", "admin:\n  keys: " + hidden + "\n", nil, nil},
		{"password in an address", "", nil, []string{"--auth.jwt.jwks=https://a:" + hidden + "@b/c"}},
		{"unknown variable", "", []string{"PUSHD_ADMIN_KYE=" + hidden}, nil},
		{"unknown key", "admin-kye: " + hidden + "\n", nil, nil},
		{"short secret", "", nil, []string{"--auth.jwt.key=" + hidden}},
		{"secret of the wrong kind", "", nil, []string{"--auth.jwt.algorithm=RS256", "--auth.jwt.key=" + hidden + strings.Repeat("x", 40)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, err := loadWith(t, c.file, c.env, c.args...)
			if err == nil {
				err = cfg.Check()
			}
			if err == nil {
				t.Fatal("accepted")
			}
			if strings.Contains(err.Error(), hidden) {
				t.Errorf("the message shows the secret: %v", err)
			}
		})
	}
}
