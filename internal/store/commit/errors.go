package commit

import (
	"context"
	"errors"

	"pushd/internal/codec"
)

// errDown is the cause of answers given while the database is known not to answer.
var errDown = errors.New("the database did not answer the last time")

// Unavailable is the 503 for a database that can't answer now; err is for the log.
func Unavailable(err error) error {
	e := codec.Errorf(codec.CodeUnavailable, "the database can't answer now: try again soon")
	e.Cause = err
	return e
}

// Internal is the 500 for what the database refuses; err is for the log.
func Internal(err error) error {
	e := codec.Errorf(codec.CodeInternal, "internal error")
	e.Cause = err
	return e
}

// GaveUp is the 503 for a caller whose ctx has ended.
func GaveUp(ctx context.Context) error {
	e := codec.Errorf(codec.CodeUnavailable, "the time for this request is over: it may or may not have been stored")
	e.Cause = context.Cause(ctx)
	return e
}
