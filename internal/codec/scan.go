package codec

import (
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"
	"unicode/utf8"
	"unsafe"
)

const (
	// MaxDepth is how deep objects and arrays may nest. It equals the bits of
	// scanner.skip's stack.
	MaxDepth = 64
	// MaxNumber is how long a number may be, in bytes.
	MaxNumber = 64
)

// scanner checks JSON in one pass and remembers where values begin and end. It
// allocates nothing until something is wrong. It does not look for bad UTF-8:
// validUTF8 does, once for the whole text, which is faster.
type scanner struct {
	b   []byte
	at  int    // of the next byte; after a failure, of the offence
	why string // what is wrong; set with every false return

	kindErr *Error // set when a value of the envelope is of the wrong kind
}

func (s *scanner) fail(why string) bool {
	s.why = why
	return false
}

// err is the answer to what made the last method return false.
func (s *scanner) err() *Error {
	return Errorf(CodeMalformed, "%s at byte %d", s.why, s.at)
}

func (s *scanner) validUTF8() bool {
	if utf8.Valid(s.b) {
		return true
	}
	for s.at = 0; s.at < len(s.b); {
		r, n := utf8.DecodeRune(s.b[s.at:])
		if r == utf8.RuneError && n == 1 {
			break
		}
		s.at += n
	}
	return s.fail("bad UTF-8")
}

// skipSpace moves to the next byte that is not white space and returns it, or 0 at
// the end. A NUL in the text is not told apart; no caller accepts either.
func (s *scanner) skipSpace() byte {
	for ; s.at < len(s.b); s.at++ {
		switch c := s.b[s.at]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// end checks that only white space is left.
func (s *scanner) end() bool {
	if s.skipSpace(); s.at < len(s.b) {
		return s.fail("trailing bytes after the object")
	}
	return true
}

// expect moves past white space and the byte c.
func (s *scanner) expect(c byte, why string) bool {
	if s.skipSpace() != c {
		return s.fail(why)
	}
	s.at++
	return true
}

// key moves past a key and its colon.
func (s *scanner) key() (raw []byte, escaped, ok bool) {
	if s.skipSpace() != '"' {
		return nil, false, s.fail("a key is missing")
	}
	if raw, escaped, ok = s.stringBody(); ok {
		ok = s.expect(':', "a colon is missing")
	}
	return raw, escaped, ok
}

// stringBody moves past the string that begins at s.at and returns what is between its
// quotes, and whether that holds escapes.
func (s *scanner) stringBody() (raw []byte, escaped, ok bool) {
	s.at++
	start := s.at
	for {
		s.at += plainLength(s.b[s.at:])
		if s.at >= len(s.b) {
			return nil, false, s.fail("a string does not end")
		}
		switch c := s.b[s.at]; {
		case c == '"':
			raw = s.b[start:s.at]
			s.at++
			return raw, escaped, true
		case c == '\\':
			escaped = true
			if !s.escape() {
				return nil, false, false
			}
		default:
			return nil, false, s.fail("a control character in a string")
		}
	}
}

// plainLength counts the bytes up to the next quote, backslash or control character,
// eight at a time.
func plainLength(b []byte) int {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	n := 0
	for ; len(b)-n >= 8; n += 8 {
		w := binary.LittleEndian.Uint64(b[n:])
		quote := w ^ ones*'"'
		slash := w ^ ones*'\\'
		// The top bit of each byte that is zero (or, in w, below 0x20) ends up
		// set; borrows can set false ones only above a true one.
		hit := ((quote-ones)&^quote | (slash-ones)&^slash | (w-ones*0x20)&^w) & tops
		if hit != 0 {
			return n + bits.TrailingZeros64(hit)/8
		}
	}
	for ; n < len(b); n++ {
		if c := b[n]; c == '"' || c == '\\' || c < 0x20 {
			break
		}
	}
	return n
}

// escape moves past the escape that begins at s.at.
func (s *scanner) escape() bool {
	if s.at+1 >= len(s.b) {
		return s.fail("a string does not end")
	}
	switch s.b[s.at+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.at += 2
		return true
	case 'u':
	default:
		return s.fail("an unknown escape")
	}
	r := hex4(s.b[s.at:])
	switch {
	case r < 0:
		return s.fail(`\u without four hexadecimal digits`)
	case r == 0:
		return s.fail(`\u0000 is not accepted`)
	case r < 0xD800 || r > 0xDFFF:
		s.at += 6
		return true
	case r < 0xDC00:
		if low := hex4(s.b[s.at+6:]); low >= 0xDC00 && low <= 0xDFFF {
			s.at += 12
			return true
		}
	}
	return s.fail("half a surrogate pair")
}

// hex4 returns the code unit of the escape \uXXXX that b begins with, or -1.
func hex4(b []byte) rune {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return -1
	}
	var r rune
	for _, c := range b[2:6] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

// number moves past the number that begins at s.at.
func (s *scanner) number() bool {
	start := s.at
	if s.peek() == '-' {
		s.at++
	}
	if s.peek() == '0' {
		s.at++
	} else if !s.digits() {
		return false
	}
	if s.peek() == '.' {
		s.at++
		if !s.digits() {
			return false
		}
	}
	exponent := s.peek()|0x20 == 'e'
	if exponent {
		s.at++
		if c := s.peek(); c == '+' || c == '-' {
			s.at++
		}
		if !s.digits() {
			return false
		}
	}
	text := s.b[start:s.at]
	if len(text) > MaxNumber {
		s.at = start
		return s.fail("a number of too many digits")
	}
	// Without an exponent MaxNumber digits can't leave the range.
	if exponent {
		if f, _ := strconv.ParseFloat(viewString(text), 64); math.IsInf(f, 0) {
			s.at = start
			return s.fail("a number out of range")
		}
	}
	return true
}

// peek returns the next byte, or 0 at the end.
func (s *scanner) peek() byte {
	if s.at < len(s.b) {
		return s.b[s.at]
	}
	return 0
}

// digits moves past one digit or more.
func (s *scanner) digits() bool {
	start := s.at
	for s.at < len(s.b) && s.b[s.at]-'0' <= 9 {
		s.at++
	}
	if s.at == start {
		return s.fail("a digit is missing")
	}
	return true
}

func (s *scanner) literal(w string) bool {
	if len(s.b)-s.at < len(w) || viewString(s.b[s.at:s.at+len(w)]) != w {
		return s.fail("not a JSON value")
	}
	s.at += len(w)
	return true
}

// scalar moves past the value at s.at, which begins with c and is neither an
// object nor an array.
func (s *scanner) scalar(c byte) bool {
	switch {
	case c == '"':
		_, _, ok := s.stringBody()
		return ok
	case c == '-' || c-'0' <= 9:
		return s.number()
	case c == 't':
		return s.literal("true")
	case c == 'f':
		return s.literal("false")
	case c == 'n':
		return s.literal("null")
	case s.at >= len(s.b):
		return s.fail("the text ends too early")
	}
	return s.fail("not a JSON value")
}

// skip moves past white space and one value that lies within outer levels of
// objects and arrays. It keeps its own stack, one bit a level, so that nesting
// costs no memory.
func (s *scanner) skip(outer int) bool {
	depth := outer
	var objects uint64 // the lowest bit tells whether the innermost level is an object
	for {
		switch c := s.skipSpace(); c {
		case '{', '[':
			if depth == MaxDepth {
				return s.fail("nested too deeply")
			}
			depth++
			s.at++
			objects <<= 1
			if c == '{' {
				objects |= 1
			}
			if c = s.skipSpace(); c == '}' && objects&1 == 1 || c == ']' && objects&1 == 0 {
				break // empty; the loop below closes it
			}
			if objects&1 == 1 {
				if _, _, ok := s.key(); !ok {
					return false
				}
			}
			continue
		default:
			if !s.scalar(c) {
				return false
			}
		}
		// A value is complete: close what ends here, up to the next value.
		for {
			if depth == outer {
				return true
			}
			c, object := s.skipSpace(), objects&1 == 1
			if c == ',' {
				s.at++
				if object {
					if _, _, ok := s.key(); !ok {
						return false
					}
				}
				break
			}
			if object && c != '}' || !object && c != ']' {
				return s.fail("a comma or the closing bracket is missing")
			}
			s.at++
			depth--
			objects >>= 1
		}
	}
}

// viewString returns b's bytes as a string that is valid only as long as b is.
func viewString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// unescape returns the text of a string's inside that str has checked.
func unescape(raw []byte) string {
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); {
		n := plainLength(raw[i:])
		out = append(out, raw[i:i+n]...)
		if i += n; i == len(raw) {
			break
		}
		switch c := raw[i+1]; c {
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r := hex4(raw[i:])
			i += 4
			if r >= 0xD800 && r <= 0xDFFF {
				r = (r-0xD800)<<10 + (hex4(raw[i+2:]) - 0xDC00) + 0x10000
				i += 6
			}
			out = utf8.AppendRune(out, r)
		default:
			out = append(out, c)
		}
		i += 2
	}
	return viewString(out)
}
