// Command generate writes the description of the client protocol, and the parts of
// pages that are made from it. It runs in the directory of internal/protocol, by
// go generate.
package main

import (
	"fmt"
	"os"

	"pushd/internal/protocol"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run() error {
	files, err := protocol.Files()
	if err != nil {
		return err
	}
	for path, text := range files {
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
