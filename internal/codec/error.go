package codec

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Codes of a reply. They follow HTTP where HTTP has a fitting status, and are
// the same over the socket, HTTP and gRPC.
const (
	CodeOK           = 0
	CodeMalformed    = 400 // the request can't be understood
	CodeUnauthorized = 401 // not logged in, or the credentials were refused
	CodeForbidden    = 403 // logged in, but not allowed
	CodeNotFound     = 404 // no such module, action or object
	CodeConflict     = 409 // contradicts what is already so
	CodeTooLarge     = 413 // over a size limit
	CodeTooMany      = 429 // over a rate or count limit
	CodeInternal     = 500 // our fault; the cause is in the log only
	CodeUnavailable  = 503 // busy or shutting down
)

// CodeInfo describes a code of a reply for whoever lists them.
type CodeInfo struct {
	Code int
	Doc  string // one line of Markdown
}

// Codes lists what a reply that is an error can have as its code.
func Codes() []CodeInfo {
	return []CodeInfo{
		{CodeMalformed, "the request can't be understood; `Msg` says what is wrong with it"},
		{CodeUnauthorized, "not logged in, or the token was refused"},
		{CodeForbidden, "logged in, but not allowed"},
		{CodeNotFound, "no such module, action or object; `Msg` names it"},
		{CodeConflict, "contradicts what is already so, such as a second login where that is refused"},
		{CodeTooLarge, "too large"},
		{CodeTooMany, "too many requests, or a bound on a number was reached"},
		{CodeInternal, "the server's fault"},
		{CodeUnavailable, "busy, or shutting down"},
	}
}

// Error answers a request. It is never a reason to close a connection; those
// are close codes. Msg is for people and reaches the client, so it holds no
// internal text and no secret; Cause is for the log and never leaves the server.
type Error struct {
	Code       int           // one of the Code constants above 0
	Msg        string        // public
	Temporary  bool          // the same request may succeed later
	RetryAfter time.Duration // how long to wait before that; zero when unknown
	Cause      error         // private; may be nil
}

// Error returns the code and the public message.
func (e *Error) Error() string { return fmt.Sprintf("%d: %s", e.Code, e.Msg) }

// LogValue is Error with the cause, which clients don't see. It implements
// slog.LogValuer.
func (e *Error) LogValue() slog.Value {
	if e.Cause == nil {
		return slog.StringValue(e.Error())
	}
	return slog.StringValue(e.Error() + ": " + e.Cause.Error())
}

// Unwrap returns Cause.
func (e *Error) Unwrap() error { return e.Cause }

// Errorf makes an Error with a public message. Codes 429 and 503 are Temporary.
func Errorf(code int, format string, args ...any) *Error {
	return &Error{
		Code:      code,
		Msg:       fmt.Sprintf(format, args...),
		Temporary: code == CodeTooMany || code == CodeUnavailable,
	}
}

// AsError returns the Error that answers the client when err happened: the
// first *Error in its chain; 503 when a deadline passed or the work was
// canceled; otherwise 500 "internal error", which hides err's text and keeps
// err as Cause. It is nil for nil.
func AsError(err error) *Error {
	if err == nil {
		return nil
	}
	e, ok := errors.AsType[*Error](err)
	switch {
	case ok:
		return e
	case errors.Is(err, context.DeadlineExceeded):
		e = Errorf(CodeUnavailable, "timed out")
	case errors.Is(err, context.Canceled):
		e = Errorf(CodeUnavailable, "canceled")
	default:
		e = Errorf(CodeInternal, "internal error")
	}
	e.Cause = err
	return e
}
