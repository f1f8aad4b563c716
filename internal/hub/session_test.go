package hub_test

import (
	"testing"
	"unsafe"

	"pushd/internal/hub"
)

// A million of these are held: a field more must be a decision.
func TestSessionSize(t *testing.T) {
	if size := unsafe.Sizeof(hub.Session{}); size != 72 {
		t.Errorf("Session has %d bytes, DESIGN.md says 72", size)
	}
}
