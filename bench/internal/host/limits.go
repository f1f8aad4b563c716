// Package host is what the load client asks of the machine it runs on: how many
// files it may open, which processor it runs on, and what /proc tells of the
// server's memory and processor time. It changes nothing but this process.
package host

import (
	"fmt"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// spareFiles are the descriptors a load client needs beside its connections:
// epoll, eventfd, standard streams, the admin connection, files of the result.
const spareFiles = 40

// AllowConnections raises the soft limit of open files to the hard one and says
// what is in the way when n connections don't fit.
func AllowConnections(n int) error {
	var lim unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
		return fmt.Errorf("read RLIMIT_NOFILE: %w", err)
	}
	if lim.Cur < lim.Max {
		lim.Cur = lim.Max
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
			return fmt.Errorf("raise RLIMIT_NOFILE to its hard limit %d: %w", lim.Max, err)
		}
	}
	if uint64(n)+spareFiles > lim.Cur {
		return fmt.Errorf("%d connections don't fit: RLIMIT_NOFILE lets this process open %d files (soft and hard limit), "+
			"that is %d connections; raise the hard limit (ulimit -Hn, LimitNOFILE=, and fs.nr_open above 1048576) "+
			"or start several clients with different --users. The server needs as many files", n, lim.Cur, max(int64(lim.Cur)-spareFiles, 0))
	}
	return nil
}

// Pin keeps this process, with all the threads it has, on one processor.
func Pin(cpu int) error {
	if cpu < 0 || cpu >= 1024 {
		return fmt.Errorf("pin to cpu %d: no such processor", cpu)
	}
	var set unix.CPUSet
	set.Set(cpu)
	// A thread inherits its creator's mask, and none is created from an unpinned one while
	// this goroutine walks the list twice.
	for range 2 {
		tasks, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return fmt.Errorf("list threads: %w", err)
		}
		for _, t := range tasks {
			tid, err := strconv.Atoi(t.Name())
			if err != nil {
				continue
			}
			if err := unix.SchedSetaffinity(tid, &set); err != nil && err != unix.ESRCH {
				return fmt.Errorf("pin to cpu %d: %w", cpu, err)
			}
		}
	}
	return nil
}

// OnCPU runs f, which starts a process, so that what it starts is pinned to one
// processor and sees no other: Go then starts it with GOMAXPROCS 1.
func OnCPU(cpu int, f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return fmt.Errorf("read affinity: %w", err)
	}
	set.Set(cpu)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("pin to cpu %d: %w", cpu, err)
	}
	err := f()
	if restore := unix.SchedSetaffinity(0, &before); err == nil && restore != nil {
		err = fmt.Errorf("restore affinity: %w", restore)
	}
	return err
}

// CPUs are the processors this process may run on, ascending.
func CPUs() ([]int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, fmt.Errorf("read affinity: %w", err)
	}
	var cpus []int
	for i := range 1024 {
		if set.IsSet(i) {
			cpus = append(cpus, i)
		}
	}
	return cpus, nil
}
