package compare

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"pushd/bench/internal/host"
	"pushd/bench/internal/report"
)

// Schema is the version of the comparison's file.
const Schema = 2

// Comparison is what a comparison found: every result, and figures over them.
type Comparison struct {
	Schema      int              `json:"schema"`
	Started     time.Time        `json:"started"`
	Environment host.Environment `json:"environment"`
	Servers     []string         `json:"servers"`
	ServerCPU   int              `json:"server_cpu"`
	ClientCPU   int              `json:"client_cpu"`
	Quick       bool             `json:"quick"` // too short to be true
	Figures     []Figure         `json:"figures"`
	Runs        []Run            `json:"results"`
}

// Figure is one quantity of all servers.
type Figure struct {
	Name   string   `json:"name"`
	Values []Median `json:"values"` // by server, in the comparison's order
}

// Median is one server's figure over the rounds.
type Median struct {
	Server string  `json:"server"`
	Rounds int     `json:"rounds"`
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	Ratio  float64 `json:"ratio"` // the first server's median divided by this one's
}

// Run is one result and the case it is of.
type Run struct {
	Case string `json:"case"`
	*report.Result
}

// quantity picks a figure from a case's results; ok is false when one has none.
type quantity struct {
	name   string
	from   string // the case
	digits int
	of     func(r *report.Result) (value float64, ok bool)
}

var quantities = []quantity{
	{"RSS bytes per idle connection, as it stands", "idle", 0, slope(func(s *report.Slope) float64 { return s.RSS })},
	{"RSS bytes per idle connection, settled", "idle", 0, slope(func(s *report.Slope) float64 { return s.RSSSettled })},
	{"RSS bytes per idle connection, after traffic", "idle", 0, slope(func(s *report.Slope) float64 { return s.RSSTraffic })},
	{"heap objects per idle connection", "idle", 2, slope(func(s *report.Slope) float64 { return s.HeapObjects })},
	{"echo, messages per server CPU-second", "echo", 0, perCPU},
	{"echo, system calls per message", "echo", 2, systemCalls},
	{"echo, allocations per message", "echo", 2, func(r *report.Result) (float64, bool) {
		if r.Messages == nil {
			return 0, false
		}
		return r.Messages.Allocations, true
	}},
	{"echo, p50 µs", "echo", 0, latency(func(p *report.Percentiles) int64 { return p.P50 })},
	{"echo, p99 µs", "echo", 0, latency(func(p *report.Percentiles) int64 { return p.P99 })},
	{"echo, p99.9 µs", "echo", 0, latency(func(p *report.Percentiles) int64 { return p.P999 })},
	{"fan-out, deliveries per server CPU-second", "fanout", 0, perCPU},
	{"fan-out, system calls per delivery", "fanout", 2, systemCalls},
	{"fan-out, 10 messages waiting, deliveries per server CPU-second", "burst", 0, perCPU},
	{"connections, with login where there is one, per server CPU-second", "churn", 0, func(r *report.Result) (float64, bool) {
		return r.Connections.PerCPUSecond, r.Connections.PerCPUSecond > 0
	}},
	{"echo at 2,000/s among 19,000, p99 µs", "disturbed", 0, part("requests alone")},
	{"the same while all get a broadcast each second, p99 µs", "disturbed", 0, part("requests")},
}

func systemCalls(r *report.Result) (float64, bool) {
	if r.Messages == nil {
		return 0, false
	}
	return r.Messages.SystemCalls, r.Messages.SystemCalls > 0
}

// part is the p99 of one part of a mixed run.
func part(name string) func(*report.Result) (float64, bool) {
	return func(r *report.Result) (float64, bool) {
		for _, p := range r.Parts {
			if p.Name == name && p.Latency != nil {
				return float64(p.Latency.P99), true
			}
		}
		return 0, false
	}
}

func perCPU(r *report.Result) (float64, bool) {
	if r.Messages == nil {
		return 0, false
	}
	return r.Messages.PerCPUSecond, r.Messages.PerCPUSecond > 0
}

func latency(of func(*report.Percentiles) int64) func(*report.Result) (float64, bool) {
	return func(r *report.Result) (float64, bool) {
		if r.Latency == nil {
			return 0, false
		}
		return float64(of(r.Latency)), true
	}
}

func slope(of func(*report.Slope) float64) func(*report.Result) (float64, bool) {
	return func(r *report.Result) (float64, bool) {
		if r.Slope == nil {
			return 0, false
		}
		return of(r.Slope), true
	}
}

// headline is what one line of progress says of a run.
func (r Run) headline() string {
	var parts []string
	for _, q := range quantities {
		if q.from == r.Case {
			if v, ok := q.of(r.Result); ok {
				parts = append(parts, fmt.Sprintf("%s: %.*f", q.name[strings.Index(q.name, ", ")+1:], q.digits, v))
			}
		}
	}
	for _, p := range r.Problems {
		parts = append(parts, "PROBLEM: "+p.String())
	}
	return strings.TrimSpace(strings.Join(parts, "; "))
}

// sumUp computes the figures from the results.
func (c *Comparison) sumUp() {
	for _, q := range quantities {
		f := Figure{Name: q.name}
		for _, name := range c.Servers {
			var values []float64
			for _, r := range c.Runs {
				if r.Server != name || r.Case != q.from {
					continue
				}
				if v, ok := q.of(r.Result); ok {
					values = append(values, v)
				}
			}
			if len(values) > 0 {
				f.Values = append(f.Values, medianOf(name, values))
			}
		}
		if len(f.Values) == 0 {
			continue
		}
		for i := range f.Values {
			if f.Values[0].Server == c.Servers[0] && f.Values[i].Median != 0 {
				f.Values[i].Ratio = f.Values[0].Median / f.Values[i].Median
			}
		}
		c.Figures = append(c.Figures, f)
	}
}

func medianOf(name string, values []float64) Median {
	slices.Sort(values)
	n := len(values)
	return Median{Server: name, Rounds: n, Median: (values[(n-1)/2] + values[n/2]) / 2, Min: values[0], Max: values[n-1]}
}

// OK tells whether every run of the first server was as it should be. What a
// peer did wrong is printed, but isn't this program's failure.
func (c *Comparison) OK() bool {
	for _, r := range c.Runs {
		if r.Server == c.Servers[0] && !r.OK {
			return false
		}
	}
	return true
}

// rows are the table's cells, the head first.
func (c *Comparison) rows() [][]string {
	rows := [][]string{append([]string{"median (smallest – largest) ×ratio"}, c.Servers...)}
	for _, f := range c.Figures {
		row := []string{f.Name}
		by := map[string]Median{}
		for _, v := range f.Values {
			by[v.Server] = v
		}
		for i, s := range c.Servers {
			cell := by[s].cell(digitsOf(f.Name))
			if i > 0 && by[s].Ratio != 0 {
				cell += fmt.Sprintf(" ×%.2f", by[s].Ratio)
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
	}
	return rows
}

func digitsOf(name string) int {
	for _, q := range quantities {
		if q.name == name {
			return q.digits
		}
	}
	return 0
}

func (m Median) cell(digits int) string {
	switch m.Rounds {
	case 0:
		return "–"
	case 1:
		return fmt.Sprintf("%.*f", digits, m.Median)
	}
	return fmt.Sprintf("%.*f (%.*f – %.*f)", digits, m.Median, digits, m.Min, digits, m.Max)
}

// Print writes the table for a terminal.
func (c *Comparison) Print(w io.Writer) error {
	text := report.Columns(c.rows())
	for _, r := range c.Runs {
		text += r.Problems.Lines(r.Case + " on " + r.Server + ": ")
	}
	_, err := io.WriteString(w, text)
	return err
}

// Markdown is the table with what a reader must know to believe it.
func (c *Comparison) Markdown() string {
	e := c.Environment
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s, %d processors, Linux %s, %s; server on processor %d, client on %d, in turns. ×: %s divided by it.\n",
		c.Started.Format("2006-01-02 15:04 MST"), e.CPU, e.Cores, e.Kernel, e.Go, c.ServerCPU, c.ClientCPU, c.Servers[0])
	if c.Quick {
		b.WriteString("\nA quick run: it shows that the comparison works, not what is true.\n")
	}
	b.WriteByte('\n')
	for i, row := range c.rows() {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			fmt.Fprintf(&b, "|%s\n", strings.Repeat("---|", len(row)))
		}
	}
	return b.String()
}

// WriteFiles writes name.json and name.md.
func (c *Comparison) WriteFiles(name string) error {
	if err := report.WriteJSON(name+".json", c); err != nil {
		return fmt.Errorf("comparison: %w", err)
	}
	if err := os.WriteFile(name+".md", []byte(c.Markdown()), 0o644); err != nil {
		return fmt.Errorf("comparison: %w", err)
	}
	return nil
}
