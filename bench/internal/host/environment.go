package host

import (
	"os"
	"runtime"
	"strings"
)

// Environment is what a figure depends on and a reader must know.
type Environment struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Kernel string `json:"kernel"`
	OS     string `json:"os"`
	Arch   string `json:"arch"`
	Go     string `json:"go"` // of the load client
	Memory int64  `json:"memory_bytes"`
}

// Describe reads the machine's description; what it can't read is empty.
func Describe() Environment {
	return Environment{
		CPU:    field("/proc/cpuinfo", "model name"),
		Cores:  runtime.NumCPU(),
		Kernel: strings.TrimSpace(content("/proc/sys/kernel/osrelease")),
		OS:     strings.Trim(field("/etc/os-release", "PRETTY_NAME"), `"`),
		Arch:   runtime.GOARCH,
		Go:     runtime.Version(),
		Memory: kilobytes(field("/proc/meminfo", "MemTotal")),
	}
}

func content(file string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	return string(b)
}

// field is the value of the first line of file that starts with name.
func field(file, name string) string {
	for line := range strings.Lines(content(file)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			return strings.TrimSpace(strings.TrimLeft(rest, " \t:="))
		}
	}
	return ""
}

func kilobytes(s string) int64 {
	var n int64
	for _, c := range strings.TrimSuffix(s, " kB") {
		if c < '0' || c > '9' {
			return 0
		}
		n = n*10 + int64(c-'0')
	}
	return n << 10
}
