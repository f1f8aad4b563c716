package chat

import (
	"net/url"
	"strings"

	"pushd/internal/account"
	"pushd/internal/codec"
)

// Conversation kinds, the first letter of a conversation's key.
const (
	KindSingle    = "s" // s:alice:bob, the two in ascending order
	KindGroup     = "g" // g:<group id>
	KindNotice    = "n" // n:<user>, notifications to one user
	KindBroadcast = "b" // b:all
)

// Everyone is the key of the conversation of durable broadcasts.
const Everyone = "b:all"

// fromServer is who speaks in what no user wrote; no user id begins with "$".
const fromServer = "$server"

// botPrefix begins the user ids of bots.
const botPrefix = "bot:"

func isBot(user string) bool { return strings.HasPrefix(user, botPrefix) }

func isGroup(conv string) bool { return strings.HasPrefix(conv, KindGroup+":") }

func isSingle(conv string) bool { return strings.HasPrefix(conv, KindSingle+":") }

// SingleKey is the conversation of two users, whoever of them asks.
func SingleKey(a, b string) string {
	if a > b {
		a, b = b, a
	}
	return KindSingle + ":" + escaped.Replace(a) + ":" + escaped.Replace(b)
}

// GroupKey is the conversation of a group.
func GroupKey(id string) string { return KindGroup + ":" + id }

// NoticeKey is the conversation of one user's notifications.
func NoticeKey(user string) string { return KindNotice + ":" + escaped.Replace(user) }

// ParseKey takes a key apart: a and b are the two users of a single chat, a is
// the group, or the user who is notified. ok is false for what the functions
// above don't make, so that no conversation has two names.
func ParseKey(key string) (kind, a, b string, ok bool) {
	kind, rest, _ := strings.Cut(key, ":")
	switch kind {
	case KindSingle:
		first, second, _ := strings.Cut(rest, ":")
		a, okA := unescape(first)
		b, okB := unescape(second)
		return kind, a, b, okA && okB && a != b && SingleKey(a, b) == key
	case KindGroup:
		return kind, rest, "", checkGroupID(rest) == nil
	case KindNotice:
		a, ok := unescape(rest)
		return kind, a, "", ok && NoticeKey(a) == key
	case KindBroadcast:
		return kind, "", "", key == Everyone
	}
	return "", "", "", false
}

// escaped keeps the separator, and what escapes it, out of user ids.
var escaped = strings.NewReplacer("%", "%25", ":", "%3A")

func unescape(part string) (user string, ok bool) {
	user, err := url.PathUnescape(part)
	return user, err == nil && account.ValidUserID(user) == nil
}

// resolveKey is the key of a conversation that a request names by key or by who is at
// its other end.
func resolveKey(user, conv, to string) (string, error) {
	switch {
	case conv != "" && to != "":
		return "", malformed("conv and to can't go together: leave one of them out")
	case conv != "":
		return conv, nil
	case to == "":
		return "", malformed("to is missing: user:ID, group:ID or bot:NAME")
	}
	kind, name, _ := strings.Cut(to, ":")
	switch kind {
	case "user", "bot":
		if kind == "bot" {
			name = to
		}
		if err := account.ValidUserID(name); err != nil {
			return "", err
		}
		if name == user {
			return "", malformed("to names the sender: a message goes to another user")
		}
		return SingleKey(user, name), nil
	case "group":
		return GroupKey(name), checkGroupID(name)
	}
	return "", malformed("to is user:ID, group:ID or bot:NAME, not %.64q", to)
}

// resolveKeyAs is resolveKey for what backends send.
func (s *Service) resolveKeyAs(from string, r SendAsRequest) (string, error) {
	user, isNotice := strings.CutPrefix(r.To, "notice:")
	switch {
	case r.Conv != "" && r.To == "":
		kind, a, b, ok := ParseKey(r.Conv)
		if !ok {
			return "", malformed("%.64q is not a conversation", r.Conv)
		}
		if kind == KindSingle && from != a && from != b {
			return "", malformed("from must be one of the two users of this conversation")
		}
		return r.Conv, nil
	case isNotice && r.Conv == "":
		return NoticeKey(user), account.ValidUserID(user)
	case r.To == "all" && r.Conv == "":
		return Everyone, nil
	}
	if isBot(r.To) {
		if err := s.knownBot(r.To); err != nil {
			return "", err
		}
	}
	conv, err := resolveKey(from, r.Conv, r.To)
	if err == nil && from == fromServer && isSingle(conv) {
		return "", malformed("from is missing: a message to a user needs a sender; send to notice:%s what the server says",
			strings.TrimPrefix(r.To, "user:"))
	}
	return conv, err
}

// knownBot is 404 for the user id of a bot that there isn't.
func (s *Service) knownBot(user string) error {
	name := strings.TrimPrefix(user, botPrefix)
	if s.bots == nil || !s.bots.Known(name) {
		return codec.Errorf(codec.CodeNotFound, "there is no bot %.128s", name)
	}
	return nil
}
