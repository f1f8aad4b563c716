package chat

import (
	"log/slog"

	"pushd/internal/account"
	"pushd/internal/codec"
)

// trail is what of an operation the log keeps.
type trail uint8

const (
	traceRefusal trail = iota // that it was refused: for what is read, or done too often to log
	traceChange               // also that a backend did it
)

// audit leaves a trace of who was refused what, and of what backends changed. It is
// deferred, with the place of the error that the operation ends with. Operations are
// named in lower case with dots, as in "group.create".
func (s *Service) audit(operation string, t trail, id account.Identity, target string, err *error) {
	switch {
	case *err == nil:
		if t == traceChange && id.Key != "" {
			s.log.Info("changed", slog.String("operation", operation), slog.String("user", id.User),
				slog.String("key", id.Key), slog.String("target", target))
		}
	case codec.AsError(*err).Code == codec.CodeForbidden:
		s.log.Info("refused", slog.String("operation", operation), slog.String("user", id.User),
			slog.String("key", id.Key), slog.String("target", target), slog.String("error", codec.AsError(*err).Msg))
	}
}
