package files_test

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"pushd/internal/files"
)

func FuzzMedia(f *testing.F) {
	f.Add("wav", wave(5))
	for _, name := range []string{"clip.mp4", "tone.m4a"} {
		content, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add("mp4", content)
	}
	f.Add("mp4", []byte("\x00\x00\x00\x01moov\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, kind string, content []byte) {
		w, h, ms := files.MediaOf(kind, content)
		if w < 0 || h < 0 || ms < 0 || ms > 24*60*60*1000 {
			t.Errorf("%d × %d, %d ms", w, h, ms)
		}
	})
}

func FuzzOrientation(f *testing.F) {
	f.Add(withOrientation([]byte("\xff\xd8\xff\xda"), 6))
	f.Add([]byte("\xff\xd8\xff\xe1\x00\x02"))
	f.Fuzz(func(t *testing.T, jpeg []byte) {
		if o := files.OrientationOf(jpeg); o < 1 || o > 8 {
			t.Errorf("orientation %d", o)
		}
	})
}

func FuzzName(f *testing.F) {
	for _, name := range []string{"../x", "a\x00b", "thumb", strings.Repeat("é.", 300), "\xff.html", "..."} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		for _, kind := range []string{"image/png", "application/octet-stream"} {
			got := files.CleanName(name, kind, ".png")
			if got == "" || got == "thumb" || got[0] == '.' || len(got) > 255 || !utf8.ValidString(got) || strings.ContainsAny(got, "/\\\r\n\x00\"<>") {
				t.Errorf("%q became %q", name, got)
			}
			path := files.Prefix + "01M823GCWCMHS38KGWGE3PFXHS/" + url.PathEscape(got)
			if _, back, ok := files.ParseURL(path); !ok || back != got {
				t.Errorf("%q came back from %q as %q", got, path, back)
			}
		}
	})
}
