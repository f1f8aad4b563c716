package config

import (
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"

	"pushd/internal/store"
)

// noStore is the value of the option store by which nothing is kept.
const noStore = "none"

// StoreURL is the address of the database: "" for the default, noStore, an
// address, or @FILE that holds one. Every way of formatting it leaves a password
// out; Config.Database is the one way to all of it.
type StoreURL string

// file is the file named by a value of the form @FILE.
func (s StoreURL) file() (name string, ok bool) { return Secret(s).File() }

// hasPassword tells whether the text itself holds what must not be seen.
func (s StoreURL) hasPassword() bool { return s.String() != string(s) }

// String is the address without its password. What can't be read as an address
// may be all password.
func (s StoreURL) String() string {
	if _, file := s.file(); file || s == "" || s == noStore || strings.HasPrefix(string(s), "sqlite:") {
		return string(s)
	}
	u, err := url.Parse(string(s))
	if err != nil || u.Host == "" && u.Path == "" {
		return redacted
	}
	if _, set := u.User.Password(); set {
		u.User = url.User(u.User.Username())
	}
	query := u.Query()
	for key := range query {
		if strings.Contains(strings.ToLower(key), "pass") {
			query.Del(key)
		}
	}
	if len(query) != len(u.Query()) {
		u.RawQuery = query.Encode()
	}
	u.Fragment, u.RawFragment = "", ""
	return u.String()
}

// Format catches every verb, see Secret.
func (s StoreURL) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// MarshalText keeps the password out of JSON and YAML.
func (s StoreURL) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue keeps the password out of slog.
func (s StoreURL) LogValue() slog.Value { return slog.StringValue(s.String()) }

// parseStoreURL accepts what the option store may be.
func parseStoreURL(text string) (StoreURL, error) {
	s := StoreURL(text)
	name, file := s.file()
	switch {
	case file && name == "":
		return "", fmt.Errorf("@ needs the name of a file")
	case file || text == "" || text == noStore:
		return s, nil
	}
	if err := store.CheckURL(text); err != nil {
		return "", fmt.Errorf("%w, @FILE that holds one of these, or none", err)
	}
	return s, nil
}

// Database is the address that store.Open takes, "" when nothing is to be kept.
func (c *Config) Database() (string, error) {
	if c.Store == "" {
		return "sqlite:" + filepath.Join(c.DataDir, "pushd.db"), nil
	}
	if c.Store == noStore {
		return "", nil
	}
	name, file := c.Store.file()
	if !file {
		return string(c.Store), nil
	}
	address, err := ReadKeyFile(name)
	if err == nil {
		err = store.CheckURL(address)
	}
	if err != nil {
		return "", fmt.Errorf("store (%s): %w", c.Source("store"), err)
	}
	return address, nil
}
