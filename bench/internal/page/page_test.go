package page_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"pushd/bench/internal/page"
	"pushd/bench/internal/report"
)

func result(factor int64) *report.Result {
	l := report.NewLatency()
	for i := range int64(3000) {
		l.RecordAt(time.Duration(i)*time.Millisecond, time.Duration(i*factor)*time.Microsecond)
	}
	steps := []report.Step{{Connections: 10, RSS: 1 << 20, RSSSettled: 1 << 19, HeapObjects: 1}, {Connections: 50, RSS: 5 << 20, RSSSettled: 1 << 20, HeapObjects: 3}}
	r := &report.Result{
		Scenario: "mixed", Server: "<pushd>", Messages: &report.Messages{Received: 100 * factor, PerSecond: 10}, Latency: l.Percentiles(),
		Timeline: l.Timeline(), Steps: steps, Slope: report.SlopeOf(steps), Parts: []report.Part{{Name: "pushes", Latency: l.Percentiles()}},
	}
	r.Problems.Add(3, "5 < 6")
	r.Finish()
	return r
}

func write(t *testing.T, results ...page.Named) string {
	t.Helper()
	var b bytes.Buffer
	if err := page.Write(&b, results); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestPageShowsEverythingOfTwoResults(t *testing.T) {
	html := write(t, page.Named{Name: "a & b", Result: result(1)}, page.Named{Name: "after", Result: result(2)})
	for _, want := range []string{
		"Latency over time", "Latency by percentile", "Memory by connections", "a &amp; b, 99 %", "mixed on &lt;pushd&gt;",
		"5 &lt; 6 (3)", "<td>2.00</td>", "after, pushes", "99.99 %",
	} {
		if !strings.Contains(html, want) {
			t.Errorf("no %q", want)
		}
	}
	if strings.Contains(html, "NaN") || strings.Contains(html, "Inf") || strings.Contains(html, "<pushd>") {
		t.Error("a value without a place, or text that wasn't escaped")
	}
	for rest := html; ; {
		i := strings.Index(rest, "<svg")
		if i < 0 {
			break
		}
		end := strings.Index(rest, "</svg>") + len("</svg>")
		d := xml.NewDecoder(strings.NewReader(rest[i:end]))
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%v in %s", err, rest[i:end])
			}
		}
		rest = rest[end:]
	}
}

func TestPageOfLittle(t *testing.T) {
	html := write(t, page.Named{Name: "x", Result: &report.Result{Scenario: "idle", Server: "pushd"}})
	if strings.Contains(html, "<svg") {
		t.Error("a chart of nothing")
	}
	one := &report.Result{Timeline: []report.Point{{P50: 5, P99: 5}}, Steps: []report.Step{{Connections: 1}}}
	if html := write(t, page.Named{Name: "x", Result: one}); strings.Contains(html, "NaN") || strings.Count(html, "<svg") != 2 {
		t.Errorf("%s", html)
	}
	if page.Write(io.Discard, nil) == nil || page.Write(io.Discard, make([]page.Named, page.MaxResults+1)) == nil {
		t.Error("none, or too many, are taken")
	}
}
