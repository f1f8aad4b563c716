// Package testbuild builds the server for tests that run it as a process of its
// own. Only tests call it. What such processes run is counted as covered when the
// tests are started by scripts/cover.sh.
package testbuild

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// wanted is the variable that asks for counts and names where to leave them. It is
// not GOCOVERDIR, which `go test -cover` sets to a folder that it removes.
const wanted = "COVER_PROCESSES"

// Server builds the server in dir and returns its path.
func Server(dir string) (path string, err error) {
	path = filepath.Join(dir, "pushd")
	return path, build(path, "pushd/cmd/pushd")
}

func build(path, program string) error {
	args := []string{"build", "-o", path}
	if os.Getenv(wanted) != "" {
		args = append(args, "-cover", "-coverpkg=pushd/...")
	}
	if out, err := exec.Command("go", append(args, program)...).CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w: %s", err, out)
	}
	return nil
}

// Environment is what the program needs beside the environment that a test gives
// it.
func Environment() []string {
	if dir := os.Getenv(wanted); dir != "" {
		return []string{"GOCOVERDIR=" + dir}
	}
	return nil
}
