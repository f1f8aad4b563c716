package config

import (
	"fmt"
	"math"

	"golang.org/x/sys/unix"
)

// reservedFiles are the descriptors that connections leave to the listeners,
// event loops, HTTP requests, files and profiles.
const reservedFiles = 128

// OpenFiles is this process's limit on open files. Go raises it to the hard
// limit when a program starts.
func OpenFiles() (int, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("read RLIMIT_NOFILE: %w", err)
	}
	return int(min(limit.Cur, math.MaxInt32)), nil
}

// connectionsWithin is how many connections fit under a limit on open files. A
// limit too small for the reserve is shared evenly.
func connectionsWithin(files int) int {
	return max(files-reservedFiles, files/2)
}

// connectionLimit is max-connections, or what a limit on open files leaves when
// that is 0 or more than it: the admin listener, the database and the logs need
// descriptors too.
func (c *Config) connectionLimit(files int) int {
	room := connectionsWithin(files)
	if c.MaxConnections > 0 {
		room = min(room, c.MaxConnections)
	}
	return room
}
