package trial

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"pushd/bench/internal/host"
	"pushd/bench/internal/process"
)

// Memory is the machine's and the processes' at one moment.
type Memory struct {
	When        string  `json:"when"`
	After       float64 `json:"after"` // seconds from the start of the trial
	Connections int64   `json:"connections"`

	ServerRSS  int64 `json:"server_rss"`  // of all servers together
	ServerPeak int64 `json:"server_peak"` // VmHWM, summed
	ClientRSS  int64 `json:"client_rss"`

	Total     int64             `json:"total"` // /proc/meminfo
	Available int64             `json:"available"`
	Slab      int64             `json:"slab"`
	Sockstat  map[string]string `json:"sockstat"`        // /proc/net/sockstat, the line of each protocol
	TCPBuffer int64             `json:"tcp_buffer"`      // of sockstat, in bytes
	Slabs     []Slab            `json:"slabs,omitempty"` // the largest, where /proc/slabinfo can be read
	HeapInUse int64             `json:"heap_in_use"`     // of the servers, 0 where it was not asked for
	Objects   int64             `json:"heap_objects"`    // likewise
}

// Slab is one kind of kernel object.
type Slab struct {
	Name    string `json:"name"`
	Objects int64  `json:"objects"` // in use
	Size    int64  `json:"size"`    // of one
	Bytes   int64  `json:"bytes"`   // of all its pages
}

// slabsKept is how many of the largest slabs are told.
const slabsKept = 12

// look reads the memory as it stands.
func (t *trial) look(when string) (Memory, error) {
	m := Memory{When: when, After: time.Since(t.began).Seconds(), Connections: t.sum().Ready}
	for _, s := range t.servers {
		rss, peak, err := memoryOf(s.Process)
		if err != nil {
			return m, fmt.Errorf("server: %w", err)
		}
		m.ServerRSS += rss
		m.ServerPeak += peak
	}
	for _, c := range t.clients {
		rss, _, err := memoryOf(c.process)
		if err != nil {
			return m, fmt.Errorf("client: %w", err)
		}
		m.ClientRSS += rss
	}
	info, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return m, fmt.Errorf("memory: %w", err)
	}
	m.Total, m.Available, m.Slab = host.Bytes(info, "MemTotal"), host.Bytes(info, "MemAvailable"), host.Bytes(info, "Slab")
	if m.Sockstat, err = sockstat(); err != nil {
		return m, err
	}
	m.TCPBuffer = tcpBuffer(m.Sockstat["TCP"])
	// Only root may read it, and not every kernel has it; its sum is in meminfo all the same.
	if b, err := os.ReadFile("/proc/slabinfo"); err == nil {
		m.Slabs = largestSlabs(b)
	}
	return m, nil
}

// memoryOf is what a process has in memory now and had at most.
func memoryOf(p *process.Process) (rss, peak int64, err error) {
	figures := host.Process{PID: p.PID()}
	if rss, err = figures.RSS(); err != nil {
		return 0, 0, err
	}
	peak, err = figures.PeakRSS()
	return rss, peak, err
}

func sockstat() (map[string]string, error) {
	b, err := os.ReadFile("/proc/net/sockstat")
	if err != nil {
		return nil, fmt.Errorf("sockets: %w", err)
	}
	stat := map[string]string{}
	for line := range strings.Lines(string(b)) {
		if name, rest, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
			stat[name] = rest
		}
	}
	return stat, nil
}

// tcpBuffer is the figure after "mem", which counts pages.
func tcpBuffer(tcp string) int64 {
	fields := strings.Fields(tcp)
	for i, f := range fields[:max(len(fields)-1, 0)] {
		if f == "mem" {
			n, _ := strconv.ParseInt(fields[i+1], 10, 64)
			return n * int64(os.Getpagesize())
		}
	}
	return 0
}

func largestSlabs(b []byte) []Slab {
	byName := map[string]Slab{}
	lines := bufio.NewScanner(bytes.NewReader(b))
	for lines.Scan() {
		// name active_objs num_objs objsize objperslab pagesperslab : tunables … : slabdata active_slabs num_slabs …
		f := strings.Fields(lines.Text())
		if len(f) < 15 || strings.HasPrefix(f[0], "#") {
			continue
		}
		number := func(i int) int64 { n, _ := strconv.ParseInt(f[i], 10, 64); return n }
		byName[f[0]] = Slab{
			Name: f[0], Objects: number(1), Size: number(3),
			Bytes: number(5) * number(14) * int64(os.Getpagesize()),
		}
	}
	all := slices.Collect(maps.Values(byName))
	slices.SortFunc(all, func(a, b Slab) int { return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Name, b.Name)) })
	return all[:min(len(all), slabsKept)]
}
