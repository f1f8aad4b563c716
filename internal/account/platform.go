package account

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"pushd/internal/codec"
)

// Platform is a kind of client, numbered 1 to MaxPlatform. 0 is none.
type Platform uint8

// Platforms that are always known.
const (
	Web Platform = iota + 1
	Android
	IOS
	PC
	MiniProgram
	Server
)

// MaxPlatform is the largest number, so that a set of platforms fits 64 bits.
const MaxPlatform = 63

var builtin = map[string]Platform{
	"web": Web, "android": Android, "ios": IOS, "pc": PC, "mini-program": MiniProgram, "server": Server,
}

// Platforms is the platforms a deployment knows. It never changes once made.
type Platforms struct {
	known map[string]Platform // by name and by number in digits
	names [MaxPlatform + 1]string
	all   []Platform // ascending
}

// NewPlatforms returns the built-in platforms and the extra ones, names with
// their numbers from 7 to MaxPlatform. A name is 1 to 32 of a-z, 0-9 and "-",
// and begins with a letter.
func NewPlatforms(extra map[string]int) (*Platforms, error) {
	p := &Platforms{known: map[string]Platform{}}
	for name, n := range builtin {
		p.add(name, n)
	}
	for _, name := range slices.Sorted(maps.Keys(extra)) {
		n := extra[name]
		switch {
		case !validPlatformName(name):
			return nil, fmt.Errorf("platform %q: a name is 1 to 32 of a-z, 0-9 and -, and begins with a letter", name)
		case n <= int(Server) || n > MaxPlatform:
			return nil, fmt.Errorf("platform %q: number %d is not within %d and %d", name, n, Server+1, MaxPlatform)
		case p.known[name] != 0:
			return nil, fmt.Errorf("platform %q is built in", name)
		case p.names[n] != "":
			return nil, fmt.Errorf("platforms %q and %q have the same number %d", p.names[n], name, n)
		}
		p.add(name, Platform(n))
	}
	slices.Sort(p.all)
	return p, nil
}

func (p *Platforms) add(name string, n Platform) {
	p.known[name] = n
	p.known[strconv.Itoa(int(n))] = n
	p.names[n] = name
	p.all = append(p.all, n)
}

func validPlatformName(s string) bool {
	if len(s) < 1 || len(s) > 32 || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// Parse reads a platform's name or its number in digits. The error is a
// *codec.Error with code 400 that names the known ones.
func (p *Platforms) Parse(s string) (Platform, error) {
	if n := p.known[s]; n != 0 {
		return n, nil
	}
	known := make([]string, len(p.all))
	for i, n := range p.all {
		known[i] = fmt.Sprintf("%d %s", n, p.names[n])
	}
	if s == "" {
		return 0, codec.Errorf(codec.CodeMalformed, "the platform is missing; the platforms are %s", strings.Join(known, ", "))
	}
	return 0, codec.Errorf(codec.CodeMalformed, "there is no platform %q; the platforms are %s", clip(s), strings.Join(known, ", "))
}

// Name returns the platform's name, or its number in digits when it is unknown.
func (p *Platforms) Name(n Platform) string {
	if int(n) < len(p.names) && p.names[n] != "" {
		return p.names[n]
	}
	return strconv.Itoa(int(n))
}

// PlatID is a platform as a client writes it in JSON: "1", 1 or "web".
// Platforms.Parse makes sense of it.
type PlatID string

// UnmarshalJSON takes a string or a number of digits alone; null leaves p as it
// is. The error is a *codec.Error with code 400.
func (p *PlatID) UnmarshalJSON(b []byte) error {
	switch {
	case string(b) == "null":
		return nil
	case len(b) >= 2 && b[0] == '"' && bytes.IndexByte(b, '\\') < 0 && b[len(b)-1] == '"':
		*p = PlatID(b[1 : len(b)-1]) // every login has one, and none has escapes
		return nil
	case len(b) > 0 && b[0] == '"':
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return errPlatID()
		}
		*p = PlatID(s)
		return nil
	}
	n, err := strconv.ParseUint(string(b), 10, 8)
	if err != nil || strconv.FormatUint(n, 10) != string(b) {
		return errPlatID()
	}
	*p = PlatID(b)
	return nil
}

func errPlatID() error {
	return codec.Errorf(codec.CodeMalformed, "PlatId must be a platform's number or name, such as 1 or \"web\"")
}
