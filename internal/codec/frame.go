package codec

import (
	"io"

	"github.com/gobwas/ws"
)

// Frame is one complete server-to-client WebSocket text frame: the header,
// which has no mask (RFC 6455 section 5.1), and the payload. It is never
// changed once made, and every receiver of a push shares it.
type Frame []byte

// NewFrame copies payload, which must be UTF-8, into a frame. A push is made from its
// PushType instead.
func NewFrame(payload []byte) Frame { return join(payload, nil, nil) }

// Payload returns the frame's payload. It must not be changed.
func (f Frame) Payload() []byte {
	if len(f) < 2 {
		return nil
	}
	switch f[1] {
	case 126:
		return f[4:]
	case 127:
		return f[10:]
	}
	return f[2:]
}

// join makes a frame of three parts of a payload, with one allocation.
func join(a, b, c []byte) Frame {
	n := len(a) + len(b) + len(c)
	h := ws.Header{Fin: true, OpCode: ws.OpText, Length: int64(n)}
	size := ws.HeaderSize(h)
	// The header is written into its place, which serves as the scratch buffer;
	// io.Discard takes the copy that would go to a connection.
	f := make([]byte, max(size+n, ws.MaxHeaderSize))
	if err := ws.WriteHeaderBuffer(io.Discard, h, f); err != nil {
		panic(err) // only a negative length or a short buffer is refused
	}
	copy(f[size:], a)
	copy(f[size+len(a):], b)
	copy(f[size+len(a)+len(b):], c)
	return f[:size+n]
}
