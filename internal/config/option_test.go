package config

import (
	"strings"
	"testing"
)

func TestOptionTable(t *testing.T) {
	table := allOptions(&Config{})
	envs, keys := map[string]string{}, map[string]bool{}
	for _, o := range table {
		if other, taken := envs[o.env]; taken {
			t.Errorf("%s and %s share the variable %s", o.key, other, o.env)
		}
		envs[o.env] = o.key
		if keys[o.key] {
			t.Errorf("%s is declared twice", o.key)
		}
		keys[o.key] = true
		if o.key == FileFlag || o.env == FileEnv {
			t.Errorf("%s hides the flag that names the file", o.key)
		}
		if serviceLinks.MatchString(o.env) {
			t.Errorf("%s would be taken for a service link of Kubernetes", o.env)
		}
		if o.usage == "" || !strings.HasSuffix(o.usage, ".") {
			t.Errorf("%s: usage is not a sentence: %q", o.key, o.usage)
		}
		if o.group == "" {
			t.Errorf("%s is in no group", o.key)
		}
		switch o.kind() {
		case "number", "duration", "size":
			if o.min == "" || o.max == "" {
				t.Errorf("%s has no bounds", o.key)
			}
		}
	}
	for key := range keys {
		for other := range keys {
			if strings.HasPrefix(other, key+".") {
				t.Errorf("%s is an option and the section of %s", key, other)
			}
		}
	}
}

func TestNearest(t *testing.T) {
	var keys []string
	for _, o := range allOptions(&Config{}) {
		keys = append(keys, o.key)
	}
	for _, c := range []struct{ name, given, want string }{
		{"a letter missing", "hartbeat", "heartbeat"},
		{"letters swapped", "lisetn", "listen"},
		{"underscore", "max_message", "max-message"},
		{"capitals", "Log.Level", "log.level"},
		{"last part only", "level", "log.level"},
		{"leading part left out", "jwt.issuer", "auth.jwt.issuer"},
		{"typo in a nested key", "auth.jwt.kye", "auth.jwt.key"},
		{"nothing like it", "zzzzzzzz", ""},
		{"empty", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Nearest(c.given, keys); got != c.want {
				t.Errorf("Nearest(%q) = %q, want %q", c.given, got, c.want)
			}
		})
	}
}

func TestSize(t *testing.T) {
	for _, c := range []struct {
		text  string
		want  Size
		shown string
	}{
		{"65536", 65536, "64KiB"},
		{"64KiB", 65536, "64KiB"},
		{"64 kib", 65536, "64KiB"},
		{"64kB", 64000, "64000B"},
		{"1MB", 1000000, "1000000B"},
		{"1.5MiB", 1536 << 10, "1536KiB"},
		{"1GiB", 1 << 30, "1GiB"},
		{"0", 0, "0B"},
	} {
		t.Run(c.text, func(t *testing.T) {
			var s Size
			if err := s.UnmarshalText([]byte(c.text)); err != nil {
				t.Fatal(err)
			}
			if s != c.want || s.String() != c.shown {
				t.Errorf("got %d shown as %s, want %d shown as %s", int64(s), s, int64(c.want), c.shown)
			}
			var again Size
			if err := again.UnmarshalText([]byte(s.String())); err != nil || again != s {
				t.Errorf("%s read again is %d, %v", s, int64(again), err)
			}
		})
	}
	for _, bad := range []string{"", "KiB", "-1", "1,5MiB", "64XB", "99999999999EiB", "0x10", "NaN"} {
		t.Run("refused "+bad, func(t *testing.T) {
			var s Size
			if err := s.UnmarshalText([]byte(bad)); err == nil {
				t.Errorf("%q was read as %d", bad, int64(s))
			}
		})
	}
}
