package push

import (
	"log/slog"
	"slices"
	"strings"

	"pushd/internal/account"
	"pushd/internal/codec"
	"pushd/internal/delivery"
)

// allow refuses an identity without the scope, and logs that.
func allow(log *slog.Logger, id account.Identity, scope account.Scope, operation string) error {
	err := id.Allow(scope)
	if err != nil {
		log.Info("refused", slog.String("operation", operation), slog.String("key", id.Key),
			slog.String("user", id.User), slog.Any("error", err))
	}
	return err
}

// socketOnly refuses callers that have no session to act on.
func socketOnly(id account.Identity) error {
	if id.Session == "" {
		return codec.Errorf(codec.CodeForbidden, "only a logged-in WebSocket session can do this")
	}
	return nil
}

// socketOnTopic refuses callers without a session and names that no topic has.
func socketOnTopic(id account.Identity, topic string) error {
	if err := socketOnly(id); err != nil {
		return err
	}
	return validTopic(topic)
}

func validTopic(topic string) error { return delivery.ValidName("topic", topic) }

// validNames checks names of groups or topics, which kind says.
func validNames(kind string, names []string) error {
	for _, n := range names {
		if err := delivery.ValidName(kind, n); err != nil {
			return err
		}
	}
	return nil
}

// validSession only keeps nonsense away from the ports; they know what a
// session id looks like.
func validSession(id string) error {
	if id == "" || len(id) > delivery.MaxName {
		return malformed("a session id is 1 to %d bytes long, not %d", delivery.MaxName, len(id))
	}
	return nil
}

// validUsers checks a list that a question or subscription names.
func validUsers(users []string, most int) error {
	switch {
	case len(users) == 0:
		return malformed("users is empty")
	case len(users) > most:
		return codec.Errorf(codec.CodeTooLarge, "users has at most %d items, not %d", most, len(users))
	}
	return account.ValidUserIDs(users)
}

// validMessage checks an object that is relayed as it came, of at most so many bytes.
func validMessage(field string, m Message, most int) error {
	switch {
	case len(m) == 0 || string(m) == "null":
		return malformed("%s is missing", field)
	case len(m) > most:
		return codec.Errorf(codec.CodeTooLarge, "%s is at most %d bytes long, not %d", field, most, len(m))
	}
	if err := codec.ValidObject(m); err != nil {
		return malformed("%s: %s", field, codec.AsError(err).Msg)
	}
	return nil
}

func malformed(format string, args ...any) error {
	return codec.Errorf(codec.CodeMalformed, format, args...)
}

// cloned copies what outlives the request.
func cloned(names []string) []string {
	names = slices.Clone(names)
	for i, n := range names {
		names[i] = strings.Clone(n)
	}
	return names
}

// notNil makes an empty slice encode as [].
func notNil[T any](v []T) []T {
	if v == nil {
		return []T{}
	}
	return v
}
