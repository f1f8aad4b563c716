package host

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Process reads another process's figures from /proc.
type Process struct{ PID int }

// ticksPerSecond is USER_HZ, which is 100 on every Linux that Go runs on.
const ticksPerSecond = 100

// RSS is the resident set in bytes.
func (p Process) RSS() (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.PID))
	if err != nil {
		return 0, fmt.Errorf("server's memory: %w", err)
	}
	return parseStatm(b, os.Getpagesize())
}

// CPU is the user and system time used so far, to a hundredth of a second.
func (p Process) CPU() (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.PID))
	if err != nil {
		return 0, fmt.Errorf("server's processor time: %w", err)
	}
	return parseStat(b)
}

// Files is the number of descriptors the process has open.
func (p Process) Files() (int, error) {
	dir, err := os.Open(fmt.Sprintf("/proc/%d/fd", p.PID))
	if err != nil {
		return 0, fmt.Errorf("server's descriptors: %w", err)
	}
	defer func() { _ = dir.Close() }() // it was only read
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return 0, fmt.Errorf("server's descriptors: %w", err)
	}
	return len(names), nil
}

func parseStatm(b []byte, page int) (int64, error) {
	fields := strings.Fields(string(b))
	if len(fields) < 2 {
		return 0, fmt.Errorf("statm has %d fields", len(fields))
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("statm: %w", err)
	}
	return pages * int64(page), nil
}

func parseStat(b []byte) (time.Duration, error) {
	// The command's name is in parentheses and may hold anything, parentheses too.
	end := bytes.LastIndexByte(b, ')')
	if end < 0 {
		return 0, fmt.Errorf("stat without a command")
	}
	fields := strings.Fields(string(b[end+1:]))
	const utime, stime = 14 - 3, 15 - 3
	if len(fields) <= stime {
		return 0, fmt.Errorf("stat has %d fields", len(fields))
	}
	var ticks int64
	for _, f := range []string{fields[utime], fields[stime]} {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("stat: %w", err)
		}
		ticks += n
	}
	return time.Duration(ticks) * (time.Second / ticksPerSecond), nil
}
