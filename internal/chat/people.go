package chat

import (
	"log/slog"
	"unicode"
	"unicode/utf8"

	"pushd/internal/account"
	"pushd/internal/codec"
)

// Bounds of groups and friends that are no options.
const (
	MaxGroupID      = 128     // bytes
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

// actor is who makes a request, once it is known that he may make requests at all.
type actor struct {
	account.Identity
	backend bool // an API key with scope admin: may do anything
}

// acting tells who acts. 401 for nobody, 403 for an API key without scope admin.
func acting(id account.Identity) (actor, error) {
	switch {
	case id.User != "":
		return actor{Identity: id}, nil
	case id.Key != "":
		return actor{id, true}, id.Allow(account.ScopeAdmin)
	}
	return actor{}, codec.Errorf(codec.CodeUnauthorized, "log in first")
}

// actingFor is acting where a user's own things are meant: a backend names the user,
// and a user can only be himself.
func actingFor(id account.Identity, as string) (a actor, user string, err error) {
	a, err = acting(id)
	switch {
	case err != nil:
		return a, "", err
	case a.backend && as == "":
		return a, "", malformed("as is missing: an API key acts for a user, and names him there")
	case a.backend:
		return a, as, account.ValidUserID(as)
	case as != "" && as != a.User:
		return a, "", forbidden("you can't act as %.128s: leave that out", as)
	}
	return a, a.User, nil
}

// audit leaves a trace of what was refused, and of what backends changed. It is
// deferred, with the place of the error that the operation ends with.
func (s *Service) audit(operation string, id account.Identity, target string, err *error) {
	s.refused(operation, id, target, err)
	if *err == nil && id.Key != "" {
		s.log.Info("changed", slog.String("operation", operation), slog.String("key", id.Key), slog.String("target", target))
	}
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

// some are the first of the users, as many as a notice names.
func some(users []string) []string { return users[:min(len(users), maxNamed)] }
