package loop

import (
	"errors"
	"fmt"
	"syscall"

	"pushd/bench/internal/wire"
)

// Kind classes the ways a connection ends.
type Kind uint8

// The kinds of a Cause.
const (
	Left     Kind = iota // we closed it
	Refused              // no connection, or no handshake
	TimedOut             // no connection or handshake in time
	Closed               // the server sent a Close frame
	Dropped              // the server ended TCP without a Close frame
	Violated             // the server broke the protocol
	Stalled              // the server stopped reading
	Failed               // the socket failed
)

// Cause says why a connection ended.
type Cause struct {
	Kind Kind
	Code int   // HTTP status of a Refused, close code of a Closed
	Err  error // what the kernel or the parser said
}

// String is short and the same for the same cause, so that causes can be counted.
func (c Cause) String() string {
	switch c.Kind {
	case Left:
		return "left"
	case Refused:
		return fmt.Sprintf("refused: %v", c.Err)
	case TimedOut:
		return "handshake timed out"
	case Closed:
		return fmt.Sprintf("closed %d by the server", c.Code)
	case Dropped:
		return "dropped without a Close frame"
	case Violated:
		return c.Err.Error()
	case Stalled:
		return "server stopped reading"
	}
	return fmt.Sprintf("socket: %v", c.Err)
}

// refusal is the Cause of an error of wire's.
func refusal(err error) Cause {
	var handshake *wire.HandshakeError
	if errors.As(err, &handshake) {
		return Cause{Kind: Refused, Code: handshake.Status, Err: handshake}
	}
	return Cause{Kind: Violated, Err: err}
}

// isLocalLimit tells whether dialling failed for want of our own resources.
func isLocalLimit(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) ||
		errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.ENOBUFS)
}
