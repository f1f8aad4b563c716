package codec

import (
	"bytes"
	"math"
	"strings"
)

// Request is one decoded client frame. Its strings and Data may point into the
// payload it was decoded from and are valid only as long as that payload is
// left alone; Clone makes a copy that lives on its own.
type Request struct {
	Module, Action string
	Seq            uint32 // chosen by the client, echoed in the reply
	HasSeq         bool
	Data           []byte // a JSON object as it came; nil when absent or null
}

// Clone returns a Request that shares no memory with the payload.
func (r *Request) Clone() Request {
	c := *r
	c.Module = strings.Clone(r.Module)
	c.Action = strings.Clone(r.Action)
	c.Data = bytes.Clone(r.Data)
	return c
}

// Decode reads a request from the payload of one text frame into r, and
// overwrites all of r. The payload must be one JSON object under the rules of
// the package with strings Module and Action that are not empty, optionally Seq,
// an integer from 0 to 2^32-1 written in digits alone, and optionally Data, an
// object or null. The error is a *Error with code 400. r is then empty, except
// when all that is wrong is what kind of value Seq or Data is: then r says whose
// reply the error is.
// A request without escapes in Module and Action costs no allocation.
//
// The scanner is our own because relayed Data has to be looked at byte by byte
// anyway: sonic checks neither depth, surrogates, \u0000 nor UTF-8. One pass
// that does all of it takes 60 ns for a heartbeat and 170 ns for a login and
// allocates nothing; sonic with zero-copy strings takes 150 ns and 290 ns, with
// two and three allocations, before any of those checks. Only on large Data is
// sonic's skipping faster, because it looks for nothing but the end
// (BenchmarkDecode, BenchmarkDecodeSonic).
func Decode(payload []byte, r *Request) error {
	*r = Request{}
	s := scanner{b: payload}
	if err := s.envelope(r); err != nil {
		*r = Request{}
		return err
	}
	if s.kindErr != nil {
		r.Data = nil
		return s.kindErr
	}
	return nil
}

// envelope reads the whole object. It returns an error and not a *Error, so that nil
// stays nil in Decode.
func (s *scanner) envelope(r *Request) error {
	if !s.validUTF8() {
		return s.err()
	}
	if !s.expect('{', "not a JSON object") {
		return s.err()
	}
	if s.skipSpace() == '}' {
		s.at++
	} else {
		for more := true; more; {
			if err := s.field(r); err != nil {
				return err
			}
			switch s.skipSpace() {
			case ',':
			case '}':
				more = false
			default:
				s.fail("a comma or the closing bracket is missing")
				return s.err()
			}
			s.at++
		}
	}
	switch {
	case !s.end():
		return s.err()
	case r.Module == "":
		return Errorf(CodeMalformed, "Module is missing")
	case r.Action == "":
		return Errorf(CodeMalformed, "Action is missing")
	}
	return nil
}

// wrongKind skips a value of a kind that its key doesn't accept, and remembers the
// error for the case that nothing worse follows.
func (s *scanner) wrongKind(what string) error {
	if s.kindErr == nil {
		s.kindErr = Errorf(CodeMalformed, "%s", what)
	}
	if !s.skip(1) {
		return s.err()
	}
	return nil
}

// field reads one key of the envelope and its value.
func (s *scanner) field(r *Request) error {
	key, escaped, ok := s.key()
	if !ok {
		return s.err()
	}
	name := viewString(key)
	if escaped {
		name = unescape(key)
	}
	c := s.skipSpace()
	switch name {
	case "Module", "Action":
		if c != '"' {
			return Errorf(CodeMalformed, "%s must be a string", name)
		}
		raw, escaped, ok := s.stringBody()
		if !ok {
			return s.err()
		}
		text := viewString(raw)
		if escaped {
			text = unescape(raw)
		}
		if name == "Module" {
			r.Module = text
		} else {
			r.Action = text
		}
	case "Seq":
		start := s.at
		if r.HasSeq = s.seq(&r.Seq); !r.HasSeq {
			r.Seq, s.at = 0, start
			return s.wrongKind("Seq must be an unsigned 32-bit integer")
		}
	case "Data":
		if c != '{' && c != 'n' {
			return s.wrongKind("Data must be an object")
		}
		start := s.at
		if !s.skip(1) {
			return s.err()
		}
		// The capacity is cut so that no append can reach the payload.
		if r.Data = s.b[start:s.at:s.at]; c == 'n' {
			r.Data = nil
		}
	default:
		if !s.skip(1) {
			return s.err()
		}
	}
	return nil
}

// seq reads a whole number without sign, fraction, exponent or leading zero.
func (s *scanner) seq(n *uint32) bool {
	start := s.at
	var v uint64
	for ; s.at < len(s.b) && s.b[s.at]-'0' <= 9; s.at++ {
		if v = v*10 + uint64(s.b[s.at]-'0'); v > math.MaxUint32 {
			return false
		}
	}
	switch c := s.peek(); {
	case s.at == start, s.at > start+1 && s.b[start] == '0':
		return false
	case c == '.', c|0x20 == 'e':
		return false
	}
	*n = uint32(v)
	return true
}
