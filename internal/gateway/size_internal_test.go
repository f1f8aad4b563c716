package gateway

import (
	"testing"
	"unsafe"
)

// A million of these are held. 320 bytes is one of Go's size classes; the next
// is 352.
func TestSessionSize(t *testing.T) {
	if size := unsafe.Sizeof(Session{}); size > 320 {
		t.Errorf("Session has %d bytes: more than the size class of 320", size)
	}
}
