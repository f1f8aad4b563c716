// Package testwait is where tests wait for what other goroutines and processes
// bring about. Only tests call it. It measures nothing: its bound is there so
// that a test that waits in vain ends, and says for what it waited.
package testwait

import (
	"fmt"
	"testing"
	"time"
)

// Patience bounds whatever a test waits for. It is long, so that a slow machine
// fails no test.
const Patience = 2 * time.Minute

// longestPause is between two looks, once the first few were in vain.
const longestPause = 20 * time.Millisecond

// Until looks until what it sees is met, and returns that. When it is not met in
// time, the test fails with what was awaited and what was last seen.
func Until[T any](t testing.TB, awaited string, look func() T, met func(seen T) bool) T {
	t.Helper()
	return until(t, Patience, awaited, look, met)
}

// Equal looks until it sees want. name is of what it looks at.
func Equal[T comparable](t testing.TB, name string, want T, look func() T) {
	t.Helper()
	until(t, Patience, fmt.Sprintf("%s to be %#v", name, want), look, func(seen T) bool { return seen == want })
}

func until[T any](t testing.TB, patience time.Duration, awaited string, look func() T, met func(T) bool) T {
	t.Helper()
	end := time.Now().Add(patience)
	for pause := time.Millisecond; ; pause = min(2*pause, longestPause) {
		seen := look()
		if met(seen) {
			return seen
		}
		if time.Now().After(end) {
			t.Fatalf("waited %v for %s; last seen: %#v", patience, awaited, seen)
		}
		time.Sleep(pause)
	}
}
