// Package account says who is asking: it verifies and signs user tokens, checks
// API keys, and knows platforms, scopes and what a user id looks like. The doors
// turn credentials into an Identity with it and hand that to the services. Its
// Service keeps accounts: registering, passwords, log-ins and their revocation,
// profiles; its Guard is what revocations reach. It reads no file, URL or
// environment; whoever owns the configuration gives it bytes, again when keys
// rotate.
package account

import (
	"net/netip"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"pushd/internal/codec"
)

// Identity is who makes a request. It is either a user's session or an API key.
type Identity struct {
	User     string // user id; "" for an API key
	Session  string // session id; "" before login and for an API key
	App      string // label of the client application, as the client gave it
	Device   string // device id, as the client gave it
	Platform Platform
	Grant    string     // what the user's token belongs to, where we issued it; else ""
	Address  netip.Addr // the client's; the zero Addr where it isn't known
	Key      string     // name of the API key; "" for a user
	Scopes   Scope      // none for a user
	Expires  time.Time  // when the credentials run out; zero: never
}

// Allow returns nil when the identity has every scope in s, and a *codec.Error
// with code 403 naming s otherwise.
func (i Identity) Allow(s Scope) error {
	if i.Scopes&ScopeAdmin != 0 || i.Scopes&s == s {
		return nil
	}
	return codec.Errorf(codec.CodeForbidden, "this needs an API key with scope %s", s)
}

// Scope is a set of what an API key may do.
type Scope uint8

// Scopes. ScopeAdmin implies the others.
const (
	ScopePush  Scope = 1 << iota // send
	ScopeRead                    // see who is online
	ScopeAdmin                   // everything, also kick and profiles
)

var scopeNames = [...]string{"push", "read", "admin"}

// ParseScopes reads scope names. The error names the one that is unknown, and
// the known ones; an empty list is an error too.
func ParseScopes(names []string) (Scope, error) {
	var s Scope
next:
	for _, n := range names {
		for bit, known := range scopeNames {
			if n == known {
				s |= 1 << bit
				continue next
			}
		}
		return 0, codec.Errorf(codec.CodeMalformed, "there is no scope %q; the scopes are push, read and admin", clip(n))
	}
	if s == 0 {
		return 0, codec.Errorf(codec.CodeMalformed, "no scope is given; the scopes are push, read and admin")
	}
	return s, nil
}

// String lists the names, separated by commas.
func (s Scope) String() string {
	var names []string
	for bit, n := range scopeNames {
		if s&(1<<bit) != 0 {
			names = append(names, n)
		}
	}
	return strings.Join(names, ",")
}

// maxUserID is the longest user id, in bytes.
const maxUserID = 128

// ValidUserID returns nil when id may name a user: 1 to 128 bytes of UTF-8,
// printable characters without spaces, and no "$" in front, which is kept for
// names of our own. The error is a *codec.Error with code 400 that says so.
func ValidUserID(id string) error {
	ok := len(id) >= 1 && len(id) <= maxUserID && utf8.ValidString(id) && id[0] != '$'
	if ok {
		for _, r := range id {
			if r == ' ' || !unicode.IsPrint(r) {
				ok = false
				break
			}
		}
	}
	if !ok {
		return codec.Errorf(codec.CodeMalformed,
			"a user id is 1 to %d bytes of printable characters, without spaces and without a leading $", maxUserID)
	}
	return nil
}

// ValidUserIDs returns the error of the first id that ValidUserID refuses.
func ValidUserIDs(ids []string) error {
	for _, id := range ids {
		if err := ValidUserID(id); err != nil {
			return err
		}
	}
	return nil
}

// clip bounds how much of somebody's text an error repeats. Errors quote it with
// %q, which also takes care of a character that was cut in two.
func clip(s string) string {
	if len(s) > 64 {
		return s[:64]
	}
	return s
}
