package codec_test

import (
	"bytes"
	"testing"

	"pushd/internal/codec"

	"github.com/gobwas/ws"
)

// TestNewFrame reads frames of every header size back with gobwas/ws.
func TestNewFrame(t *testing.T) {
	for _, n := range []int{0, 1, 9, 12, 13, 125, 126, 65535, 65536, 70000} {
		payload := bytes.Repeat([]byte("x"), n)
		f := codec.NewFrame(payload)
		rest := bytes.NewReader(f)
		h, err := ws.ReadHeader(rest)
		if err != nil {
			t.Fatal(err)
		}
		if !h.Fin || h.OpCode != ws.OpText || h.Masked || h.Rsv != 0 || h.Length != int64(n) || rest.Len() != n {
			t.Errorf("%d: header %+v with %d bytes after it", n, h, rest.Len())
		}
		if !bytes.Equal(f.Payload(), payload) {
			t.Errorf("%d: another payload", n)
		}
	}
	if codec.Frame(nil).Payload() != nil {
		t.Error("the payload of no frame is not nil")
	}
}
