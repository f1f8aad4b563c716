package trial

import (
	"fmt"
	"strings"

	"pushd/bench/internal/report"
)

// Text is the result for people.
func (r *Result) Text() string {
	var rows report.Rows
	line := rows.Add
	c := r.Connections
	line("connections", "%d of %d logged in to %d server process(es), %.0f/s in %.0f s; %d failed, %d lost",
		c.Ready, c.Wanted, r.Parameters.Servers, c.PerSecond, c.Seconds, c.Failed, c.Lost)
	line("server counts", "%d connections, %d sessions, %d users", c.ServerConnections, c.ServerSessions, c.ServerUsers)
	line("heartbeats", "%d sent, %d unanswered", r.Heartbeats.Sent, r.Heartbeats.Unanswered)
	s := r.Singles
	line("pushes to one user", "%d of %d received; median %.1f ms, p99 %.1f ms, longest %.1f ms", s.Received, s.Sent, s.Median*1e3, s.P99*1e3, s.Max*1e3)
	for i, d := range r.Broadcasts {
		line(fmt.Sprintf("broadcast %d", i+1), "%d of %d received in %.1f s (%.0f/s), the first after %.1f ms", d.Received, c.Ready, d.Last, d.PerSecond, d.First*1e3)
	}
	line("each connection", "server RSS %.0f B, settled %.0f B with %.2f heap objects; kernel %.0f B for both ends; client RSS %.0f B",
		r.Each.ServerRSS, r.Each.ServerSettled, r.Each.HeapObjects, r.Each.Kernel, r.Each.ClientRSS)
	if v := r.VM; v != nil {
		line("machine", "%s, %s (kvm: %s), up after %.1f s; %s; %.0f s of processor time in %.0f s",
			v.Emulator, v.Accelerator, v.KVM, v.Boot, v.Package, v.CPUSeconds, v.Seconds)
	}
	return strings.TrimSuffix(report.Columns(rows)+"\n"+memoryText(r.Memory)+r.Problems.Lines(""), "\n")
}

// memoryText is one row for each moment at which memory was looked at.
func memoryText(moments []Memory) string {
	mib := func(n int64) string { return fmt.Sprintf("%.1f", float64(n)/(1<<20)) }
	rows := [][]string{{"memory, MiB", "connections", "servers", "peak", "clients", "slab", "available"}}
	for _, m := range moments {
		rows = append(rows, []string{
			m.When, fmt.Sprint(m.Connections), mib(m.ServerRSS), mib(m.ServerPeak), mib(m.ClientRSS), mib(m.Slab), mib(m.Available),
		})
	}
	return report.Columns(rows)
}
