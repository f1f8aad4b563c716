package report

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// Print writes the result for people.
func (r *Result) Print(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(t, "%s\t"+format+"\n", append([]any{name}, args...)...)
	}
	state := "complete"
	if r.Partial {
		state = "partial"
	}
	line("scenario", "%s on %s, %.1f s, %s", r.Scenario, r.Server, r.Seconds, state)
	c := r.Connections
	line("connections", "%d wanted, %d ready (%.0f/s), %d failed, %d lost, %d left", c.Wanted, c.Ready, c.PerSecond, c.Failed, c.Lost, c.Left)
	if c.PerCPUSecond > 0 {
		line("per server CPU-second", "%.0f connections", c.PerCPUSecond)
	}
	if c.Heartbeats > 0 {
		line("heartbeats", "%d sent, %d unanswered", c.Heartbeats, c.Unanswered)
	}
	if m := r.Messages; m != nil {
		line("messages", "%d of %d received, %d lost, %d duplicate, %d misplaced", m.Received, m.Expected, m.Lost, m.Duplicates, m.Misplaced)
		if m.PerSecond > 0 {
			line("per second", "%.0f", m.PerSecond)
		}
		if m.PerCPUSecond > 0 {
			line("per server CPU-second", "%.0f", m.PerCPUSecond)
		}
		if m.Allocations > 0 {
			line("server allocations", "%.3f for each message", m.Allocations)
		}
	}
	if p := r.Process; p != nil {
		line("server", "CPU %.2f s, RSS %s before, %s after, %s at most, %+.0f B/min; files %d before, %d after",
			p.CPUSeconds, bytesText(p.RSSBefore), bytesText(p.RSSAfter), bytesText(p.RSSMax), p.RSSPerMinute, p.FilesBefore, p.FilesAfter)
	}
	t.Flush()
	r.Latency.print(w)
	r.printSteps(w)
	for _, p := range r.Problems {
		fmt.Fprintf(w, "PROBLEM  %s (%d)\n", p.What, p.Count)
	}
}

func (p *Percentiles) print(w io.Writer) {
	if p == nil {
		return
	}
	fmt.Fprintf(w, "\nlatency of %d\n", p.Count)
	for _, row := range []struct {
		name string
		us   int64
	}{{"min", p.Min}, {"50 %", p.P50}, {"90 %", p.P90}, {"99 %", p.P99}, {"99.9 %", p.P999}, {"99.99 %", p.P9999}, {"max", p.Max}} {
		fmt.Fprintf(w, "  %8s  %12s\n", row.name, time.Duration(row.us)*time.Microsecond)
	}
	fmt.Fprintf(w, "  %8s  %12s\n", "mean", time.Duration(p.Mean*float64(time.Microsecond)).Round(time.Microsecond))
}

func (r *Result) printSteps(w io.Writer) {
	if len(r.Steps) == 0 {
		return
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "connections\tRSS\tRSS settled\theap objects\t")
	for _, s := range r.Steps {
		fmt.Fprintf(t, "%d\t%d\t%s\t%s\t\n", s.Connections, s.RSS, known(s.RSSSettled), known(s.HeapObjects))
	}
	if s := r.Slope; s != nil {
		fmt.Fprintf(t, "each\t%.0f\t%s\t%s\t\n", s.RSS, knownFloat(s.RSSSettled, 0), knownFloat(s.HeapObjects, 2))
	}
	t.Flush()
}

func known(n int64) string {
	if n == 0 {
		return "–"
	}
	return fmt.Sprint(n)
}

func knownFloat(x float64, digits int) string {
	if x == 0 {
		return "–"
	}
	return fmt.Sprintf("%.*f", digits, x)
}

func bytesText(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }
