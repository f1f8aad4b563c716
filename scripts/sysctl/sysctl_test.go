// Package sysctl tests the kernel tuning scripts of this folder on a made-up
// machine: a directory with the files of /proc, /sys and /etc that they touch.
package sysctl

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// stock is a machine of 16 GiB as a distribution sets it up, with connection
// tracking loaded.
func stock() map[string]string {
	return map[string]string{
		"proc/meminfo":     "MemTotal:       16777216 kB\nMemFree:        15000000 kB\nMemAvailable:   15728640 kB\n",
		"proc/self/limits": "Limit                     Soft Limit           Hard Limit           Units\nMax open files            1024                 524288               files\n",
		"proc/77/limits":   "Max open files            4096                 524288               files\n",

		"proc/sys/fs/nr_open":                                         "1048576\n",
		"proc/sys/fs/file-max":                                        "9223372036854775807\n",
		"proc/sys/fs/file-nr":                                         "1500\t0\t9223372036854775807\n",
		"proc/sys/fs/epoll/max_user_watches":                          "3600000\n",
		"proc/sys/net/core/somaxconn":                                 "4096\n",
		"proc/sys/net/core/netdev_max_backlog":                        "1000\n",
		"proc/sys/net/ipv4/tcp_max_syn_backlog":                       "1024\n",
		"proc/sys/net/ipv4/tcp_syncookies":                            "1\n",
		"proc/sys/net/ipv4/tcp_mem":                                   "190000\t253000\t380000\n",
		"proc/sys/net/ipv4/tcp_rmem":                                  "4096\t131072\t6291456\n",
		"proc/sys/net/ipv4/tcp_wmem":                                  "4096\t16384\t4194304\n",
		"proc/sys/net/ipv4/ip_local_port_range":                       "32768\t60999\n",
		"proc/sys/net/ipv4/tcp_tw_reuse":                              "2\n",
		"proc/sys/net/ipv4/tcp_max_tw_buckets":                        "131072\n",
		"proc/sys/net/ipv4/tcp_max_orphans":                           "65536\n",
		"proc/sys/net/ipv4/tcp_fin_timeout":                           "60\n",
		"proc/sys/net/ipv4/tcp_keepalive_time":                        "7200\n",
		"proc/sys/net/ipv4/tcp_keepalive_intvl":                       "75\n",
		"proc/sys/net/ipv4/tcp_keepalive_probes":                      "9\n",
		"proc/sys/net/netfilter/nf_conntrack_max":                     "262144\n",
		"proc/sys/net/netfilter/nf_conntrack_count":                   "144\n",
		"proc/sys/net/netfilter/nf_conntrack_buckets":                 "65536\n",
		"proc/sys/net/netfilter/nf_conntrack_tcp_timeout_established": "432000\n",
		"proc/sys/net/netfilter/nf_conntrack_tcp_timeout_time_wait":   "120\n",
		"proc/sys/vm/swappiness":                                      "60\n",
		"etc/sysctl.d/10-distribution.conf":                           "net.ipv4.tcp_syncookies = 1\n",
		"etc/security/limits.d/README":                                "limits\n",
		"var/lib/dpkg/status":                                         "\n",
	}
}

type machine struct {
	t    *testing.T
	root string
	// scripts is a copy that other users can read, wherever the checkout is.
	scripts string
}

func newMachine(t *testing.T, files map[string]string) machine {
	t.Helper()
	base := t.TempDir()
	m := machine{t: t, root: filepath.Join(base, "root"), scripts: filepath.Join(base, "scripts")}
	for name, content := range files {
		m.write(name, content)
	}
	for _, name := range []string{"values.sh", "check.sh", "apply.sh", "revert.sh"} {
		script, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		m.put(filepath.Join(m.scripts, name), string(script), 0o755)
	}
	// Only its owner may enter the directory that TempDir makes around base, and
	// some scripts run here as nobody.
	for _, dir := range []string{filepath.Dir(base), base} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func (m machine) put(path, content string, mode fs.FileMode) {
	m.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		m.t.Fatal(err)
	}
}

func (m machine) write(name, content string) {
	m.t.Helper()
	m.put(filepath.Join(m.root, name), content, 0o644)
}

func (m machine) read(name string) string {
	m.t.Helper()
	content, err := os.ReadFile(filepath.Join(m.root, name))
	if err != nil {
		m.t.Fatal(err)
	}
	return string(content)
}

// tree is every file of the machine with its content.
func (m machine) tree() map[string]string {
	m.t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(m.root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(m.root, path)
		if err != nil {
			return err
		}
		files[name] = m.read(name)
		return nil
	})
	if err != nil {
		m.t.Fatal(err)
	}
	return files
}

func (m machine) sameTree(want map[string]string) {
	m.t.Helper()
	got := m.tree()
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if got[name] != want[name] {
			m.t.Errorf("%s: got %q, want %q", name, got[name], want[name])
		}
		delete(got, name)
	}
	for name := range got {
		m.t.Errorf("%s was not there", name)
	}
}

// run runs a script as whoever runs the test, or as nobody, and returns what
// it printed and its exit status.
func (m machine) run(asNobody bool, script string, args ...string) (string, int) {
	m.t.Helper()
	command := exec.Command("bash", append([]string{filepath.Join(m.scripts, script)}, args...)...)
	command.Dir = "/"
	command.Env = append(os.Environ(), "PUSHD_SYSCTL_ROOT="+m.root, "LC_ALL=C")
	if asNobody && os.Geteuid() == 0 {
		command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	out, err := command.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		m.t.Fatalf("%s: %v", script, err)
	}
	return string(out), command.ProcessState.ExitCode()
}

// asRoot runs a script with an effective user id of 0: the tests' own, or that
// of a user namespace.
func (m machine) asRoot(script string, args ...string) (string, int) {
	m.t.Helper()
	if os.Geteuid() == 0 {
		return m.run(false, script, args...)
	}
	command := exec.Command("unshare", append([]string{"--map-root-user", "bash", filepath.Join(m.scripts, script)}, args...)...)
	command.Dir = "/"
	command.Env = append(os.Environ(), "PUSHD_SYSCTL_ROOT="+m.root, "LC_ALL=C")
	out, err := command.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		m.t.Fatalf("%s: %v", script, err)
	}
	return string(out), command.ProcessState.ExitCode()
}

func contains(t *testing.T, out string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
}

// stops reads the first two columns of check's table.
func stops(t *testing.T, out string) (counts []int, names []string) {
	t.Helper()
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		if len(fields) < 4 {
			if len(counts) > 0 {
				break
			}
			continue
		}
		count, err := strconv.Atoi(fields[0])
		if err != nil {
			continue
		}
		counts = append(counts, count)
		names = append(names, fields[1])
	}
	return counts, names
}

func TestCheckNamesTheLowestLimitFirst(t *testing.T) {
	m := newMachine(t, stock())
	before := m.tree()
	out, status := m.run(true, "check.sh")
	if status != 1 {
		t.Errorf("exit status %d, want 1", status)
	}
	counts, names := stops(t, out)
	wantCounts := []int{262000, 380000, 524188, 1048476, 3145728, 3599900}
	if len(counts) != 7 || !slices.Equal(counts[:6], wantCounts) {
		t.Errorf("got %d (%q), want %d first and fs.file-max last, in:\n%s", counts, names, wantCounts, out)
	}
	if !slices.IsSorted(counts) {
		t.Errorf("limits out of order: %d", counts)
	}
	contains(t, out,
		"This machine stops at 262000 connections; 3 of 7 limits are below 1000000.",
		"LimitNOFILE=1101024", "NOTRACK", "net.core.somaxconn is 4096, better 65535")
	m.sameTree(before)
}

func TestCheckAgainstASmallerTarget(t *testing.T) {
	m := newMachine(t, stock())
	out, status := m.run(true, "check.sh", "--target", "200000")
	if status != 0 {
		t.Errorf("exit status %d, want 0", status)
	}
	contains(t, out, "Nothing here stops 200000 connections; the lowest limit is at 262000.")
}

func TestCheckOfARunningServer(t *testing.T) {
	m := newMachine(t, stock())
	// What counts for a process that runs is its soft limit.
	out, status := m.run(true, "check.sh", "--pid", "77", "--target", "5000")
	counts, names := stops(t, out)
	if status != 1 || len(counts) == 0 || counts[0] != 3996 || names[0] != "open" {
		t.Errorf("status %d, limits %d %q, want 1 and 3996 open files first", status, counts, names)
	}
	if out, status := m.run(true, "check.sh", "--pid", "78"); status != 2 {
		t.Errorf("a process that isn't there: status %d, want 2: %s", status, out)
	}
}

func TestCheckCountsAContainersMemory(t *testing.T) {
	files := stock()
	files["sys/fs/cgroup/memory.max"] = "536870912\n"
	out, status := newMachine(t, files).run(true, "check.sh", "--target", "150000")
	counts, names := stops(t, out)
	if status != 1 || len(counts) == 0 || counts[0] != 104857 || names[0] != "memory," {
		t.Errorf("status %d, limits %d %q, want 1 and memory for 104857 first", status, counts, names)
	}
}

func TestCheckSaysWhatItCannotSee(t *testing.T) {
	files := stock()
	delete(files, "proc/sys/net/ipv4/tcp_mem")
	delete(files, "proc/sys/fs/epoll/max_user_watches")
	out, _ := newMachine(t, files).run(true, "check.sh")
	contains(t, out, "not judged: fs.epoll.max_user_watches net.ipv4.tcp_mem")
}

func TestApplyThenCheckThenRevert(t *testing.T) {
	m := newMachine(t, stock())
	before := m.tree()

	out, status := m.asRoot("apply.sh")
	if status != 0 {
		t.Fatalf("apply: status %d: %s", status, out)
	}
	for key, want := range map[string]string{
		"fs/nr_open":                     "1101024\n",
		"fs/file-max":                    "9223372036854775807\n", // more than needed stays
		"fs/epoll/max_user_watches":      "3600000\n",
		"net/core/somaxconn":             "65535\n",
		"net/ipv4/tcp_mem":               "524288 786432 1048576\n",
		"net/ipv4/ip_local_port_range":   "10240 65535\n",
		"net/netfilter/nf_conntrack_max": "1166560\n",
		"net/ipv4/tcp_max_tw_buckets":    "1000000\n",
		"vm/swappiness":                  "1\n",
	} {
		if got := m.read("proc/sys/" + key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	contains(t, m.read("etc/sysctl.d/90-pushd.conf"),
		"\n-fs.nr_open = 1101024\n", "\n-net.ipv4.tcp_mem = 524288 786432 1048576\n", "# Ceiling of any process's open files")
	contains(t, m.read("etc/security/limits.d/90-pushd.conf"),
		"* soft nofile 1101024\n", "* hard nofile 1101024\n", "root hard nofile 1101024\n")
	contains(t, out, "LimitNOFILE=1101024")

	// The shell's own limit is what is left, until the next login.
	out, status = m.run(true, "check.sh")
	contains(t, out, "This machine stops at 524188 connections; 1 of 7 limits are below 1000000.")
	if status != 1 {
		t.Errorf("check after apply: status %d, want 1", status)
	}
	m.write("proc/self/limits", "Max open files            1024                 1101024              files\n")
	if out, status = m.run(true, "check.sh"); status != 0 {
		t.Errorf("check after apply and login: status %d: %s", status, out)
	}
	if strings.Contains(out, "worth setting") {
		t.Errorf("apply left something that check would set:\n%s", out)
	}
	m.write("proc/self/limits", before["proc/self/limits"])

	if out, status = m.asRoot("revert.sh"); status != 0 {
		t.Fatalf("revert: status %d: %s", status, out)
	}
	m.sameTree(before)
	if out, status = m.asRoot("revert.sh"); status != 0 || !strings.Contains(out, "Nothing was applied") {
		t.Errorf("second revert: status %d: %s", status, out)
	}
}

func TestApplyTwiceChangesNothingMore(t *testing.T) {
	m := newMachine(t, stock())
	before := m.tree()
	m.asRoot("apply.sh")
	once := m.tree()
	out, status := m.asRoot("apply.sh")
	if status != 0 || !strings.Contains(out, "0 settings changed") {
		t.Errorf("status %d: %s", status, out)
	}
	m.sameTree(once)

	// A smaller target afterwards is computed from what was there at first.
	m.asRoot("apply.sh", "--target", "300000")
	if got := m.read("proc/sys/net/ipv4/tcp_max_tw_buckets"); got != "300000\n" {
		t.Errorf("tcp_max_tw_buckets is %q after a smaller target, want 300000", got)
	}
	m.asRoot("revert.sh")
	m.sameTree(before)
}

func TestRevertPutsBackFilesThatWereThere(t *testing.T) {
	files := stock()
	files["etc/sysctl.d/90-pushd.conf"] = "# by hand\n"
	files["etc/security/limits.d/90-pushd.conf"] = "* soft nofile 5000\n"
	m := newMachine(t, files)
	before := m.tree()
	m.asRoot("apply.sh")
	if m.read("etc/sysctl.d/90-pushd.conf") == "# by hand\n" {
		t.Error("apply didn't write its file")
	}
	m.asRoot("revert.sh")
	m.sameTree(before)
}

func TestApplyWithoutConnectionTracking(t *testing.T) {
	files := stock()
	for name := range files {
		if strings.Contains(name, "conntrack") {
			delete(files, name)
		}
	}
	m := newMachine(t, files)
	if out, status := m.asRoot("apply.sh"); status != 0 {
		t.Errorf("status %d: %s", status, out)
	}
	if strings.Contains(m.read("etc/sysctl.d/90-pushd.conf"), "conntrack") {
		t.Error("keys of a module that isn't loaded were written")
	}
}

func TestDryRunChangesNothingAndNeedsNoRoot(t *testing.T) {
	m := newMachine(t, stock())
	before := m.tree()
	out, status := m.run(true, "apply.sh", "--dry-run", "--target", "500000")
	if status != 0 {
		t.Errorf("status %d, want 0", status)
	}
	contains(t, out, "net.core.somaxconn: 4096 -> 65535", "-net.ipv4.tcp_max_tw_buckets = 500000", "* hard nofile 551024")
	m.sameTree(before)

	m.asRoot("apply.sh")
	applied := m.tree()
	out, status = m.run(true, "revert.sh", "--dry-run")
	if status != 0 {
		t.Errorf("status %d, want 0", status)
	}
	contains(t, out, "net.core.somaxconn: 65535 -> 4096", "90-pushd.conf: removed")
	m.sameTree(applied)
}

func TestRefusals(t *testing.T) {
	tests := []struct {
		name, script string
		args         []string
		want         string
	}{
		{"apply without root", "apply.sh", nil, "needs root"},
		{"target that is no number", "apply.sh", []string{"--dry-run", "--target", "many"}, "--target wants a number"},
		{"target missing", "check.sh", []string{"--target"}, "--target wants a number"},
		{"target too small", "check.sh", []string{"--target", "0999"}, "--target wants a number"},
		{"target too large", "check.sh", []string{"--target", "1000000000"}, "--target wants a number"},
		{"pid that is no number", "check.sh", []string{"--pid", "../1"}, "--pid wants a process id"},
		{"unknown argument of check", "check.sh", []string{"--fix"}, "unknown argument '--fix'"},
		{"unknown argument of apply", "apply.sh", []string{"now"}, "unknown argument 'now'"},
		{"unknown argument of revert", "revert.sh", []string{"-f"}, "unknown argument '-f'"},
	}
	m := newMachine(t, stock())
	before := m.tree()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			out, status := m.run(true, test.script, test.args...)
			if status != 2 || !strings.Contains(out, test.want) {
				t.Errorf("status %d, want 2 and %q: %s", status, test.want, out)
			}
		})
	}
	m.sameTree(before)

	m.asRoot("apply.sh")
	if out, status := m.run(true, "revert.sh"); status != 2 || !strings.Contains(out, "needs root") {
		t.Errorf("revert without root: status %d: %s", status, out)
	}
}

func TestAKeyThatTheKernelRefuses(t *testing.T) {
	m := newMachine(t, stock())
	// A directory in a key's place can't be written, not even by root.
	key := filepath.Join(m.root, "proc/sys/vm/swappiness")
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(key, 0o755); err != nil {
		t.Fatal(err)
	}
	out, status := m.asRoot("apply.sh")
	if status != 1 || !strings.Contains(out, "vm.swappiness stays") {
		t.Errorf("status %d, want 1 and the key's name: %s", status, out)
	}
	// The others are set all the same.
	if got := m.read("proc/sys/net/core/somaxconn"); got != "65535\n" {
		t.Errorf("somaxconn is %q", got)
	}
}
