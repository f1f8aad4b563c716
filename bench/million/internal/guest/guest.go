// Package guest is process 1 of the virtual machine: it mounts what programs
// expect, brings the loopback interface up, raises the kernel's limits, runs
// the trial, says over a serial line how it goes, and switches the machine off.
// Package vm is at the other end of that line.
package guest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"pushd/bench/million/internal/trial"
)

// line is the serial line of the records. The first one is the console's, with
// what the kernel and the programs say.
const line = "/dev/ttyS1"

// Is tells whether this process is a guest's process 1.
func Is() bool {
	_, err := os.Stat(PlanFile)
	return os.Getpid() == 1 && err == nil
}

// Run does it all and does not return.
func Run() {
	out, err := prepare()
	if err == nil {
		err = work(out)
	}
	fmt.Fprintln(os.Stderr, "million:", err)
	if out != nil {
		_ = json.NewEncoder(out).Encode(Record{Error: err.Error()}) // the console has it too
	}
	off(out)
}

// off switches the machine off, when the line has sent what it has taken.
// Processes and connections go with the machine.
func off(out *os.File) {
	if out != nil {
		_ = unix.IoctlSetInt(int(out.Fd()), unix.TCSBRK, 1) // tcdrain
	}
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	os.Exit(1) // which makes the kernel panic, and the emulator end
}

func prepare() (*os.File, error) {
	for _, m := range []struct{ kind, on string }{{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}, {"tmpfs", "/tmp"}} {
		if err := unix.Mount(m.kind, m.on, m.kind, 0, ""); err != nil {
			return nil, fmt.Errorf("mount %s: %w", m.on, err)
		}
	}
	out, err := os.OpenFile(line, os.O_WRONLY|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, fmt.Errorf("records: %w", err)
	}
	return out, loopbackUp()
}

// loopbackUp is `ip link set lo up`; the kernel adds 127.0.0.1/8 by itself.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("loopback: %w", err)
	}
	defer func() { _ = unix.Close(fd) }() // only a handle for the request
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return fmt.Errorf("loopback: %w", err)
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request); err != nil {
		return fmt.Errorf("loopback up: %w", err)
	}
	return nil
}

// clock is how the guest tells the time: every event loop asks very often, and
// with anything but the processor's own counter each time leaves the emulation.
func clock() string {
	b, err := os.ReadFile("/sys/devices/system/clocksource/clocksource0/current_clocksource")
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(b))
}

// work returns only when the trial could not be made.
func work(out *os.File) error {
	b, err := os.ReadFile(PlanFile)
	if err != nil {
		return fmt.Errorf("plan: %w", err)
	}
	var plan Plan
	if err := json.Unmarshal(b, &plan); err != nil {
		return fmt.Errorf("plan: %w", err)
	}
	records := json.NewEncoder(out)
	hello := &Hello{Clock: clock(), Refused: []string{}}
	for _, s := range plan.Sysctl {
		name := "/proc/sys/" + strings.ReplaceAll(s.Key, ".", "/")
		if err := os.WriteFile(name, []byte(s.Value), 0); err != nil {
			hello.Refused = append(hello.Refused, fmt.Sprintf("%s = %s: %v", s.Key, s.Value, err))
		}
	}
	// What is started here inherits it.
	limit := syscall.Rlimit{Cur: plan.Files, Max: plan.Files}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("raise RLIMIT_NOFILE to %d: %w", plan.Files, err)
	}
	if err := records.Encode(Record{Hello: hello}); err != nil {
		return fmt.Errorf("records: %w", err)
	}
	plan.Trial.Pushd, plan.Trial.Self = Pushd, Program
	tell := func(p trial.Progress) {
		fmt.Fprintln(os.Stderr, p)
		_ = records.Encode(Record{Progress: &p}) // only for who watches; the result matters
	}
	return trial.Run(context.Background(), plan.Trial, tell, func(r *trial.Result) error {
		if err := records.Encode(Record{Result: r}); err != nil {
			return fmt.Errorf("records: %w", err)
		}
		// Not by returning: to take down two million sockets one by one would take longer than to make them.
		off(out)
		return nil
	})
}
