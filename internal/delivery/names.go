package delivery

import (
	"strconv"
	"unicode"
	"unicode/utf8"

	"pushd/internal/codec"
)

// MaxName is the longest name of a topic or group, in bytes.
const MaxName = 128

// ValidName returns nil when name may name a group or topic, which kind says: 1 to
// MaxName bytes of printable UTF-8 that don't begin with "$", which marks the
// server's own. The error is a *codec.Error with code 400 that says so.
func ValidName(kind, name string) error {
	switch {
	case name == "" || len(name) > MaxName:
		return malformed("a %s is 1 to %d bytes long, not %d", kind, MaxName, len(name))
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

func malformed(format string, args ...any) error {
	return codec.Errorf(codec.CodeMalformed, format, args...)
}
