package host

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// SystemCalls counts every system call of a process from when it was made: the
// kernel counts them at a trace point, for about 0.1 µs each. Close it.
type SystemCalls struct{ counters []int }

// ErrNoTracing is why NewSystemCalls fails without privileges or tracefs.
var ErrNoTracing = errors.New("system calls can't be counted here (needs tracefs, and CAP_PERFMON or root)")

// tracePoint holds the number of the event.
const tracePoint = "/sys/kernel/tracing/events/raw_syscalls/sys_enter/id"

// NewSystemCalls begins to count on all threads that the process has, and
// those that they create.
func NewSystemCalls(p Process) (*SystemCalls, error) {
	b, err := os.ReadFile(tracePoint)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoTracing, err)
	}
	id, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", tracePoint, err)
	}
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", p.PID))
	if err != nil {
		return nil, fmt.Errorf("server's threads: %w", err)
	}
	s := &SystemCalls{}
	for _, t := range tasks {
		tid, err := strconv.Atoi(t.Name())
		if err != nil {
			continue
		}
		attr := unix.PerfEventAttr{Type: unix.PERF_TYPE_TRACEPOINT, Size: unix.PERF_ATTR_SIZE_VER0, Config: id, Bits: unix.PerfBitInherit}
		fd, err := unix.PerfEventOpen(&attr, tid, -1, -1, unix.PERF_FLAG_FD_CLOEXEC)
		if errors.Is(err, unix.ESRCH) {
			continue // the thread has ended
		}
		if err != nil {
			s.Close()
			return nil, fmt.Errorf("%w: %w", ErrNoTracing, err)
		}
		s.counters = append(s.counters, fd)
	}
	return s, nil
}

// Count is how many there were so far.
func (s *SystemCalls) Count() (int64, error) {
	var sum int64
	var b [8]byte
	for _, fd := range s.counters {
		if n, err := unix.Read(fd, b[:]); err != nil || n != len(b) {
			return 0, fmt.Errorf("count system calls: %d bytes, %w", n, err)
		}
		sum += int64(binary.NativeEndian.Uint64(b[:]))
	}
	return sum, nil
}

// Close ends the counting.
func (s *SystemCalls) Close() {
	for _, fd := range s.counters {
		_ = unix.Close(fd)
	}
	s.counters = nil
}
