package host

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Process reads another process's figures from /proc.
type Process struct{ PID int }

// RSS is the resident set in bytes.
func (p Process) RSS() (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.PID))
	if err != nil {
		return 0, fmt.Errorf("a process's memory: %w", err)
	}
	return parseStatm(b, os.Getpagesize())
}

// PeakRSS is the largest that the resident set has been, in bytes.
func (p Process) PeakRSS() (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID))
	if err != nil {
		return 0, fmt.Errorf("a process's memory: %w", err)
	}
	return Bytes(b, "VmHWM"), nil
}

// CPU is the user and system time used so far by all its threads, those that
// have ended too. /proc/PID/stat would tell it in hundredths of a second only.
func (p Process) CPU() (time.Duration, error) {
	// clock_getcpuclockid(3): a process's clock is its id's complement, and 2 in
	// the low three bits is the scheduler's exact count.
	const scheduler = 2
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^p.PID<<3|scheduler), &ts); err != nil {
		return 0, fmt.Errorf("server's processor time: %w", err)
	}
	return time.Duration(ts.Nano()), nil
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
