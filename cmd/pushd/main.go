// Command pushd is the push server. This package owns the command line and the
// wiring: it takes flags and environment to package config, and hands the values
// that come back to everything else. It never serves a request itself.
//
// In a shell write ./pushd or the whole path: pushd alone is a builtin of bash.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

func main() {
	a := &app{stdout: os.Stdout, stderr: os.Stderr, environ: os.Environ()}
	os.Exit(a.run(context.Background(), os.Args[1:]))
}

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1 // it was asked for correctly and did not work
	exitUsage   = 2 // the command line or the configuration is wrong
)

// app is the program's surroundings, so that tests can give it others.
type app struct {
	stdout  io.Writer
	stderr  io.Writer
	environ []string
}

// say writes a line for the person at the terminal. When standard error is gone
// there is nowhere left to say so.
func (a *app) say(format string, args ...any) {
	_, _ = fmt.Fprintf(a.stderr, "pushd: "+format+"\n", args...)
}

// usageError is an error of the command line or the configuration.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

// run executes one command line and returns the exit code.
func (a *app) run(ctx context.Context, args []string) int {
	root := a.rootCommand()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	// Several errors come one a line.
	a.say("%v", err)
	if _, usage := errors.AsType[usageError](err); usage {
		return exitUsage
	}
	return exitFailure
}
