package protocol

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
)

// Envelope is what a server frame says. Its slices point into the payload.
type Envelope struct {
	Module, Action []byte // without quotes
	Seq            uint32
	HasSeq         bool
	Code           int
	HasCode        bool   // a reply; a push has none
	Data           []byte // raw
	Msg            []byte // raw, with quotes
}

// Is tells whether the envelope is of this module and action.
func (e *Envelope) Is(module, action string) bool {
	return string(e.Module) == module && string(e.Action) == action
}

var errEnvelope = errors.New("not an envelope")

// Scan reads the keys of a server frame in any order. It trusts the server to
// send JSON, so it skips values without checking them, but never reads past
// the payload. It allocates nothing.
func Scan(payload []byte, e *Envelope) error {
	*e = Envelope{}
	s := scanner{b: payload}
	if !s.take('{') {
		return errEnvelope
	}
	for !s.take('}') {
		key, ok := s.str()
		if !ok || !s.take(':') {
			return errEnvelope
		}
		value := s.value()
		if len(value) == 0 {
			return errEnvelope
		}
		if err := e.set(key, value); err != nil {
			return err
		}
		if !s.take(',') && s.peek() != '}' {
			return errEnvelope
		}
	}
	if s.peek() != 0 || s.at < len(s.b) || len(e.Module) == 0 || len(e.Action) == 0 {
		return errEnvelope
	}
	return nil
}

func (e *Envelope) set(key, value []byte) error {
	switch string(key) {
	case "Module":
		e.Module = bytes.Trim(value, `"`)
	case "Action":
		e.Action = bytes.Trim(value, `"`)
	case "Seq":
		n, err := strconv.ParseUint(string(value), 10, 32)
		if err != nil {
			return errEnvelope
		}
		e.Seq, e.HasSeq = uint32(n), true
	case "Code":
		n, err := strconv.Atoi(string(value))
		if err != nil {
			return errEnvelope
		}
		e.Code, e.HasCode = n, true
	case "Data":
		e.Data = value
	case "Msg":
		e.Msg = value
	}
	return nil
}

// Text is the reply's message for people, for reports.
func (e *Envelope) Text() string {
	var s string
	if json.Unmarshal(e.Msg, &s) != nil {
		return string(e.Msg)
	}
	return s
}

type scanner struct {
	b  []byte
	at int
}

// peek is the next byte that isn't space, 0 at the end.
func (s *scanner) peek() byte {
	for ; s.at < len(s.b); s.at++ {
		switch s.b[s.at] {
		case ' ', '\t', '\r', '\n':
		default:
			return s.b[s.at]
		}
	}
	return 0
}

func (s *scanner) take(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.at++
	return true
}

// str reads a string and returns it without its quotes, escapes as they are.
func (s *scanner) str() ([]byte, bool) {
	if !s.take('"') {
		return nil, false
	}
	for start := s.at; s.at < len(s.b); s.at++ {
		switch s.b[s.at] {
		case '\\':
			s.at++
		case '"':
			s.at++
			return s.b[start : s.at-1], true
		}
	}
	return nil, false
}

// value skips one value and returns its bytes, none when it doesn't end.
func (s *scanner) value() []byte {
	s.peek()
	start, depth := s.at, 0
	for s.at < len(s.b) {
		switch s.b[s.at] {
		case '"':
			if _, ok := s.str(); !ok {
				return nil
			}
		case '{', '[':
			depth++
			s.at++
		case '}', ']':
			if depth == 0 {
				return s.b[start:s.at]
			}
			depth--
			s.at++
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return s.b[start:s.at]
			}
			s.at++
			continue
		default:
			s.at++
			continue
		}
		if depth == 0 {
			return s.b[start:s.at]
		}
	}
	return nil
}

// Number finds "key":123 in a payload that this client made itself, wherever
// the server put it, and returns the number.
func Number(payload []byte, key string) (int64, bool) {
	i := bytes.Index(payload, []byte(key))
	if i < 0 {
		return 0, false
	}
	rest := bytes.TrimLeft(payload[i+len(key):], `": `)
	end := 0
	for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
		end++
	}
	n, err := strconv.ParseInt(string(rest[:end]), 10, 64)
	return n, err == nil
}
