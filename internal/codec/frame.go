package codec

import (
	"errors"
	"fmt"
	"io"

	"github.com/bytedance/sonic/encoder"
	"github.com/gobwas/ws"
)

// Frame is one complete server-to-client WebSocket text frame: the header,
// which has no mask (RFC 6455 section 5.1), and the payload. It is never
// changed once made, and every receiver of a push shares it.
type Frame []byte

// NewFrame copies payload, which must be UTF-8, into a frame.
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

// Push encodes a push once for all of its receivers. A nil data, or one that
// encodes to null, gives no Data key. The error says that data can't be encoded
// as a JSON object.
func Push(module, action string, data any) (Frame, error) {
	if data == nil {
		return PushRaw(module, action, nil)
	}
	raw, err := encoder.Encode(data, encoding)
	if err == nil {
		if string(raw) == "null" {
			raw = nil
		}
		var f Frame
		if f, err = PushRaw(module, action, raw); err == nil {
			return f, nil
		}
	}
	return nil, fmt.Errorf("encode push %s.%s of %T: %w", module, action, data, err)
}

// PushRaw makes a push of data that is a JSON object already and reaches the
// receivers byte for byte. What comes from outside has to pass Decode or
// ValidObject first; here only the opening bracket is looked at. An empty data
// gives no Data key.
func PushRaw(module, action string, data []byte) (Frame, error) {
	var space [128]byte
	head := appendName(space[:0], module, action)
	if len(data) == 0 {
		return join(head, nil, []byte("}")), nil
	}
	if s := (scanner{b: data}); s.space() != '{' {
		return nil, errors.New("the data is not a JSON object")
	}
	head = append(head, `,"Data":`...)
	return join(head, data, []byte("}")), nil
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
