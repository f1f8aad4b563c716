package wire

import (
	"errors"
	"fmt"
)

// Message is what a Stream hands on: a whole data message, a control frame, or
// Upgraded without a payload. Payload is valid only during the call.
type Message struct {
	Opcode  byte
	Payload []byte
}

// ErrStop is returned by an emit function that wants nothing more of this stream;
// Feed then returns it.
var ErrStop = errors.New("stop reading")

// Stream reads all that one server sends on one connection: the handshake
// reply, then frames. An idle stream is one pointer: only an incomplete frame
// or a fragmented message is copied aside, and given up when it is whole.
type Stream struct {
	partial  *partial
	upgraded bool
}

type partial struct {
	rest    []byte // the incomplete head or frame
	message []byte // fragments so far
	opcode  byte   // of the fragmented message; Continuation when there is none
}

// Feed takes the next bytes from the socket and calls emit for each message
// they complete. chunk belongs to the caller again when Feed returns. limit
// bounds a message, whole.
func (s *Stream) Feed(chunk []byte, limit int, emit func(Message) error) error {
	b := chunk
	if s.partial != nil && len(s.partial.rest) > 0 {
		s.partial.rest = append(s.partial.rest, chunk...)
		b = s.partial.rest
	}
	used, err := s.consume(b, limit, emit)
	if err != nil {
		return err
	}
	s.keep(b[used:])
	return nil
}

func (s *Stream) consume(b []byte, limit int, emit func(Message) error) (used int, err error) {
	if !s.upgraded {
		n, err := readHead(b)
		if n == 0 || err != nil {
			return 0, err
		}
		s.upgraded = true
		if err := emit(Message{Opcode: Upgraded}); err != nil {
			return 0, err
		}
		used = n
	}
	for {
		f, n, err := Parse(b[used:], limit)
		if n == 0 || err != nil {
			return used, err
		}
		used += n
		m, whole, err := s.join(f, limit)
		if err != nil {
			return used, err
		}
		if !whole {
			continue
		}
		if err := validText(m); err != nil {
			return used, err
		}
		if err := emit(m); err != nil {
			return used, err
		}
	}
}

// join puts a frame to its message; whole is false while fragments are missing.
func (s *Stream) join(f Frame, limit int) (m Message, whole bool, err error) {
	if f.Opcode >= Close {
		return Message{f.Opcode, f.Payload}, true, nil
	}
	open := s.partial != nil && s.partial.opcode != Continuation
	if open == (f.Opcode != Continuation) {
		return m, false, fmt.Errorf("%w: data frame out of turn", ErrProtocol)
	}
	if !open && f.Fin {
		return Message{f.Opcode, f.Payload}, true, nil
	}
	if s.partial == nil {
		s.partial = new(partial)
	}
	if !open {
		s.partial.opcode = f.Opcode
	}
	if len(s.partial.message)+len(f.Payload) > limit {
		return m, false, fmt.Errorf("%w: message over %d bytes", ErrProtocol, limit)
	}
	s.partial.message = append(s.partial.message, f.Payload...)
	if !f.Fin {
		return m, false, nil
	}
	m = Message{s.partial.opcode, s.partial.message}
	s.partial.opcode, s.partial.message = Continuation, nil
	return m, true, nil
}

// keep holds on to the bytes of an incomplete frame, and to nothing otherwise.
func (s *Stream) keep(rest []byte) {
	switch {
	case len(rest) > 0 && s.partial == nil:
		s.partial = &partial{rest: append([]byte(nil), rest...)}
	case len(rest) > 0:
		s.partial.rest = append(s.partial.rest[:0], rest...)
	case s.partial != nil && s.partial.opcode == Continuation:
		s.partial = nil
	case s.partial != nil:
		s.partial.rest = nil
	}
}
