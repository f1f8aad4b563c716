package chat

import (
	"net/url"
	"strings"

	"pushd/internal/account"
	"pushd/internal/delivery"
)

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
		return kind, rest, "", groupIDFits(rest)
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

// groupIDFits tells whether id may name a group, also one that a backend pushes to.
func groupIDFits(id string) bool { return delivery.ValidName("group", id) == nil }
