package compare

import (
	"encoding/json"
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
const Schema = 1

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
	Results     []*report.Result `json:"results"`
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

// quantity picks a figure from a result; ok is false when the result has none.
type quantity struct {
	name     string
	scenario string
	digits   int
	of       func(r *report.Result) (value float64, ok bool)
}

var quantities = []quantity{
	{"echo, messages per server CPU-second", "echo", 0, perCPU},
	{"echo, p50 µs", "echo", 0, func(r *report.Result) (float64, bool) {
		return latency(r, func(p *report.Percentiles) int64 { return p.P50 })
	}},
	{"echo, p99 µs", "echo", 0, func(r *report.Result) (float64, bool) {
		return latency(r, func(p *report.Percentiles) int64 { return p.P99 })
	}},
	{"echo, allocations per message", "echo", 3, func(r *report.Result) (float64, bool) {
		if r.Messages == nil {
			return 0, false
		}
		return r.Messages.Allocations, true
	}},
	{"fan-out, deliveries per server CPU-second", "fanout", 0, perCPU},
	{"connections and logins per server CPU-second", "churn", 0, func(r *report.Result) (float64, bool) {
		return r.Connections.PerCPUSecond, r.Connections.PerCPUSecond > 0
	}},
	{"RSS bytes per idle connection", "idle", 0, slope(func(s *report.Slope) float64 { return s.RSS })},
	{"the same, settled", "idle", 0, slope(func(s *report.Slope) float64 { return s.RSSSettled })},
	{"heap objects per idle connection", "idle", 2, slope(func(s *report.Slope) float64 { return s.HeapObjects })},
}

func perCPU(r *report.Result) (float64, bool) {
	if r.Messages == nil {
		return 0, false
	}
	return r.Messages.PerCPUSecond, r.Messages.PerCPUSecond > 0
}

func latency(r *report.Result, of func(*report.Percentiles) int64) (float64, bool) {
	if r.Latency == nil {
		return 0, false
	}
	return float64(of(r.Latency)), true
}

func slope(of func(*report.Slope) float64) func(*report.Result) (float64, bool) {
	return func(r *report.Result) (float64, bool) {
		if r.Slope == nil {
			return 0, false
		}
		return of(r.Slope), true
	}
}

// headline is what one line of progress says of a result.
func headline(r *report.Result) string {
	var parts []string
	for _, q := range quantities {
		if q.scenario == r.Scenario {
			if v, ok := q.of(r); ok {
				parts = append(parts, fmt.Sprintf("%s: %.*f", q.name[strings.Index(q.name, ", ")+1:], q.digits, v))
			}
		}
	}
	for _, p := range r.Problems {
		parts = append(parts, fmt.Sprintf("PROBLEM: %s (%d)", p.What, p.Count))
	}
	return strings.TrimSpace(strings.Join(parts, "; "))
}

// sumUp computes the figures from the results.
func (c *Comparison) sumUp() {
	for _, q := range quantities {
		f := Figure{Name: q.name}
		for _, name := range c.Servers {
			var values []float64
			for _, r := range c.Results {
				if v, ok := q.of(r); ok && r.Server == name && r.Scenario == q.scenario {
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

// OK tells whether every run was as it should be.
func (c *Comparison) OK() bool {
	for _, r := range c.Results {
		if !r.OK {
			return false
		}
	}
	return true
}

// rows are the table's cells, the head first.
func (c *Comparison) rows() [][]string {
	head := []string{"median (smallest – largest)"}
	head = append(head, c.Servers...)
	for _, s := range c.Servers[1:] {
		head = append(head, c.Servers[0]+"/"+s)
	}
	rows := [][]string{head}
	for _, f := range c.Figures {
		row := []string{f.Name}
		by := map[string]Median{}
		for _, v := range f.Values {
			by[v.Server] = v
		}
		for _, s := range c.Servers {
			row = append(row, by[s].cell(digitsOf(f.Name)))
		}
		for _, s := range c.Servers[1:] {
			row = append(row, ratioCell(by[s]))
		}
		rows = append(rows, row)
	}
	return rows
}

func ratioCell(m Median) string {
	if m.Ratio == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", m.Ratio)
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
	for _, r := range c.Results {
		for _, p := range r.Problems {
			text += fmt.Sprintf("PROBLEM  %s on %s: %s (%d)\n", r.Scenario, r.Server, p.What, p.Count)
		}
	}
	_, err := io.WriteString(w, text)
	return err
}

// Markdown is the table with what a reader must know to believe it.
func (c *Comparison) Markdown() string {
	e := c.Environment
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s, %d processors, Linux %s, %s; server on processor %d, client on %d, in turns.\n",
		c.Started.Format("2006-01-02 15:04 MST"), e.CPU, e.Cores, e.Kernel, e.Go, c.ServerCPU, c.ClientCPU)
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
	b, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return fmt.Errorf("encode comparison: %w", err)
	}
	if err := os.WriteFile(name+".json", append(b, '\n'), 0o644); err != nil {
		return fmt.Errorf("write comparison: %w", err)
	}
	if err := os.WriteFile(name+".md", []byte(c.Markdown()), 0o644); err != nil {
		return fmt.Errorf("write comparison: %w", err)
	}
	return nil
}
