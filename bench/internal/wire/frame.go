// Package wire is the client's half of RFC 6455 as a load client needs it: it
// builds the opening handshake and masked frames, and reads and checks what a
// server sends. It owns no socket and no goroutine; internal/loop calls it with
// the bytes it read. It never trusts a length it was told.
package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"
)

// Opcodes of RFC 6455, section 5.2, and Upgraded, which is no opcode: it tells
// that the opening handshake is complete.
const (
	Continuation byte = 0x0
	Text         byte = 0x1
	Binary       byte = 0x2
	Close        byte = 0x8
	Ping         byte = 0x9
	Pong         byte = 0xA
	Upgraded     byte = 0xFF
)

const maxControl = 125

// ErrProtocol is wrapped by everything a server may not send.
var ErrProtocol = errors.New("protocol violation")

// Frame is one server frame. Payload points into the bytes that were parsed.
type Frame struct {
	Fin     bool
	Opcode  byte
	Payload []byte
}

// Parse reads the first frame of b. n is the number of bytes it took, 0 when b
// holds no whole frame yet. limit bounds the payload: a longer one is refused
// as soon as its length is known.
func Parse(b []byte, limit int) (f Frame, n int, err error) {
	if len(b) < 2 {
		return f, 0, nil
	}
	f.Fin, f.Opcode = b[0]&0x80 != 0, b[0]&0x0F
	if b[0]&0x70 != 0 {
		return f, 0, fmt.Errorf("%w: reserved bits %#x", ErrProtocol, b[0]&0x70)
	}
	if b[1]&0x80 != 0 {
		return f, 0, fmt.Errorf("%w: masked server frame", ErrProtocol)
	}
	switch f.Opcode {
	case Continuation, Text, Binary:
	case Close, Ping, Pong:
		if !f.Fin || b[1] > maxControl {
			return f, 0, fmt.Errorf("%w: control frame fragmented or over %d bytes", ErrProtocol, maxControl)
		}
	default:
		return f, 0, fmt.Errorf("%w: reserved opcode %#x", ErrProtocol, f.Opcode)
	}
	head, size := 2, uint64(b[1])
	switch size {
	case 126:
		if len(b) < 4 {
			return f, 0, nil
		}
		head, size = 4, uint64(binary.BigEndian.Uint16(b[2:]))
		if size < 126 {
			return f, 0, fmt.Errorf("%w: length %d not in its shortest form", ErrProtocol, size)
		}
	case 127:
		if len(b) < 10 {
			return f, 0, nil
		}
		head, size = 10, binary.BigEndian.Uint64(b[2:])
		if size <= 0xFFFF {
			return f, 0, fmt.Errorf("%w: length %d not in its shortest form", ErrProtocol, size)
		}
	}
	if size > uint64(limit) {
		return f, 0, fmt.Errorf("%w: payload of %d bytes, limit %d", ErrProtocol, size, limit)
	}
	n = head + int(size)
	if len(b) < n {
		return f, 0, nil
	}
	f.Payload = b[head:n]
	return f, n, nil
}

// CloseCode is the code in a Close frame's payload: 1005 when there is none
// (RFC 6455, section 7.1.5).
func CloseCode(payload []byte) int {
	if len(payload) < 2 {
		return 1005
	}
	return int(binary.BigEndian.Uint16(payload))
}

// maskKey is the same for every frame. Masking protects proxies from scripts in
// browsers, not servers from clients; a constant key lets frames be prebuilt.
// It isn't zero, so that a server has to unmask.
var maskKey = [4]byte{0x37, 0xFA, 0x21, 0x3D}

// AppendMasked appends one unfragmented client frame to dst.
func AppendMasked(dst []byte, opcode byte, payload []byte) []byte {
	dst = append(dst, 0x80|opcode)
	switch n := len(payload); {
	case n < 126:
		dst = append(dst, 0x80|byte(n))
	case n <= 0xFFFF:
		dst = append(dst, 0x80|126)
		dst = binary.BigEndian.AppendUint16(dst, uint16(n))
	default:
		dst = append(dst, 0x80|127)
		dst = binary.BigEndian.AppendUint64(dst, uint64(n))
	}
	dst = append(dst, maskKey[:]...)
	for i, c := range payload {
		dst = append(dst, c^maskKey[i&3])
	}
	return dst
}

// AppendClose appends a masked Close frame with the code and no reason.
func AppendClose(dst []byte, code int) []byte {
	return AppendMasked(dst, Close, binary.BigEndian.AppendUint16(nil, uint16(code)))
}

func validText(m Message) error {
	if m.Opcode == Text && !utf8.Valid(m.Payload) {
		return fmt.Errorf("%w: text message is not UTF-8", ErrProtocol)
	}
	return nil
}
