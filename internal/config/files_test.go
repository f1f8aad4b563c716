package config

import (
	"strings"
	"testing"
)

func TestFileOptionsThatAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*FilesConfig)
		says   string
	}{
		"a short key":                {func(c *FilesConfig) { c.Key = "short" }, "files.key"},
		"a file larger than a quota": {func(c *FilesConfig) { c.MaxSize, c.Quota = 2, 1 }, "files.max-size"},
	} {
		cfg := &Config{}
		c.change(&cfg.Files)
		if err := cfg.checkFiles(); err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "short)") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for text, ok := range map[string]bool{
		"": true, "none": true, "file:///var/lib/x": true, "s3://b?region=r": true,
		"/var/lib/x": false, "file://x": false, "s3:b": false, "gs://b": false, "s3://key:secret@b": false,
	} {
		if _, err := parseBucket(text); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}
