package store

import (
	"errors"
	"fmt"

	"pushd/internal/codec"
	"pushd/internal/store/commit"
)

// answer makes of a method's error what the client is told. Each exported method of
// Store that may fail defers it, so that all else in this package returns errors as
// they come. A *codec.Error stays as it is. Whatever the database says becomes 503, or
// 500 when it would say the same again, with its text and the operation for the log
// alone.
func (s *Store) answer(operation string, err *error) {
	if *err == nil {
		return
	}
	if _, answered := errors.AsType[*codec.Error](*err); answered {
		return
	}
	cause := fmt.Errorf("%s: %w", operation, *err)
	if s.engine.Refuses(cause) {
		*err = commit.Internal(cause)
	} else {
		*err = commit.Unavailable(cause)
	}
}

func conversationNotFound() error {
	return codec.Errorf(codec.CodeNotFound, "no such conversation")
}

func messageNotFound() error {
	return codec.Errorf(codec.CodeNotFound, "no such message")
}
