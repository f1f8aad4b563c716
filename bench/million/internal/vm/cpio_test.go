package vm

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// entries reads an archive back, by the kernel's description of the format.
func entries(t *testing.T, b []byte) map[string][]byte {
	t.Helper()
	got := map[string][]byte{}
	for at := 0; ; {
		if string(b[at:at+6]) != "070701" {
			t.Fatalf("no entry at %d", at)
		}
		field := func(i int) int {
			n, err := strconv.ParseUint(string(b[at+6+8*i:at+14+8*i]), 16, 32)
			if err != nil {
				t.Fatal(err)
			}
			return int(n)
		}
		mode, size, nameLength := field(1), field(6), field(11)
		name := string(b[at+110 : at+110+nameLength-1])
		if name == "TRAILER!!!" {
			return got
		}
		start := (at + 110 + nameLength + 3) &^ 3
		got[fmt.Sprintf("%s %o", name, mode)] = b[start : start+size]
		at = (start + size + 3) &^ 3
	}
}

func TestInitramfs(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "program")
	if err := os.WriteFile(program, []byte("12345"), 0o600); err != nil {
		t.Fatal(err)
	}
	packed := filepath.Join(dir, "packed")
	if err := initramfs(packed, map[string]string{"/init": program}, map[string][]byte{"/etc/plan": []byte("p")}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(packed)
	if err != nil {
		t.Fatal(err)
	}
	got := entries(t, b)
	for name, want := range map[string]string{"init 100755": "12345", "etc/plan 100644": "p", "proc 40755": "", "dev 40755": ""} {
		if content, ok := got[name]; !ok || !bytes.Equal(content, []byte(want)) {
			t.Errorf("%s: %q, %v", name, content, ok)
		}
	}
	if err := initramfs(packed, map[string]string{"/init": program + "x"}, nil); err == nil {
		t.Error("a program that isn't there is packed")
	}
}

func TestSettingsAreThoseOfTheScripts(t *testing.T) {
	t.Chdir("../../../..")
	settings, files, err := Settings(t.Context(), 1_000_000, 16<<10)
	if err != nil {
		t.Fatal(err)
	}
	if files < 1_000_000 {
		t.Errorf("%d files", files)
	}
	want := map[string]string{"net.ipv4.tcp_mem": "524288 786432 1048576", "net.core.somaxconn": "65535"}
	for _, s := range settings {
		if w, ok := want[s.Key]; ok {
			delete(want, s.Key)
			if s.Value != w {
				t.Errorf("%s = %s, want %s", s.Key, s.Value, w)
			}
		}
	}
	if len(want) > 0 {
		t.Errorf("not set: %v", want)
	}
}
