package metrics_test

import (
	"bytes"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"pushd/internal/metrics"
)

func text(t *testing.T, m *metrics.Metrics) string {
	t.Helper()
	var b bytes.Buffer
	contentType, err := m.WriteText(&b, "")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(contentType, "text/plain") {
		t.Fatalf("content type %q", contentType)
	}
	return b.String()
}

func wantLine(t *testing.T, got, line string) {
	t.Helper()
	for l := range strings.Lines(got) {
		if strings.TrimRight(l, "\n") == line {
			return
		}
	}
	t.Errorf("no line %q", line)
}

func TestExposition(t *testing.T) {
	m := metrics.New(2)
	m.Loop(0).Accepted.Add(3)
	m.Loop(1).BytesIn.Add(1 << 20)
	m.Loop(0).Connections.Add(2)
	m.Loop(1).Connections.Add(-1)
	m.Closed("slow_consumer")
	m.Refused("origin")
	m.Refused("origin")
	m.Fault("panic")
	m.Dropped("held_full")
	m.Request("robot", "Ping", 0)
	m.Request("robot", "Ping", 0)
	m.Request("unknown", "unknown", 404)
	m.HTTPRequest("admin", "POST", "/api/push", 200, 0.002)
	m.Gauge("pushd_sessions", "Sessions.", func() float64 { return 7 })
	m.Counter("pushd_dropped_total", "Dropped.", func() float64 { return 8 })

	got := text(t, m)
	for _, line := range []string{
		`pushd_connections_accepted_total{loop="0"} 3`,
		`pushd_connections_accepted_total{loop="1"} 0`,
		`pushd_received_bytes_total{loop="1"} 1.048576e+06`,
		`pushd_connections{loop="0"} 2`,
		`pushd_connections{loop="1"} -1`,
		`pushd_connections_closed_total{reason="slow_consumer"} 1`,
		`pushd_handshakes_refused_total{reason="origin"} 2`,
		`pushd_faults_total{kind="panic"} 1`,
		`pushd_push_dropped_total{reason="held_full"} 1`,
		`pushd_requests_total{action="Ping",code="0",module="robot"} 2`,
		`pushd_requests_total{action="unknown",code="404",module="unknown"} 1`,
		`pushd_http_request_duration_seconds_count{listener="admin",method="POST",route="/api/push",status="200"} 1`,
		`pushd_sessions 7`,
		`pushd_dropped_total 8`,
	} {
		wantLine(t, got, line)
	}
	for _, family := range []string{"go_goroutines", "process_open_fds", "pushd_build_info{"} {
		if !strings.Contains(got, family) {
			t.Errorf("no %s", family)
		}
	}
	if m.Connections() != 1 {
		t.Errorf("Connections() = %d, want 1", m.Connections())
	}
}

func TestOpenMetricsIsWrittenWhenAskedFor(t *testing.T) {
	var b bytes.Buffer
	contentType, err := metrics.New(1).WriteText(&b, "application/openmetrics-text;version=1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(contentType, "application/openmetrics-text") {
		t.Errorf("content type %q", contentType)
	}
	if !strings.HasSuffix(b.String(), "# EOF\n") {
		t.Error("the exposition does not end in # EOF")
	}
}

func TestLoopsShareNoCacheLine(t *testing.T) {
	const line = 128 // two lines, which x86 prefetches as a pair
	m := metrics.New(3)
	for i := range 2 {
		last := uintptr(unsafe.Pointer(&m.Loop(i).Connections)) + unsafe.Sizeof(m.Loop(i).Connections)
		next := uintptr(unsafe.Pointer(&m.Loop(i + 1).Accepted))
		if next-last < line {
			t.Errorf("loops %d and %d are %d bytes apart, want at least %d", i, i+1, next-last, line)
		}
	}
}

func TestRequestDoesNotRetainItsStrings(t *testing.T) {
	m := metrics.New(1)
	frame := []byte("robot")
	m.Request(unsafe.String(&frame[0], len(frame)), "Ping", 0)
	copy(frame, "XXXXX")
	m.Request("robot", "Ping", 0)
	wantLine(t, text(t, m), `pushd_requests_total{action="Ping",code="0",module="robot"} 2`)
}

func TestRequestSeriesAreBounded(t *testing.T) {
	m := metrics.New(1)
	const extra = 10
	for i := range 4096 + extra {
		m.Request("m", strconv.Itoa(i), 0)
	}
	wantLine(t, text(t, m), `pushd_requests_total{action="unknown",code="other",module="unknown"} `+strconv.Itoa(extra))
}

func TestRequestFromManyGoroutines(t *testing.T) {
	m := metrics.New(1)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 800 {
				m.Request("m", strconv.Itoa(i%16), 0)
			}
		})
	}
	wg.Wait()
	wantLine(t, text(t, m), `pushd_requests_total{action="3",code="0",module="m"} 400`)
}

func TestRequestAllocatesNothing(t *testing.T) {
	m := metrics.New(1)
	m.Request("robot", "HeartBeat", 0)
	if n := testing.AllocsPerRun(1000, func() { m.Request("robot", "HeartBeat", 0) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func BenchmarkRequest(b *testing.B) {
	m := metrics.New(1)
	b.ReportAllocs()
	for b.Loop() {
		m.Request("robot", "HeartBeat", 0)
	}
}
