package delivery

import (
	"context"
	"time"
)

// Cause is why connections are closed from outside. It decides the close code,
// by which a client knows whether to come back.
type Cause uint8

const (
	CauseKicked        Cause = iota + 1 // 4004: by an operator or a backend
	CauseReplaced                       // 4003: by another login of the same user
	CauseTokenRevoked                   // 4002: what it logged in with is worth nothing any more
	CauseAccountClosed                  // 4004: the user can't log in any more
)

// Sessions says whose connections are meant: one session, or those of a user that
// the rest of it admits.
type Sessions struct {
	Session   string   // a session id; the rest is then ignored
	User      string   // a user id
	Platforms []string // names or numbers; empty is all
	Login     *Login   // nil is any
}

// Login narrows Sessions by what they logged in with.
type Login struct {
	// Grant is the one grant that is meant; "" for those that are old enough.
	Grant string
	// GrantedUntil admits sessions whose grant tells when it was given, which was not
	// after this.
	GrantedUntil time.Time
	// LoggedInUntil admits sessions whose grant doesn't tell, and which logged in not
	// after this.
	LoggedInUntil time.Time
}

// Closer closes connections.
type Closer interface {
	// Close ends matching sessions for a cause, with a text of at most 123 bytes that
	// the client is shown; "" is the cause's own. It tells how many were closed, on
	// all nodes that answered before ctx was done; the error says that not all did.
	// 400 for what can't be read.
	Close(ctx context.Context, of Sessions, cause Cause, text string) (closed int, err error)
}
