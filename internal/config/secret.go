package config

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// redacted stands where a secret would.
const redacted = "[redacted]"

// Secret is text that must not reach a log, an error or a terminal. Every way
// of formatting it yields a stand-in; Reveal is the one way to its content.
type Secret string

// Reveal returns the secret itself. The caller keeps it out of logs and errors.
func (s Secret) Reveal() string { return string(s) }

// Resolve is the secret itself: the value, or what the file holds that it names.
func (s Secret) Resolve() (string, error) {
	if name, ok := s.File(); ok {
		return ReadKeyFile(name)
	}
	return s.Reveal(), nil
}

// File is the file named by a value of the form @FILE; it is "" and ok false
// for any other value. A file's name is no secret.
func (s Secret) File() (name string, ok bool) {
	name, ok = strings.CutPrefix(string(s), "@")
	if !ok {
		return "", false // the prefix's absence must not make the secret a name
	}
	return name, true
}

// String shows whether there is a secret, and the file it comes from.
func (s Secret) String() string {
	switch name, file := s.File(); {
	case s == "":
		return ""
	case file:
		return "@" + name
	}
	return redacted
}

// Format catches every verb: without it %x, %d and %#v would show the content.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// MarshalText keeps the secret out of JSON and YAML.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue keeps the secret out of slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
