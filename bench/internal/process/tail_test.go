package process

import (
	"strings"
	"testing"
)

func TestTailKeepsTheEnd(t *testing.T) {
	var l Tail
	for range 1000 {
		_, _ = l.Write([]byte("0123456789"))
	}
	_, _ = l.Write([]byte("end\n"))
	if s := l.String(); len(s) > tailSize || !strings.HasSuffix(s, "9end") {
		t.Errorf("%d bytes", len(s))
	}
}
