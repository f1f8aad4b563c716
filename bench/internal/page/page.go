package page

import (
	"fmt"
	"html/template"
	"io"
	"math"
	"time"

	"pushd/bench/internal/report"
)

// Named is a result and what it is called on the page.
type Named struct {
	Name string
	*report.Result
}

// colors tell results apart, also for who can't tell red from green.
var colors = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"}

// MaxResults is how many a page can tell apart.
const MaxResults = 6

// Write writes the page of one result, or of several side by side.
func Write(w io.Writer, results []Named) error {
	if len(results) == 0 || len(results) > MaxResults {
		return fmt.Errorf("%d results: a page shows 1 to %d", len(results), MaxResults)
	}
	var charts []template.HTML
	for _, c := range []chart{overTime(results), percentiles(results), memory(results)} {
		if svg := c.svg(); svg != "" {
			charts = append(charts, svg)
		}
	}
	if err := document.Execute(w, map[string]any{"Results": results, "Rows": rows(results), "Charts": charts}); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	return nil
}

func overTime(results []Named) chart {
	c := chart{title: "Latency over time", x: axis{label: "seconds"}, y: axis{label: "µs", log: true}}
	for i, r := range results {
		var p50, p99 []point
		for _, p := range r.Timeline {
			p50, p99 = append(p50, point{p.At, float64(p.P50)}), append(p99, point{p.At, float64(p.P99)})
		}
		if len(p50) > 0 {
			c.series = append(c.series, series{r.Name + ", 99 %", colors[i], false, p99}, series{r.Name + ", 50 %", colors[i], true, p50})
		}
	}
	return c
}

// percentiles stretches the tail: each step to the right is a tenth of what is left.
func percentiles(results []Named) chart {
	nines := func(percent float64) float64 { return -math.Log10(1 - percent/100) }
	c := chart{title: "Latency by percentile", x: axis{label: "of all took at most"}, y: axis{label: "µs", log: true}}
	for _, p := range []struct {
		percent float64
		text    string
	}{{0, "0"}, {50, "50 %"}, {90, "90 %"}, {99, "99 %"}, {99.9, "99.9 %"}, {99.99, "99.99 %"}, {99.999, "99.999 %"}} {
		c.x.ticks = append(c.x.ticks, tick{nines(p.percent), p.text})
	}
	for i, r := range results {
		add := func(name string, l *report.Percentiles, dashed bool) {
			if l == nil {
				return
			}
			var points []point
			for _, s := range l.Curve {
				if s.Percent < 100 { // the longest has no place on this axis
					points = append(points, point{nines(s.Percent), float64(s.Micros)})
				}
			}
			c.series = append(c.series, series{name, colors[(i+len(c.series))%len(colors)], dashed, points})
		}
		add(r.Name, r.Latency, false)
		for _, p := range r.Parts {
			add(r.Name+", "+p.Name, p.Latency, p.Name != "requests")
		}
	}
	return c
}

func memory(results []Named) chart {
	c := chart{title: "Memory by connections", x: axis{label: "connections"}, y: axis{label: "MiB of RSS"}}
	mib := func(n int64) float64 { return float64(n) / (1 << 20) }
	for i, r := range results {
		var stands, settled []point
		for _, s := range r.Steps {
			x := float64(s.Connections)
			stands = append(stands, point{x, mib(s.RSS)})
			if s.RSSSettled > 0 {
				settled = append(settled, point{x, mib(s.RSSSettled)})
			}
		}
		if len(stands) > 0 {
			c.series = append(c.series, series{r.Name + ", as it stands", colors[i], false, stands})
		}
		if len(settled) > 0 {
			c.series = append(c.series, series{r.Name + ", settled", colors[i], true, settled})
		}
	}
	return c
}

// row is one figure of all results; Cells are empty where one has none.
type row struct {
	Name  string
	Cells []string
	Ratio string // the second divided by the first, of two
}

func rows(results []Named) []row {
	var out []row
	number := func(name, format string, of func(r *report.Result) float64) {
		line := row{Name: name}
		var values []float64
		for _, r := range results {
			v := of(r.Result)
			values = append(values, v)
			if v == 0 {
				line.Cells = append(line.Cells, "")
			} else {
				line.Cells = append(line.Cells, fmt.Sprintf(format, v))
			}
		}
		if len(values) == 2 && values[0] != 0 && values[1] != 0 {
			line.Ratio = fmt.Sprintf("%.2f", values[1]/values[0])
		}
		for _, v := range values {
			if v != 0 {
				out = append(out, line)
				return
			}
		}
	}
	text := func(name string, of func(r *report.Result) string) {
		line := row{Name: name}
		for _, r := range results {
			line.Cells = append(line.Cells, of(r.Result))
		}
		out = append(out, line)
	}
	text("scenario", func(r *report.Result) string { return r.Scenario + " on " + r.Server })
	text("started", func(r *report.Result) string { return r.Started.Format(time.DateTime + " MST") })
	text("machine", func(r *report.Result) string {
		return fmt.Sprintf("%s, %d processors, Linux %s, %s", r.Environment.CPU, r.Environment.Cores, r.Environment.Kernel, r.Environment.Go)
	})
	number("seconds measured", "%.1f", func(r *report.Result) float64 { return r.Seconds })
	number("connections ready", "%.0f", func(r *report.Result) float64 { return float64(r.Connections.Ready) })
	number("lost", "%.0f", func(r *report.Result) float64 { return float64(r.Connections.Lost) })
	number("connections per server CPU-second", "%.0f", func(r *report.Result) float64 { return r.Connections.PerCPUSecond })
	messages := func(of func(m *report.Messages) float64) func(*report.Result) float64 {
		return func(r *report.Result) float64 {
			if r.Messages == nil {
				return 0
			}
			return of(r.Messages)
		}
	}
	number("messages received", "%.0f", messages(func(m *report.Messages) float64 { return float64(m.Received) }))
	number("messages lost", "%.0f", messages(func(m *report.Messages) float64 { return float64(m.Lost) }))
	number("messages per second", "%.0f", messages(func(m *report.Messages) float64 { return m.PerSecond }))
	number("messages per server CPU-second", "%.0f", messages(func(m *report.Messages) float64 { return m.PerCPUSecond }))
	number("system calls per message", "%.3f", messages(func(m *report.Messages) float64 { return m.SystemCalls }))
	number("allocations per message", "%.3f", messages(func(m *report.Messages) float64 { return m.Allocations }))
	for _, p := range []struct {
		name string
		of   func(*report.Percentiles) int64
	}{
		{"p50, µs", func(l *report.Percentiles) int64 { return l.P50 }},
		{"p99, µs", func(l *report.Percentiles) int64 { return l.P99 }},
		{"p99.9, µs", func(l *report.Percentiles) int64 { return l.P999 }},
		{"longest, µs", func(l *report.Percentiles) int64 { return l.Max }},
	} {
		number(p.name, "%.0f", func(r *report.Result) float64 {
			if r.Latency == nil {
				return 0
			}
			return float64(p.of(r.Latency))
		})
	}
	each := func(of func(s *report.Slope) float64) func(*report.Result) float64 {
		return func(r *report.Result) float64 {
			if r.Slope == nil {
				return 0
			}
			return of(r.Slope)
		}
	}
	number("RSS bytes per connection", "%.0f", each(func(s *report.Slope) float64 { return s.RSS }))
	number("the same, settled", "%.0f", each(func(s *report.Slope) float64 { return s.RSSSettled }))
	number("the same, after traffic", "%.0f", each(func(s *report.Slope) float64 { return s.RSSTraffic }))
	number("heap objects per connection", "%.2f", each(func(s *report.Slope) float64 { return s.HeapObjects }))
	return out
}

var document = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>pushbench: {{range $i, $r := .Results}}{{if $i}}, {{end}}{{$r.Name}}{{end}}</title>
<style>
body{font:15px/1.5 system-ui,sans-serif;max-width:1000px;margin:2em auto;padding:0 1em;color:#222;background:#fff}
table{border-collapse:collapse}td,th{padding:.2em .9em;border-bottom:1px solid #ddd;text-align:right}td:first-child,th:first-child{text-align:left}
svg{max-width:760px;width:100%;display:block;margin-top:1.5em;font:12px system-ui,sans-serif}.title{font-size:15px;font-weight:600}.grid{stroke:#ddd}
.legend{margin:.1em 0 0 72px;font-size:13px}.legend i{display:inline-block;width:24px;margin-right:5px;vertical-align:middle}.legend span{margin-right:1.2em}
.bad{color:#b00}
</style>
<h1>pushbench</h1>
<table><tr><th></th>{{range .Results}}<th>{{.Name}}</th>{{end}}{{if eq (len .Results) 2}}<th>second / first</th>{{end}}</tr>
{{range .Rows}}<tr><td>{{.Name}}</td>{{range .Cells}}<td>{{.}}</td>{{end}}<td>{{.Ratio}}</td></tr>
{{end}}</table>
{{range .Results}}{{$name := .Name}}{{if .Partial}}<p class="bad">{{$name}}: interrupted before its end</p>{{end}}{{range .Problems}}<p class="bad">{{$name}}: {{.What}} ({{.Count}})</p>
{{end}}{{end}}
{{range .Charts}}{{.}}
{{end}}</html>
`))
