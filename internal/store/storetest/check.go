package storetest

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pushd/internal/codec"
)

// wantError checks that err answers with the code, and says what it should.
func wantError(t *testing.T, err error, code int, says string) {
	t.Helper()
	var e *codec.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v, want code %d", err, code)
	}
	if e.Code != code || !strings.Contains(e.Msg, says) {
		t.Fatalf("error %v (cause %v), want code %d saying %q", err, e.Cause, code, says)
	}
}

// must is for what can't fail here.
func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		wantNone(t, err)
		return v
	}
}

func wantNone(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v (cause %v)", err, codec.AsError(err).Cause)
	}
}

func wantNames(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
