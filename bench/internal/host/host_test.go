package host

import (
	"math"
	"os"
	"strings"
	"testing"
)

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

func TestBytes(t *testing.T) {
	if n := Bytes([]byte("VmHWM:\t  2000 kB\nVmRSS:\t    1000 kB\n"), "VmRSS"); n != 1000<<10 {
		t.Errorf("VmRSS: %d", n)
	}
	if n := Bytes([]byte("Slab: 1 kB\n"), "Missing"); n != 0 {
		t.Errorf("a line that isn't there: %d", n)
	}
	if n := Bytes([]byte("Slab: x kB\n"), "Slab"); n != 0 {
		t.Errorf("no figure: %d", n)
	}
}

func TestOwnProcess(t *testing.T) {
	p := Process{PID: os.Getpid()}
	if rss, err := p.RSS(); err != nil || rss < 1<<20 {
		t.Errorf("RSS %d, %v", rss, err)
	}
	if peak, err := p.PeakRSS(); err != nil || peak < 1<<20 {
		t.Errorf("peak of the RSS %d, %v", peak, err)
	}
	before, err := p.CPU()
	for err == nil && before <= 0 {
		before, err = p.CPU()
	}
	for after := before; after == before && err == nil; {
		after, err = p.CPU() // asking takes time too
	}
	if err != nil {
		t.Error(err)
	}
	if n, err := p.Files(); err != nil || n < 3 {
		t.Errorf("%d files, %v", n, err)
	}
	if _, err := (Process{PID: math.MaxInt32}).RSS(); err == nil {
		t.Error("a process that isn't there has memory")
	}
	if _, err := (Process{PID: math.MaxInt32}).PeakRSS(); err == nil {
		t.Error("a process that isn't there had memory")
	}
	if _, err := (Process{PID: 1 << 22}).CPU(); err == nil {
		t.Error("a process that isn't there uses the processor")
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
