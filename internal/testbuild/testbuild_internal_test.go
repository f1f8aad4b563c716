package testbuild

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestWhatAProcessRunsIsCounted(t *testing.T) {
	counts := t.TempDir()
	t.Setenv("COVER_PROCESSES", counts)
	path := filepath.Join(t.TempDir(), "ends")
	if err := build(path, "pushd/internal/testbuild/testdata/ends"); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path)
	cmd.Env = Environment()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if files, err := os.ReadDir(counts); err != nil || len(files) != 2 {
		t.Errorf("%v, %v; want what there is to count, and the counts", files, err)
	}
}

func TestNothingIsCountedUnasked(t *testing.T) {
	t.Setenv("COVER_PROCESSES", "")
	if env := Environment(); len(env) != 0 {
		t.Errorf("%q", env)
	}
}

func TestWhatCannotBeBuilt(t *testing.T) {
	if err := build(filepath.Join(t.TempDir(), "nothing"), "pushd/nothing"); err == nil {
		t.Error("a program that isn't there is built")
	}
}
