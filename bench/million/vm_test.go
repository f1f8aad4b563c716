//go:build !race

// The programs in the virtual machine are built without the race detector, and
// an emulated machine takes a minute: once is enough.

package main

import (
	"os/exec"
	"testing"
)

func TestVirtualMachine(t *testing.T) {
	if _, err := exec.LookPath("qemu-system-x86_64"); err != nil {
		t.Fatalf("%v: scripts/test-deps.sh installs it", err)
	}
	// The kernel is kept in build/million, so that it is fetched once.
	r := run(t, "vm", "-n", "2000", "--accel", "tcg", "--hold", "5s", "--pushes", "20")
	check(t, r, 2000)
	if r.VM == nil || r.VM.Accelerator != "tcg" || r.VM.Package == "" || r.Parameters.Servers != 1 {
		t.Errorf("%+v", r.VM)
	}
	if last := r.Memory[len(r.Memory)-1]; len(last.Slabs) == 0 {
		t.Error("no slabs, although the trial is root in there")
	}
}
