package report

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// Print writes the result for people.
func (r *Result) Print(w io.Writer) error {
	_, err := io.WriteString(w, r.text())
	return err
}

func (r *Result) text() string {
	var rows Rows
	line := rows.Add
	state := "complete"
	if r.Partial {
		state = "partial"
	}
	line("scenario", "%s on %s, %.1f s, %s", r.Scenario, r.Server, r.Seconds, state)
	c := r.Connections
	line("connections", "%d wanted, %d ready (%.0f/s), %d failed, %d lost, %d left", c.Wanted, c.Ready, c.PerSecond, c.Failed, c.Lost, c.Left)
	if c.Retries > 0 {
		line("retries", "%d", c.Retries)
	}
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
		if m.SystemCalls > 0 {
			line("server system calls", "%.3f for each message", m.SystemCalls)
		}
	}
	if p := r.Process; p != nil {
		line("server", "CPU %.2f s, RSS %s before, %s after, %s at most, %+.0f B/min; files %d before, %d after",
			p.CPUSeconds, bytesText(p.RSSBefore), bytesText(p.RSSAfter), bytesText(p.RSSMax), p.RSSPerMinute, p.FilesBefore, p.FilesAfter)
	}
	return Columns(rows) + r.Latency.text() + r.partsText() + r.stepsText() + r.Problems.Lines("")
}

func (p *Percentiles) text() string {
	if p == nil {
		return ""
	}
	us := func(n int64) string { return (time.Duration(n) * time.Microsecond).String() }
	return fmt.Sprintf("\nlatency of %d\n", p.Count) + Columns([][]string{
		{"  min", us(p.Min)},
		{"  mean", us(int64(p.Mean))},
		{"  50 %", us(p.P50)},
		{"  90 %", us(p.P90)},
		{"  99 %", us(p.P99)},
		{"  99.9 %", us(p.P999)},
		{"  99.99 %", us(p.P9999)},
		{"  max", us(p.Max)},
	})
}

func (r *Result) partsText() string {
	if len(r.Parts) == 0 {
		return ""
	}
	rows := [][]string{{"part", "sent", "received", "50 %", "99 %", "99.9 %", "max"}}
	for _, p := range r.Parts {
		row := []string{p.Name, fmt.Sprint(p.Sent), fmt.Sprint(p.Received)}
		if l := p.Latency; l != nil {
			for _, us := range []int64{l.P50, l.P99, l.P999, l.Max} {
				row = append(row, (time.Duration(us) * time.Microsecond).String())
			}
		}
		rows = append(rows, row)
	}
	return "\n" + Columns(rows)
}

func (r *Result) stepsText() string {
	if len(r.Steps) == 0 {
		return ""
	}
	rows := [][]string{{"connections", "RSS", "RSS settled", "RSS after traffic", "heap objects"}}
	for _, s := range r.Steps {
		rows = append(rows, []string{fmt.Sprint(s.Connections), fmt.Sprint(s.RSS), known(s.RSSSettled), known(s.RSSTraffic), known(s.HeapObjects)})
	}
	if s := r.Slope; s != nil {
		rows = append(rows, []string{"each", fmt.Sprintf("%.0f", s.RSS), knownFloat(s.RSSSettled, 0), knownFloat(s.RSSTraffic, 0), knownFloat(s.HeapObjects, 2)})
	}
	return "\n" + Columns(rows)
}

// Rows are the rows of a table that has a name and a sentence in each.
type Rows [][]string

// Add adds a row.
func (r *Rows) Add(name, format string, args ...any) {
	*r = append(*r, []string{name, fmt.Sprintf(format, args...)})
}

// Columns lays rows out in columns as wide as their widest cells.
func Columns(rows [][]string) string {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		for i, cell := range row {
			b.WriteString(cell)
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
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
