package report_test

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"pushd/bench/internal/report"
)

func full() *report.Result {
	l := report.NewLatency()
	for i := range 1000 {
		l.Record(time.Duration(i+1) * time.Millisecond)
	}
	steps := []report.Step{
		{Connections: 1000, RSS: 1 << 20, RSSSettled: 1 << 19, HeapObjects: 9000},
		{Connections: 3000, RSS: 3 << 20, RSSSettled: 1 << 20, HeapObjects: 23000},
	}
	r := &report.Result{
		Schema: report.Schema, Scenario: "idle", Server: "pushd", Parameters: map[string]any{"connections": 3000.0},
		Messages: &report.Messages{PerCPUSecond: 1, Allocations: 1}, Latency: l.Percentiles(), Process: &report.Process{},
		Steps: steps, Slope: report.SlopeOf(steps),
	}
	r.Problems.Add(0, "nothing")
	r.Problems.Add(2, "lost in round %d", 3)
	r.Finish()
	return r
}

func TestEveryKeyOfTheResultIsDocumented(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	walked := map[reflect.Type]bool{} // what is described once isn't again
	var walk func(prefix string, typ reflect.Type)
	walk = func(prefix string, typ reflect.Type) {
		for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct || typ == reflect.TypeFor[time.Time]() || walked[typ] {
			return
		}
		walked[typ] = true
		for i := range typ.NumField() {
			f := typ.Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name == "" {
				t.Errorf("%s.%s has no JSON name", typ, f.Name)
			}
			if !strings.Contains(string(readme), "`"+prefix+name+"`") {
				t.Errorf("README.md doesn't describe `%s%s`", prefix, name)
			}
			walk(prefix+name+".", f.Type)
		}
	}
	walk("", reflect.TypeFor[report.Result]())
}

func TestResultSurvivesItsFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "r.json")
	want := full()
	if err := want.WriteFile(file); err != nil {
		t.Fatal(err)
	}
	got, err := report.ReadFile(file)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	if err := os.WriteFile(file, []byte(`{"schema":99}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := report.ReadFile(file); err == nil {
		t.Error("another schema is taken")
	}
}

func TestPercentiles(t *testing.T) {
	p := full().Latency
	near := func(name string, got, want int64) {
		if diff := got - want; diff < -want/500 || diff > want/500 {
			t.Errorf("%s is %d, want %d", name, got, want)
		}
	}
	near("p50", p.P50, 500_000)
	near("p99", p.P99, 990_000)
	near("max", p.Max, 1_000_000)
	near("min", p.Min, 1000)
	if p.Count != 1000 || p.Over != 0 {
		t.Errorf("%+v", p)
	}
	l := report.NewLatency()
	if l.Percentiles() != nil {
		t.Error("percentiles of nothing")
	}
	l.Record(time.Hour)
	l.Record(0)
	if p := l.Percentiles(); p.Over != 1 || p.Count != 2 || p.Min != 1 {
		t.Errorf("out of range: %+v", p)
	}
}

func TestSlopeAndProblems(t *testing.T) {
	r := full()
	if s := r.Slope; s.RSS != 1048.576 || s.HeapObjects != 7 {
		t.Errorf("%+v", s)
	}
	if r.OK || len(r.Problems) != 1 || r.Problems[0].What != "lost in round 3" {
		t.Errorf("%v %+v", r.OK, r.Problems)
	}
	if report.SlopeOf(r.Steps[:1]) != nil || report.SlopeOf([]report.Step{{}, {}}) != nil {
		t.Error("a slope through one point")
	}
}

func TestTableTellsWhatPeopleLookFor(t *testing.T) {
	var b bytes.Buffer
	if err := full().Print(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"idle on pushd", "99.9 %", "PROBLEM  lost in round 3 (2)", "1049", "7.00"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, &b)
		}
	}
}
