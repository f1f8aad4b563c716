package host

import (
	"os"
	"runtime"
	"strconv"
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
		CPU:    field(content("/proc/cpuinfo"), "model name"),
		Cores:  runtime.NumCPU(),
		Kernel: strings.TrimSpace(content("/proc/sys/kernel/osrelease")),
		OS:     strings.Trim(field(content("/etc/os-release"), "PRETTY_NAME"), `"`),
		Arch:   runtime.GOARCH,
		Go:     runtime.Version(),
		Memory: Bytes([]byte(content("/proc/meminfo")), "MemTotal"),
	}
}

func content(file string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	return string(b)
}

// field is the value of the first line of text that starts with name.
func field(text, name string) string {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			return strings.TrimSpace(strings.TrimLeft(rest, " \t:="))
		}
	}
	return ""
}

// Bytes finds the line "name:  123 kB" in a text of /proc and returns it as
// bytes, or 0 when there is none.
func Bytes(text []byte, name string) int64 {
	n, err := strconv.ParseInt(strings.TrimSuffix(field(string(text), name+":"), " kB"), 10, 64)
	if err != nil {
		return 0 // what can't be read is not known
	}
	return n << 10
}
