package store

import (
	"errors"
	"strings"
)

// ErrURL is what CheckURL and Open make of an address they don't know.
var ErrURL = errors.New("accepted is sqlite:FILE, or postgres://USER:PASSWORD@HOST:PORT/DATABASE")

// CheckURL tells whether a URL names a database that Open knows how to reach.
// Its error doesn't repeat the URL, which may hold a password.
func CheckURL(url string) error {
	_, err := newEngine(url)
	return err
}

// newEngine is the engine of a URL, not connected yet.
func newEngine(url string) (engine, error) {
	scheme, rest, ok := strings.Cut(url, ":")
	switch {
	case ok && scheme == "sqlite":
		// sqlite:///var/lib/x, as some write it, is the same as sqlite:/var/lib/x.
		file := rest
		if strings.HasPrefix(file, "///") {
			file = file[2:]
		}
		if file == "" || strings.HasPrefix(file, ":memory:") || strings.HasPrefix(file, "//") ||
			strings.ContainsRune(file, 0) {
			return nil, errors.New("sqlite: needs the path of a file after it, such as sqlite:/var/lib/pushd/pushd.db")
		}
		return &sqliteEngine{file: file}, nil
	case ok && (scheme == "postgres" || scheme == "postgresql") && strings.HasPrefix(rest, "//"):
		config, err := parsePostgres(url)
		if err != nil {
			return nil, err
		}
		return &postgresEngine{config: config}, nil
	}
	return nil, ErrURL
}
