// Package report holds what a run found: the result's shape, which is a file
// format others read, latency percentiles, and the table people read. It
// measures nothing itself.
package report

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"pushd/bench/internal/host"
)

// Schema is the version of the result file. It grows when a key changes its
// meaning or goes away; new keys don't change it.
const Schema = 1

// ExitNotOK is the exit status of a client whose run was made but wasn't good.
const ExitNotOK = 2

// Result is one run of one scenario. README.md describes every key.
type Result struct {
	Schema      int              `json:"schema"`
	Scenario    string           `json:"scenario"`
	Server      string           `json:"server"` // what was measured, as --label named it
	Started     time.Time        `json:"started"`
	Seconds     float64          `json:"seconds"` // the measured part
	OK          bool             `json:"ok"`
	Partial     bool             `json:"partial"` // interrupted before its end
	Problems    Problems         `json:"problems"`
	Parameters  map[string]any   `json:"parameters"`
	Environment host.Environment `json:"environment"`
	Connections Connections      `json:"connections"`
	Messages    *Messages        `json:"messages,omitempty"`
	Latency     *Percentiles     `json:"latency,omitempty"`
	Timeline    []Point          `json:"timeline,omitempty"`
	Parts       []Part           `json:"parts,omitempty"`
	Process     *Process         `json:"server_process,omitempty"`
	Steps       []Step           `json:"steps,omitempty"`
	Slope       *Slope           `json:"slope,omitempty"`
}

// Connections counts what became of them.
type Connections struct {
	Wanted       int     `json:"wanted"`
	Opened       int64   `json:"opened"`                   // opening handshakes completed
	Ready        int64   `json:"ready"`                    // logged in, or open with --bare
	Failed       int64   `json:"failed"`                   // never became ready
	Lost         int64   `json:"lost"`                     // became ready and ended, but not by us
	Left         int64   `json:"left"`                     // closed by us
	PerSecond    float64 `json:"per_second"`               // that became ready, while connecting
	PerCPUSecond float64 `json:"per_cpu_second,omitempty"` // the same for the server's processor time
	Heartbeats   int64   `json:"heartbeats"`
	Unanswered   int64   `json:"heartbeats_unanswered"`
	Retries      int64   `json:"retries,omitempty"` // attempts that failed and were made again
}

// Messages counts deliveries in the measured part.
type Messages struct {
	Sent         int64   `json:"sent"`
	Expected     int64   `json:"expected"`
	Received     int64   `json:"received"`
	Lost         int64   `json:"lost"`
	Duplicates   int64   `json:"duplicates"`
	Misplaced    int64   `json:"misplaced"` // out of order, or for somebody else
	PerSecond    float64 `json:"per_second"`
	PerCPUSecond float64 `json:"per_cpu_second,omitempty"` // of the server's processor time
	Allocations  float64 `json:"allocations,omitempty"`    // the server's, for each message
	SystemCalls  float64 `json:"system_calls,omitempty"`   // all of the server's, for each message
}

// Part is one kind of message, or one phase, of a scenario that has several.
type Part struct {
	Name     string       `json:"name"`
	Sent     int64        `json:"sent"`
	Received int64        `json:"received"`
	Latency  *Percentiles `json:"latency,omitempty"`
}

// Process is the server's use of the machine in the measured part.
type Process struct {
	PID          int     `json:"pid"`
	CPUSeconds   float64 `json:"cpu_seconds"`
	RSSBefore    int64   `json:"rss_before"`
	RSSAfter     int64   `json:"rss_after"`
	RSSMax       int64   `json:"rss_max"`
	RSSPerMinute float64 `json:"rss_per_minute"`         // slope of a line through one sample a second
	SystemCalls  int64   `json:"system_calls,omitempty"` // where they can be counted
	FilesBefore  int     `json:"files_before"`           // descriptors before the first connection
	FilesAfter   int     `json:"files_after"`            // and when all have left
}

// Step is the server's memory at one count of connections.
type Step struct {
	Connections int   `json:"connections"`
	RSS         int64 `json:"rss"`                    // as it stands, after the settling time
	RSSSettled  int64 `json:"rss_settled,omitempty"`  // after forced collections
	HeapObjects int64 `json:"heap_objects,omitempty"` // after forced collections
	RSSTraffic  int64 `json:"rss_traffic,omitempty"`  // after some traffic, once settled
	HeapInUse   int64 `json:"heap_in_use,omitempty"`
	StackInUse  int64 `json:"stack_in_use,omitempty"`
}

// Slope is what one connection costs, from the first to the last step.
type Slope struct {
	RSS         float64 `json:"rss"`
	RSSSettled  float64 `json:"rss_settled,omitempty"`
	RSSTraffic  float64 `json:"rss_traffic,omitempty"` // as it stands after some traffic
	HeapObjects float64 `json:"heap_objects,omitempty"`
}

// SlopeOf is nil when the steps don't differ.
func SlopeOf(steps []Step) *Slope {
	if len(steps) < 2 {
		return nil
	}
	a, b := steps[0], steps[len(steps)-1]
	n := float64(b.Connections - a.Connections)
	if n == 0 {
		return nil
	}
	s := &Slope{RSS: float64(b.RSS-a.RSS) / n}
	if a.HeapObjects != 0 && b.HeapObjects != 0 {
		s.RSSSettled = float64(b.RSSSettled-a.RSSSettled) / n
		s.HeapObjects = float64(b.HeapObjects-a.HeapObjects) / n
		if b.RSSTraffic != 0 {
			// Only the last step has traffic: what that added, on top of the slope without.
			s.RSSTraffic = s.RSSSettled + float64(b.RSSTraffic-b.RSSSettled)/float64(b.Connections)
		}
	}
	return s
}

// Finish decides whether the run was good. Call it once, when all is counted.
func (r *Result) Finish() { r.OK = r.Problems.Finish() }

// WriteFile writes the result as JSON.
func (r *Result) WriteFile(name string) error { return WriteJSON(name, r) }

// WriteJSON writes what a run found to a file, for people too.
func WriteJSON(name string, result any) error {
	b, err := json.MarshalIndent(result, "", "  ")
	if err != nil {
		return fmt.Errorf("encode result: %w", err)
	}
	if err := os.WriteFile(name, append(b, '\n'), 0o644); err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	return nil
}

// ReadFile reads a result that WriteFile wrote.
func ReadFile(name string) (*Result, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read result: %w", err)
	}
	var r Result
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("read result %s: %w", name, err)
	}
	if r.Schema != Schema {
		return nil, fmt.Errorf("read result %s: schema %d, this program reads %d", name, r.Schema, Schema)
	}
	return &r, nil
}
