package config

import (
	"bytes"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

func TestReferenceIsFresh(t *testing.T) {
	const name = "../../docs/configuration.md"
	var b bytes.Buffer
	if err := WriteReference(&b); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(page, b.Bytes()) {
		t.Errorf("%s is stale; run: go run ./cmd/pushd config reference > docs/configuration.md", name)
	}
	for _, o := range allOptions(&Config{}) {
		want := []string{"### `" + o.key + "`", o.usage}
		if !o.fileOnly {
			want = append(want, "`--"+o.key+"`", "`"+o.env+"`")
		}
		for _, part := range want {
			if !strings.Contains(b.String(), part) {
				t.Errorf("the reference lacks %q", part)
			}
		}
	}
}

func TestDefaultFile(t *testing.T) {
	var b bytes.Buffer
	if err := WriteDefault(&b); err != nil {
		t.Fatal(err)
	}
	want, err := loadWith(t, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	// Values are commented out as #key: value, explanations as # text.
	uncommented := regexp.MustCompile(`(?m)^( *)#([a-z-]+: )`).ReplaceAllString(b.String(), "$1$2")
	for name, file := range map[string]string{"as printed": b.String(), "uncommented": uncommented} {
		t.Run(name, func(t *testing.T) {
			cfg, err := loadWith(t, file, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := cfg.Check(); err != nil {
				t.Error(err)
			}
			defaults := allOptions(want)
			for i, o := range allOptions(cfg) {
				if got := o.text(); got != defaults[i].text() {
					t.Errorf("%s is %q, not the default %q", o.key, got, defaults[i].text())
				}
				if set := cfg.Explicit(o.key); set != (name == "uncommented") {
					t.Errorf("%s set: %v", o.key, set)
				}
			}
		})
	}
}

// TestTextReadsBack makes sure that what `config check` shows can be set.
func TestTextReadsBack(t *testing.T) {
	cfg, err := loadWith(t, "", nil, "--platforms=tv=7,car=8", "--trusted-proxies=10.0.0.0/8,::1", "--origins=same,https://a.example",
		"--heartbeat=1h30m", "--drain=90s", "--max-message=1000", "--log.level=error", "--auth.jwt.algorithm=EdDSA")
	if err != nil {
		t.Fatal(err)
	}
	again := &Config{}
	given := allOptions(cfg)
	for i, o := range allOptions(again) {
		if o.fileOnly {
			continue
		}
		if err := o.decode(given[i].text()); err != nil {
			t.Errorf("%s: %q: %v", o.key, given[i].text(), err)
		}
	}
	again.sources = cfg.sources
	if !reflect.DeepEqual(cfg, again) {
		t.Errorf("got  %+v\nwant %+v", again, cfg)
	}
}
