package main

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
)

// What the peers that are given bare bytes share: RFC 6455 as far as an echo
// server in a measurement needs it, and no further. Nothing here is checked
// that the load client doesn't do wrong.

const (
	opText  = 1
	opClose = 8
	opPing  = 9
	opPong  = 10
	fin     = 0x80

	maxFrame = 1 << 20
	maxHead  = 8 << 10
)

var (
	errFrame     = errors.New("frame without a mask or too long")
	errHandshake = errors.New("no opening handshake")
)

// clientFrame is one frame of a client. Its payload points into what was parsed.
type clientFrame struct {
	first   byte // FIN and opcode
	payload []byte
}

// parse takes the frame at the start of b and unmasks it in place; n is 0 when
// it isn't whole.
func parse(b []byte) (f clientFrame, n int, err error) {
	if len(b) < 6 {
		return f, 0, nil
	}
	head, length := 2, int(b[1]&0x7F)
	switch length {
	case 126:
		head, length = 4, int(binary.BigEndian.Uint16(b[2:]))
	case 127:
		if len(b) < 14 {
			return f, 0, nil
		}
		head, length = 10, int(binary.BigEndian.Uint64(b[2:]))
	}
	if b[1]&0x80 == 0 || length < 0 || length > maxFrame {
		return f, 0, errFrame
	}
	n = head + 4 + length
	if len(b) < n {
		return f, 0, nil
	}
	f = clientFrame{b[0], b[head+4 : n]}
	unmask(f.payload, binary.LittleEndian.Uint32(b[head:]))
	return f, n, nil
}

func unmask(b []byte, key uint32) {
	wide := uint64(key)<<32 | uint64(key)
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^wide)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= byte(key >> (8 * (i & 3)))
	}
}

// appendFrame appends a server's frame.
func appendFrame(dst []byte, first byte, payload []byte) []byte {
	switch n := len(payload); {
	case n < 126:
		dst = append(dst, first, byte(n))
	case n <= 0xFFFF:
		dst = append(dst, first, 126)
		dst = binary.BigEndian.AppendUint16(dst, uint16(n))
	default:
		dst = append(dst, first, 127)
		dst = binary.BigEndian.AppendUint64(dst, uint64(n))
	}
	return append(dst, payload...)
}

// joined is the frames of several text messages, one after the other.
func joined(payloads [][]byte) []byte {
	var dst []byte
	for _, p := range payloads {
		dst = appendFrame(dst, fin|opText, p)
	}
	return dst
}

// echo appends the answers to all whole frames at the start of b. used is how
// many bytes they were; end is set by a Close frame.
func echo(dst, b []byte) (answers []byte, used int, end bool, err error) {
	for {
		f, n, err := parse(b[used:])
		if n == 0 || err != nil {
			return dst, used, false, err
		}
		used += n
		switch f.first & 0x0F {
		case opPing:
			f.first = fin | opPong
		case opPong:
			continue
		case opClose:
			return appendFrame(dst, f.first, f.payload), used, true, nil
		}
		dst = appendFrame(dst, f.first, f.payload)
	}
}

// upgrade appends the answer to the opening handshake at the start of b; used
// is 0 when it isn't whole.
func upgrade(dst, b []byte) (answer []byte, used int, err error) {
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		if len(b) > maxHead {
			return dst, 0, errHandshake
		}
		return dst, 0, nil
	}
	for line := range bytes.SplitSeq(b[:end], []byte("\r\n")) {
		name, value, ok := bytes.Cut(line, []byte(":"))
		if ok && bytes.EqualFold(name, []byte("Sec-WebSocket-Key")) {
			var text [64]byte
			key := append(text[:0], bytes.TrimSpace(value)...)
			sum := sha1.Sum(append(key, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"...))
			dst = append(dst, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "...)
			dst = base64.StdEncoding.AppendEncode(dst, sum[:])
			return append(dst, "\r\n\r\n"...), end + 4, nil
		}
	}
	return dst, 0, errHandshake
}
