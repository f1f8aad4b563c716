// Package codectest is what tests of services check errors with.
package codectest

import (
	"strings"
	"testing"

	"pushd/internal/codec"
)

// WantCode fails unless err answers a request with this code and a message that
// contains this text.
func WantCode(t testing.TB, err error, code int, says string) {
	t.Helper()
	e := codec.AsError(err)
	if e == nil || e.Code != code || !strings.Contains(e.Msg, says) {
		t.Errorf("got %v, want %d with %q", err, code, says)
	}
}
