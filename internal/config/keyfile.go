package config

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// maxKeyFile bounds a file that holds one key. A whole key set is
// larger.
const maxKeyFile = 64 << 10

// ReadKeyFile reads a key, without the white space around it. A file that other
// users can read is refused, unless what it holds is public anyway.
func ReadKeyFile(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // only read
	// The mode is asked of the open file: the name may come to mean another.
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if info.IsDir() {
		return "", fmt.Errorf("%s is a directory", name)
	}
	content, err := ReadAllBounded(f, name, maxKeyFile)
	if err != nil {
		return "", err
	}
	text := strings.TrimSpace(string(content))
	if text == "" {
		return "", fmt.Errorf("%s is empty", name)
	}
	if isPublicPEM(text) {
		return text, nil
	}
	return text, checkPrivate(name, info)
}

// checkPrivate refuses a file that other users can read, and says what to run.
// A file that belongs to root may be readable by its group, as that is how
// Kubernetes hands a secret to a process that is not root (PostgreSQL has the
// same rule for its key).
func checkPrivate(name string, info fs.FileInfo) error {
	open := info.Mode().Perm() & 0o077
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && owner.Uid == 0 && os.Geteuid() != 0 {
		open = info.Mode().Perm() & 0o037
	}
	if open == 0 {
		return nil
	}
	return fmt.Errorf("%s is open to other users (mode %#o); run: chmod 600 %s",
		name, info.Mode().Perm(), ShellQuote(name))
}

func isPublicPEM(text string) bool {
	return strings.HasPrefix(text, "-----BEGIN PUBLIC KEY") ||
		strings.HasPrefix(text, "-----BEGIN RSA PUBLIC KEY") ||
		strings.HasPrefix(text, "-----BEGIN CERTIFICATE")
}

// ShellQuote writes a name so that a shell reads it as one word.
func ShellQuote(name string) string {
	if strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-") == "" {
		return name
	}
	return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
}

// NewKey is a fresh random secret: 32 bytes as base64url text. The text is
// the secret; nothing decodes it.
func NewKey() string {
	var random [32]byte
	rand.Read(random[:]) // never fails, see crypto/rand
	return base64.RawURLEncoding.EncodeToString(random[:])
}

// CreateKeyFile writes a fresh secret to the file, with mode 0600, unless the
// file exists. The file appears whole or not at all, so that a server and
// `pushd token` started together end up with the same key.
func CreateKeyFile(name string) (created bool, err error) {
	dir := filepath.Dir(name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return false, err
	}
	f, err := os.CreateTemp(dir, ".new-*") // with mode 0600
	if err != nil {
		return false, err
	}
	defer func() { _ = os.Remove(f.Name()) }() // a stray one harms nobody
	_, err = f.WriteString(NewKey() + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return false, err
	}
	switch err := os.Link(f.Name(), name); {
	case errors.Is(err, fs.ErrExist):
		return false, nil
	case err != nil:
		return false, err
	}
	return true, nil
}
