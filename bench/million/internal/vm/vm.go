// Package vm runs a trial inside a virtual machine, where a process may open a
// million files whatever the limits of the machine outside. It fetches a
// kernel, packs the programs into its first file system, starts QEMU, listens
// to what the guest says, and completes the guest's result with what only the
// outside knows. Package guest is at the other end of the line.
package vm

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"pushd/bench/internal/host"
	"pushd/bench/million/internal/guest"
	"pushd/bench/million/internal/trial"
)

// Options say what machine to make.
type Options struct {
	Plan    guest.Plan
	Pushd   string // static programs for the guest
	Self    string
	Dir     string // for the kernel and what is packed
	Console string // file for what the kernel and the programs say
	Memory  int    // MiB
	CPUs    int
	Accel   string   // auto, kvm or tcg
	Append  []string // more for QEMU's command line
	Tell    func(trial.Progress)
	Say     func(format string, args ...any)
}

const (
	emulator = "qemu-system-x86_64"
	kvm      = "/dev/kvm"
	// kvmBoot is the time in which a guest says its first word when KVM works.
	// There are machines that have the device and take minutes for a guest's
	// first instructions.
	kvmBoot = 25 * time.Second
	tcgBoot = 5 * time.Minute
)

// ErrNoBoot is that the guest has said nothing in time.
var ErrNoBoot = errors.New("the guest did not start")

// Run boots the machine, runs the trial in it and returns the result.
func Run(ctx context.Context, o Options) (*trial.Result, error) {
	image, pkg, err := kernel(ctx, filepath.Join(o.Dir, "kernel"))
	if err != nil {
		return nil, err
	}
	version, err := command(ctx, o.Dir, emulator, "--version")
	if err != nil {
		return nil, fmt.Errorf("emulator (apt-get install qemu-system-x86): %w", err)
	}
	plan, err := json.Marshal(o.Plan)
	if err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	packed := filepath.Join(o.Dir, fmt.Sprintf("initramfs-%d", o.Plan.Trial.Connections))
	if err := initramfs(packed, map[string]string{guest.Program: o.Self, guest.Pushd: o.Pushd}, map[string][]byte{guest.PlanFile: plan}); err != nil {
		return nil, err
	}
	m := &machine{opts: o, image: image, initramfs: packed, about: trial.VM{
		Host: host.Describe(), Emulator: strings.SplitN(version, "\n", 2)[0], Package: pkg, KVM: "absent",
	}}
	_, noKVM := os.Stat(kvm)
	if o.Accel == "kvm" || o.Accel == "auto" && noKVM == nil {
		m.about.KVM = "used"
		r, err := m.run(ctx, "kvm", kvmBoot)
		if o.Accel == "kvm" || !errors.Is(err, ErrNoBoot) {
			return r, err
		}
		m.about.KVM = fmt.Sprintf("present, but %v in %v", err, kvmBoot)
		o.Say("%s: %s; going on with software emulation", kvm, m.about.KVM)
	} else if noKVM == nil {
		m.about.KVM = "present, not asked for"
	}
	return m.run(ctx, "tcg", tcgBoot)
}

// machine is one virtual machine.
type machine struct {
	opts             Options
	image, initramfs string
	about            trial.VM
}

func (m *machine) arguments(accel string) []string {
	o := m.opts
	args := []string{"-accel", "kvm", "-cpu", "host"}
	if accel == "tcg" {
		// The plain model: newer string instructions, which copy memory byte by
		// byte in emulation, and protections that cost at each system call stay out.
		args = []string{"-accel", "tcg,thread=multi,tb-size=512", "-cpu", "qemu64,+ssse3,+sse4.1,+sse4.2,+popcnt,+aes"}
	}
	args = append(args, "-smp", strconv.Itoa(o.CPUs), "-m", strconv.Itoa(o.Memory),
		"-nodefaults", "-display", "none", "-no-reboot",
		"-serial", "file:"+o.Console, "-serial", "stdio",
		"-kernel", m.image, "-initrd", m.initramfs,
		"-append", "console=ttyS0 quiet loglevel=4 panic=-1 mitigations=off nokaslr edd=off slab_nomerge tsc=reliable clocksource=tsc")
	return append(args, o.Append...)
}

// run starts the machine and follows it to its end.
func (m *machine) run(ctx context.Context, accel string, boot time.Duration) (*trial.Result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	args := m.arguments(accel)
	cmd := exec.CommandContext(ctx, emulator, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C ends this program, which then ends that one
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("emulator: %w", err)
	}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("emulator: %w", err)
	}
	m.opts.Say("booting with %s, %d processors, %d MiB; console: %s", accel, m.opts.CPUs, m.opts.Memory, m.opts.Console)
	silent := time.AfterFunc(boot, func() { cancel(ErrNoBoot) })
	r, err := m.listen(out, func() {
		silent.Stop()
		m.about.Boot = time.Since(start).Seconds()
	})
	if err != nil {
		cancel(err)
	}
	_ = cmd.Wait() // how it ended is in ProcessState
	switch {
	case errors.Is(context.Cause(ctx), ErrNoBoot):
		return nil, ErrNoBoot
	case err != nil:
		return nil, err
	case r == nil:
		return nil, fmt.Errorf("the guest ended without a result (%v); its console: %s\n%s", cmd.ProcessState, m.opts.Console, complaint.String())
	}
	m.about.Accelerator, m.about.Arguments, m.about.Seconds = accel, args, time.Since(start).Seconds()
	m.about.CPUSeconds = (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
	r.VM = &m.about
	return r, nil
}

// maxRecord bounds a line of the guest's.
const maxRecord = 1 << 20

// listen takes the guest's records until it is off.
func (m *machine) listen(out io.Reader, hello func()) (r *trial.Result, err error) {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, maxRecord)
	for lines.Scan() {
		text := strings.TrimSpace(lines.Text())
		if !strings.HasPrefix(text, "{") {
			continue // the firmware's, before the kernel
		}
		var rec guest.Record
		if err := json.Unmarshal([]byte(text), &rec); err != nil {
			return nil, fmt.Errorf("the guest's record %.80q: %w", text, err)
		}
		switch {
		case rec.Hello != nil:
			hello()
			m.opts.Say("the guest is up after %.1f s, its clock is %s", m.about.Boot, rec.Hello.Clock)
			for _, s := range rec.Hello.Refused {
				m.opts.Say("not set in the guest: %s", s)
			}
		case rec.Progress != nil:
			m.opts.Tell(*rec.Progress)
		case rec.Result != nil:
			r = rec.Result
		case rec.Error != "":
			return nil, fmt.Errorf("in the guest: %s", rec.Error)
		}
	}
	if err := lines.Err(); err != nil {
		return r, fmt.Errorf("read from the guest: %w", err)
	}
	return r, nil
}
