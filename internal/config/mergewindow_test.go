package config

import (
	"testing"
	"time"
)

func TestMergeWindows(t *testing.T) {
	m, err := parseMergeWindows([]string{"*=5ms", "ticks.=10ms", "ticks.slow.*=1s", "chat=0s"})
	if err != nil {
		t.Fatal(err)
	}
	for topic, want := range map[string]time.Duration{
		"news": 5 * time.Millisecond, "ticks": 5 * time.Millisecond, "ticks.eur": 10 * time.Millisecond,
		"ticks.slow.eur": time.Second, "chat1": 0,
	} {
		if got := m.of(topic); got != want {
			t.Errorf("%s: %s, want %s", topic, got, want)
		}
	}
	var none mergeWindows
	if none.of("x") != 0 {
		t.Error("no windows, and yet one")
	}
	for _, bad := range []string{"", "x", "=5ms", "x=", "x=5", "x=-1s", "x=11s", "x=abc"} {
		if _, err := parseMergeWindows([]string{bad}); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
