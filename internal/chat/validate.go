package chat

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"pushd/internal/delivery"
)

// Bounds of groups and friends that are no options.
const (
	MaxGroupName    = 64      // characters; also of a remark
	MaxGroupNotice  = 1_000   // characters
	MaxRequestText  = 200     // characters of what comes with a request to join or to be friends
	MaxAvatar       = 1_024   // bytes of a URL
	MaxAdmins       = 100     // in one group, beside the owner
	MaxInvited      = 1_000   // users that a user names in one call
	MaxBackendGroup = 100_000 // members of a group that a backend made
	MaxMuteSeconds  = 365 * 86400

	maxGroupRequests  = 1_000 // requests to join that wait in one group
	maxOwnJoinAsked   = 100   // requests to join that wait of one user
	maxFriendRequests = 500   // others' requests that wait for one user
	maxNamed          = 100   // users that one notice or push names; the rest is counted
)

// filesPath begins the path of what was uploaded to this server.
const filesPath = "/files/"

// checkURL lets through what a browser can be given as an address without doing
// more than fetching it.
func checkURL(field, text string) error {
	if len(text) > maxURL {
		return tooLarge("%s is at most %d bytes long, not %d", field, maxURL, len(text))
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || !printable(text) || strings.ContainsAny(text, " \\"):
	case u.Scheme == "http" || u.Scheme == "https":
		if u.Host != "" {
			return nil
		}
	case u.Scheme == "" && u.Host == "" && strings.HasPrefix(text, filesPath) && !strings.Contains(u.Path, ".."):
		return nil
	}
	return malformed("%s must be http://…, https://… or a path of this server that begins with %s", field, filesPath)
}

// plain refuses what databases and other clients choke on.
func plain(field, text string) error {
	switch {
	case !utf8.ValidString(text):
		return malformed("%s must be UTF-8", field)
	case strings.ContainsRune(text, 0):
		return malformed("%s must not contain NUL", field)
	}
	return nil
}

// printable is for names: UTF-8 without control characters.
func printable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

// checkText is 400 for more characters than most, and for what can't be shown in a
// line; a long text may also have line breaks.
func checkText(field, text string, most int, lines bool) error {
	if n := utf8.RuneCountInString(text); n > most {
		return malformed("%s has at most %d characters, not %d", field, most, n)
	}
	if !utf8.ValidString(text) {
		return malformed("%s must be UTF-8", field)
	}
	for _, r := range text {
		if !unicode.IsPrint(r) && !joiner(r) && (!lines || r != '\n' && r != '\t') {
			return malformed("%s can't have the character %q", field, r)
		}
	}
	return nil
}

// joiner tells characters that are not printed themselves but are needed inside
// words of some scripts, and inside emoji.
func joiner(r rune) bool { return r == '\u200c' || r == '\u200d' || r == '\ufe0f' }

// checkGroupID is 400 for what can't be a group's id, also of one that backends push to.
func checkGroupID(id string) error {
	if delivery.ValidName("group", id) != nil {
		return malformed("a group's id is 1 to %d bytes of printable characters without a leading $", delivery.MaxName)
	}
	return nil
}
