package events_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"pushd/internal/events"
	"pushd/internal/metrics"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Events of two services.
type (
	sent  struct{ text string }
	began struct{ user string }
)

var inline = events.Limit{Bound: "nothing waits", AtBound: "nothing happens"}

// house is a bus with its log and its metrics.
type house struct {
	*events.Bus
	t       *testing.T
	metrics *metrics.Metrics
	log     bytes.Buffer
}

func newHouse(t *testing.T) *house {
	h := &house{t: t, metrics: metrics.New(1)}
	h.Bus = events.New(h.metrics, slog.New(slog.NewTextHandler(&h.log, nil)))
	return h
}

func (h *house) shutdown() {
	h.t.Helper()
	if err := h.Shutdown(h.t.Context()); err != nil {
		h.t.Error(err)
	}
}

func (h *house) wantMetric(line string) {
	h.t.Helper()
	var text strings.Builder
	if _, err := h.metrics.WriteText(&text, ""); err != nil {
		h.t.Fatal(err)
	}
	if !strings.Contains(text.String(), line+"\n") {
		h.t.Errorf("no %s", line)
	}
}

// notes is what handlers heard.
type notes struct {
	mu    sync.Mutex
	lines []string
}

func (n *notes) add(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, fmt.Sprintf(format, args...))
}

func (n *notes) want(t *testing.T, want string) {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	if got := strings.Join(n.lines, ", "); got != want {
		t.Errorf("heard %q, want %q", got, want)
	}
	n.lines = nil
}

func (n *notes) sent(e sent)                           { n.add("sent %s", e.text) }
func (n *notes) began(e began)                         { n.add("began %s", e.user) }
func (n *notes) batch(_ context.Context, batch []sent) { n.add("%v", batch) }
func (n *notes) dropped(count int)                     { n.add("dropped %d", count) }
func (n *notes) panicky(e sent)                        { n.sent(e); panic("boom " + e.text) }
