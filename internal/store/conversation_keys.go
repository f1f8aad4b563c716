package store

import "pushd/internal/chat"

// splitKey is the kind of a conversation and the members that its key names: both
// users of a single chat, the user whose notices they are. The members of a group are
// rows that are written with the group, and every user is in the broadcasts.
func splitKey(key string) (kind string, users []string, ok bool) {
	kind, a, b, ok := chat.ParseKey(key)
	switch kind {
	case chat.KindSingle:
		users = []string{a, b}
	case chat.KindNotice:
		users = []string{a}
	}
	return kind, users, ok
}
