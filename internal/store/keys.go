package store

import (
	"net/url"
	"strings"

	"pushd/internal/chat"
	"pushd/internal/codec"
)

// keyMembers takes the users out of a conversation's key, who are in it from its
// beginning: two in a single chat, one in his notices. A group's are rows that
// somebody else writes, and everybody is in the broadcasts.
func keyMembers(key string) (kind string, users []string, ok bool) {
	kind, rest, _ := strings.Cut(key, ":")
	switch kind {
	case chat.KindSingle:
		for part := range strings.SplitSeq(rest, ":") {
			user, err := url.PathUnescape(part)
			if err != nil || user == "" {
				return "", nil, false
			}
			users = append(users, user)
		}
		return kind, users, len(users) == 2
	case chat.KindNotice:
		user, err := url.PathUnescape(rest)
		return kind, []string{user}, err == nil && user != ""
	case chat.KindGroup:
		return kind, nil, rest != ""
	case chat.KindBroadcast:
		return kind, nil, key == chat.Everyone
	}
	return "", nil, false
}

func noConversation() error {
	return codec.Errorf(codec.CodeNotFound, "no such conversation")
}

func noMessage() error {
	return codec.Errorf(codec.CodeNotFound, "no such message")
}
