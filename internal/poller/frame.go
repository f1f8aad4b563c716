package poller

import (
	"encoding/binary"

	"github.com/gobwas/ws"
)

// maxFrameHeader is the longest frame header: two bytes, eight of length, four of
// mask (RFC 6455 section 5.2).
const maxFrameHeader = 14

// frameHeader is a client's frame header, checked.
type frameHeader struct {
	opcode  ws.OpCode
	fin     bool
	mask    [4]byte
	header  int // bytes of the header
	payload int // bytes of the payload, at most the message limit
}

// fault is a broken rule: the close code and what to tell the peer.
type fault struct {
	code   int
	reason Reason
	text   string
}

var (
	faultReserved    = &fault{CodeProtocolError, ProtocolError, "reserved bits are set"}
	faultOpcode      = &fault{CodeProtocolError, ProtocolError, "unknown opcode"}
	faultUnmasked    = &fault{CodeProtocolError, ProtocolError, "client frames must be masked"}
	faultControl     = &fault{CodeProtocolError, ProtocolError, "a control frame is at most 125 bytes and not fragmented"}
	faultLength      = &fault{CodeProtocolError, ProtocolError, "the top bit of the length is set"}
	faultContinue    = &fault{CodeProtocolError, ProtocolError, "a continuation without a beginning"}
	faultInterleaved = &fault{CodeProtocolError, ProtocolError, "a new message began inside a fragmented one"}
	faultClose       = &fault{CodeProtocolError, ProtocolError, "malformed Close frame"}
	faultBinary      = &fault{CodeNotText, NotText, "only text messages are understood"}
	faultUTF8        = &fault{CodeBadUTF8, BadUTF8, "the text is not UTF-8"}
	faultTooBig      = &fault{CodeTooBig, TooBig, "the message is too big"}
)

// parseHeader reads a frame header from the beginning of b, which is not empty. Each
// rule is checked as soon as its byte is there, and before anything is allocated:
// whole is false while more bytes are needed. fragmented tells whether a message has
// begun, have how many bytes of it there are; limit is the message limit.
func parseHeader(b []byte, fragmented bool, have, limit int) (h frameHeader, whole bool, f *fault) {
	if f := h.first(b[0], fragmented); f != nil {
		return h, false, f
	}
	if len(b) < 2 {
		return h, false, nil
	}
	control := h.opcode.IsControl()
	length := uint64(b[1] & 0x7f)
	switch {
	case b[1]&0x80 == 0:
		return h, false, faultUnmasked
	case control && length > ws.MaxControlFramePayloadSize:
		return h, false, faultControl
	}
	h.header = 2
	switch length {
	case 126:
		if len(b) < 4 {
			return h, false, nil
		}
		length = uint64(binary.BigEndian.Uint16(b[2:]))
		h.header = 4
	case 127:
		if len(b) < 10 {
			return h, false, nil
		}
		length = binary.BigEndian.Uint64(b[2:])
		h.header = 10
		if length>>63 != 0 {
			return h, false, faultLength
		}
	}
	if !control && length > uint64(limit-have) {
		return h, false, faultTooBig
	}
	h.payload = int(length)
	if len(b) < h.header+4 {
		return h, false, nil
	}
	copy(h.mask[:], b[h.header:])
	h.header += 4
	return h, true, nil
}

// first reads and checks a header's first byte.
func (h *frameHeader) first(b byte, fragmented bool) *fault {
	h.fin = b&0x80 != 0
	h.opcode = ws.OpCode(b & 0x0f)
	control := h.opcode.IsControl()
	switch {
	case b&0x70 != 0:
		return faultReserved
	case h.opcode > ws.OpBinary && h.opcode < ws.OpClose || h.opcode > ws.OpPong:
		return faultOpcode
	case control && !h.fin:
		return faultControl
	case h.opcode == ws.OpContinuation && !fragmented:
		return faultContinue
	case !control && h.opcode != ws.OpContinuation && fragmented:
		return faultInterleaved
	case h.opcode == ws.OpBinary:
		return faultBinary
	}
	return nil
}

// appendHeader appends the header of an unmasked final frame.
func appendHeader(dst []byte, op ws.OpCode, payload int) []byte {
	dst = append(dst, 0x80|byte(op))
	switch {
	case payload <= 125:
		return append(dst, byte(payload))
	case payload <= 0xffff:
		return binary.BigEndian.AppendUint16(append(dst, 126), uint16(payload))
	default:
		return binary.BigEndian.AppendUint64(append(dst, 127), uint64(payload))
	}
}

// closeStatus checks a Close frame's payload (RFC 6455 section 7.4) and returns
// the code to answer with.
func closeStatus(payload []byte) (int, *fault) {
	if len(payload) == 0 {
		return CodeNormal, nil
	}
	if len(payload) == 1 {
		return 0, faultClose
	}
	code := int(binary.BigEndian.Uint16(payload))
	switch {
	case code < 1000, code >= 1004 && code <= 1006, code >= 1015 && code < 3000, code >= 5000:
		return 0, faultClose
	}
	if !validText(payload[2:]) {
		return 0, faultUTF8
	}
	return code, nil
}
