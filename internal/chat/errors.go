package chat

import "pushd/internal/codec"

func malformed(format string, args ...any) error {
	return codec.Errorf(codec.CodeMalformed, format, args...)
}

func forbidden(format string, args ...any) error {
	return codec.Errorf(codec.CodeForbidden, format, args...)
}

func tooLarge(format string, args ...any) error {
	return codec.Errorf(codec.CodeTooLarge, format, args...)
}

func messageGone() error {
	return codec.Errorf(codec.CodeConflict, "the message is no longer there")
}

func isNotFound(err error) bool {
	return err != nil && codec.AsError(err).Code == codec.CodeNotFound
}

func isConflict(err error) bool {
	return err != nil && codec.AsError(err).Code == codec.CodeConflict
}
