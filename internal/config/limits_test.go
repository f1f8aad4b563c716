package config

import "testing"

func TestConnectionLimit(t *testing.T) {
	files, err := OpenFiles()
	if err != nil || files < 1 {
		t.Fatalf("%d files, %v", files, err)
	}
	for _, c := range []struct{ set, files, want int }{
		{0, 20000, 19872},
		{0, 1024, 896},
		{0, 200, 100},
		{0, 64, 32},
		{7, 20000, 7},
		{20000, 20000, 19872},
	} {
		if got := (&Config{MaxConnections: c.set}).PollerOptions(c.files).MaxConnections; got != c.want {
			t.Errorf("%d with %d files: %d, want %d", c.set, c.files, got, c.want)
		}
	}
}
