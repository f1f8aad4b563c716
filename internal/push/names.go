package push

import (
	"strconv"
	"unicode"
	"unicode/utf8"
)

// maxName is the longest name of a topic or group, in bytes.
const maxName = 128

// validName checks the name of a topic or group: 1 to 128 bytes of printable
// UTF-8 that don't begin with "$", which marks the server's own.
func validName(kind, name string) error {
	switch {
	case name == "" || len(name) > maxName:
		return malformed("a %s is 1 to %d bytes long, not %d", kind, maxName, len(name))
	case name[0] == '$':
		return malformed("a %s must not begin with $, which is the server's own", kind)
	case !utf8.ValidString(name):
		return malformed("a %s must be UTF-8", kind)
	}
	for _, r := range name {
		if !unicode.IsPrint(r) {
			return malformed("a %s must be printable, which %s is not", kind, strconv.QuoteRune(r))
		}
	}
	return nil
}

// validSession only keeps nonsense away from the ports; they know what a
// session id looks like.
func validSession(id string) error {
	if id == "" || len(id) > maxName {
		return malformed("a session id is 1 to %d bytes long, not %d", maxName, len(id))
	}
	return nil
}

func validAll(kind string, names []string) error {
	for _, n := range names {
		if err := validName(kind, n); err != nil {
			return err
		}
	}
	return nil
}
