package config

import (
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"time"
)

// envPrefix begins every environment variable of the server.
const envPrefix = "PUSHD_"

// option is one thing that can be set, and all that is known about it. One entry
// gives the key in the file, the flag, the environment variable, the default, the
// accepted values and the text in --help and in docs/configuration.md.
type option struct {
	key   string // path in the file and name of the flag
	env   string // environment variable
	group string // heading in the reference
	field any    // pointer to the field of a Config that it sets
	def   string // text of the default, read like any other source

	dev      string // text of the default under --dev; "" when it is the same
	min, max string // bounds of a number, duration or size; "" is none
	oneof    []string
	rule     func(string) (string, error) // what a text has to follow; it returns the form to keep
	quiet    bool                         // errors don't repeat the value, which may hold a secret
	fileOnly bool                         // there is neither flag nor environment variable
	usage    string                       // one paragraph for people
}

// opt is the option that sets field and is def by default; o says the rest.
func opt[T any](key string, field *T, def T, o option) option {
	o.key, o.env, o.field, o.def = key, envName(key), field, defaultText(def)
	switch any(def).(type) {
	case Secret, StoreURL:
		o.quiet = true
	}
	o.quiet = o.quiet || o.fileOnly
	return o
}

// defaultText is a default as people write it. Up to two minutes that is seconds.
func defaultText(def any) string {
	if d, ok := def.(time.Duration); ok && d < 2*time.Minute && d%time.Second == 0 {
		return fmt.Sprintf("%ds", d/time.Second)
	}
	return textOf(def)
}

// envName is the environment variable of a key: auth.jwt.key is PUSHD_AUTH_JWT_KEY.
func envName(key string) string {
	return envPrefix + strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(key))
}

// byKey finds an option; ok is false when there is none of that key.
func byKey(all []option, key string) (option, bool) {
	for _, o := range all {
		if o.key == key {
			return o, true
		}
	}
	return option{}, false
}

// AcceptedWords are the words that the option with this key accepts.
func AcceptedWords(key string) []string {
	o, _ := byKey(allOptions(&Config{}), key)
	return o.oneof
}

// ParseWord is the one of the option's words that text is, however it is capitalized.
// The error says which are accepted.
func ParseWord(key, text string) (string, error) {
	o, _ := byKey(allOptions(&Config{}), key)
	return o.accept(text)
}

// kind is the option's type as people read it, in --help and the reference.
func (o option) kind() string {
	switch o.field.(type) {
	case *bool:
		return "bool"
	case *int:
		return "number"
	case *time.Duration:
		return "duration"
	case *Size:
		return "size"
	case *Secret:
		return "secret"
	case *StoreURL:
		return "address"
	case *[]string, *[]netip.Prefix:
		return "list"
	case *map[string]int:
		return "map"
	case *[]AdminKey:
		return "keys"
	case *[]BotConfig:
		return "bots"
	case *string, *slog.Level:
		if len(o.oneof) > 0 {
			return "word"
		}
		return "text"
	}
	panic(fmt.Sprintf("config: option %s has the type %T, which no source can express", o.key, o.field))
}

// several reports whether a value may consist of several, so that a flag given
// again adds to it.
func (o option) several() bool {
	switch o.kind() {
	case "list", "map", "keys", "bots":
		return true
	}
	return false
}
