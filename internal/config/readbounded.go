package config

import (
	"fmt"
	"io"
	"os"
)

// ReadBounded reads a file of at most limit bytes.
func ReadBounded(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	return ReadAllBounded(f, name, limit)
}

// ReadAllBounded reads what is at most limit bytes; name is for the error.
func ReadAllBounded(r io.Reader, name string, limit int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if int64(len(text)) > limit {
		return nil, fmt.Errorf("read %s: more than %s", name, Size(limit))
	}
	return text, nil
}
