package host

import (
	"math"
	"os"
	"strings"
	"testing"
	"time"
)

func TestStatIsReadPastAnyCommandName(t *testing.T) {
	rest := " S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 8 0 100 0 0"
	for _, name := range []string{"pushd", "a b", "x) R 9", "((("} {
		got, err := parseStat([]byte("42 (" + name + ")" + rest))
		if err != nil || got != 3*time.Second {
			t.Errorf("%q: %v, %v", name, got, err)
		}
	}
	for _, bad := range []string{"", "1 (x) S 1", "1 (x) S 1 2 3 4 5 6 7 8 9 10 a b"} {
		if _, err := parseStat([]byte(bad)); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestStatm(t *testing.T) {
	if got, err := parseStatm([]byte("900 12 3 0 0 0 0\n"), 4096); err != nil || got != 12*4096 {
		t.Errorf("%d, %v", got, err)
	}
	for _, bad := range []string{"", "1", "1 x"} {
		if _, err := parseStatm([]byte(bad), 4096); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestOwnProcess(t *testing.T) {
	p := Process{PID: os.Getpid()}
	if rss, err := p.RSS(); err != nil || rss < 1<<20 {
		t.Errorf("RSS %d, %v", rss, err)
	}
	if _, err := p.CPU(); err != nil {
		t.Error(err)
	}
	if n, err := p.Files(); err != nil || n < 3 {
		t.Errorf("%d files, %v", n, err)
	}
	if _, err := (Process{PID: math.MaxInt32}).RSS(); err == nil {
		t.Error("a process that isn't there has memory")
	}
}

func TestTooManyConnectionsNameTheLimit(t *testing.T) {
	if err := AllowConnections(10); err != nil {
		t.Errorf("10 connections: %v", err)
	}
	err := AllowConnections(math.MaxInt32)
	if err == nil || !strings.Contains(err.Error(), "RLIMIT_NOFILE") {
		t.Errorf("%v", err)
	}
}

func TestOnCPUPinsOnlyWhatItRuns(t *testing.T) {
	before, err := CPUs()
	if err != nil {
		t.Fatal(err)
	}
	last := before[len(before)-1]
	err = OnCPU(last, func() error {
		inside, err := CPUs()
		if err == nil && (len(inside) != 1 || inside[0] != last) {
			t.Errorf("inside: %v", inside)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if after, err := CPUs(); err != nil || len(after) != len(before) {
		t.Errorf("after: %v, %v", after, err)
	}
	if err := Pin(5000); err == nil {
		t.Error("processor 5000 is taken")
	}
}

func TestDescribe(t *testing.T) {
	if e := Describe(); e.Kernel == "" || e.Go == "" || e.Cores == 0 || e.Memory == 0 {
		t.Errorf("%+v", e)
	}
}
