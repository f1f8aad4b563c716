package progress_test

import (
	"os"
	"strings"
	"testing"

	"pushd/bench/internal/progress"
)

func TestEachStyleEndsWithItsCount(t *testing.T) {
	for style, want := range map[progress.Style]string{
		progress.Auto: "connecting: 7/9", progress.Plain: "connecting: 7/9", progress.None: "", progress.Bar: "",
	} {
		out, err := os.CreateTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		s, err := progress.New(out, style)
		if err != nil {
			t.Fatal(err)
		}
		s.Phase("connecting", 9, func() int64 { return 7 })()
		got, err := os.ReadFile(out.Name())
		if err != nil || !strings.HasPrefix(string(got), want) {
			t.Errorf("%s: %q, %v", style, got, err)
		}
		if err := out.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := progress.New(os.Stderr, "loud"); err == nil {
		t.Error("an unknown style is taken")
	}
}
