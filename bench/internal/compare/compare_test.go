package compare

import (
	"strings"
	"testing"

	"pushd/bench/internal/report"
)

func echoes(server string, perCPU float64) Run {
	return Run{"echo", &report.Result{Scenario: "echo", Server: server, OK: true, Messages: &report.Messages{PerCPUSecond: perCPU}}}
}

func TestMediansAndRatios(t *testing.T) {
	c := &Comparison{Servers: []string{"pushd", "gws", "absent"}, Runs: []Run{
		echoes("pushd", 300), echoes("gws", 100), echoes("pushd", 200), echoes("gws", 120), echoes("pushd", 1000), echoes("gws", 90), echoes("gws", 101),
	}}
	c.sumUp()
	f := c.Figures[0]
	if len(f.Values) != 2 || f.Values[0] != (Median{"pushd", 3, 300, 200, 1000, 1}) ||
		f.Values[1].Median != 100.5 || f.Values[1].Min != 90 || f.Values[1].Max != 120 {
		t.Errorf("%+v", f)
	}
	var text strings.Builder
	if err := c.Print(&text); err != nil {
		t.Fatal(err)
	}
	md := c.Markdown()
	for _, want := range []string{"| 300 (200 – 1000) |", "100 (90 – 120) ×2.99 |", "×: pushd divided by it"} {
		if !strings.Contains(md, want) {
			t.Errorf("no %q in\n%s", want, md)
		}
	}
	if !strings.Contains(text.String(), "100 (90 – 120)") || !c.OK() {
		t.Errorf("%s", &text)
	}
	c.Runs[1].OK = false
	if !c.OK() {
		t.Error("a peer's bad run is pushd's")
	}
	c.Runs[0].OK = false
	if c.OK() {
		t.Error("a bad run is good")
	}
}

func TestEveryCaseHasAFigureAndEveryFigureACase(t *testing.T) {
	figures := map[string]bool{}
	for _, q := range quantities {
		figures[q.from] = true
		if _, err := caseOf(q.from); err != nil {
			t.Errorf("%s: %v", q.name, err)
		}
	}
	for _, c := range cases {
		if !figures[c.Name] || len(c.arguments(true)) == 0 || len(c.arguments(false)) == 0 {
			t.Errorf("%+v", c)
		}
	}
	if _, err := Measure(t.Context(), Options{Servers: []string{"x"}, Rounds: 1, Cases: []string{"sing"}}); err == nil {
		t.Error("an unknown scenario is taken")
	}
	if _, err := Measure(t.Context(), Options{Rounds: 1}); err == nil {
		t.Error("no server is taken")
	}
}
