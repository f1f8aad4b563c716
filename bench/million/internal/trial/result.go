package trial

import (
	"time"

	"pushd/bench/internal/host"
	"pushd/bench/internal/report"
)

// Schema is the version of the result file.
const Schema = 1

// Result is what a trial found. Sizes are bytes, times seconds; README.md
// beside the program describes every key.
type Result struct {
	Schema      int              `json:"schema"`
	Scenario    string           `json:"scenario"` // "million"
	Started     time.Time        `json:"started"`
	Seconds     float64          `json:"seconds"`
	OK          bool             `json:"ok"`
	Problems    report.Problems  `json:"problems"`
	Parameters  Config           `json:"parameters"`
	Versions    Versions         `json:"versions"`
	Environment host.Environment `json:"environment"`  // where the trial ran: inside the machine that was made for it, if any
	VM          *VM              `json:"vm,omitempty"` // that machine
	Connections Connections      `json:"connections"`
	Heartbeats  Heartbeats       `json:"heartbeats"`
	Singles     Singles          `json:"pushes_to_one_user"`
	Broadcasts  []Broadcast      `json:"broadcasts"`
	Memory      []Memory         `json:"memory"`
	Each        Each             `json:"each_connection"`
}

// Versions say what was run.
type Versions struct {
	Pushd  string `json:"pushd"`  // as `pushd version` prints it
	Commit string `json:"commit"` // of the source tree, with "+changes" when it had any
	Go     string `json:"go"`
}

// VM is the virtual machine that a trial ran in.
type VM struct {
	Host        host.Environment `json:"host"`
	Emulator    string           `json:"emulator"`    // its version line
	Accelerator string           `json:"accelerator"` // kvm, or tcg: software emulation
	KVM         string           `json:"kvm"`         // absent, used, or why it was not
	Package     string           `json:"kernel_package"`
	Arguments   []string         `json:"arguments"`
	Boot        float64          `json:"boot"` // from the start of the emulator to the guest's first word
	Seconds     float64          `json:"seconds"`
	CPUSeconds  float64          `json:"cpu_seconds"` // that the emulator used
}

// Connections counts what became of them.
type Connections struct {
	Wanted    int     `json:"wanted"`
	Ready     int64   `json:"ready"` // logged in
	Failed    int64   `json:"failed"`
	Lost      int64   `json:"lost"` // were logged in and ended
	Seconds   float64 `json:"seconds"`
	PerSecond float64 `json:"per_second"`
	// What the server's own GET /api/online says while all are connected.
	ServerConnections int64 `json:"server_connections"`
	ServerSessions    int64 `json:"server_sessions"`
	ServerUsers       int64 `json:"server_users"`
}

// Heartbeats counts them from the first login to the end.
type Heartbeats struct {
	Sent       int64 `json:"sent"`
	InHold     int64 `json:"sent_in_hold"` // while nothing else went on
	Unanswered int64 `json:"unanswered"`
}

// Singles are pushes to one user each, one after the other, from the post to
// the client that received it.
type Singles struct {
	Sent     int     `json:"sent"`
	Received int64   `json:"received"`
	Min      float64 `json:"min"`
	Median   float64 `json:"median"`
	P99      float64 `json:"p99"`
	Max      float64 `json:"max"`
}

// Broadcast is one message to all.
type Broadcast struct {
	Sessions  int64   `json:"sessions"` // queued for, by the server's answer
	Received  int64   `json:"received"` // by clients, each once
	Answered  float64 `json:"answered"` // from the post to the last server's answer
	First     float64 `json:"first"`    // to the first arrival
	Last      float64 `json:"last"`     // to the last
	PerSecond float64 `json:"per_second"`
}

// Each is what one connection cost, from the empty server to all connected.
type Each struct {
	ServerRSS     float64 `json:"server_rss"`         // as it stands
	ServerSettled float64 `json:"server_rss_settled"` // after everything, and two forced collections
	HeapObjects   float64 `json:"heap_objects"`
	Kernel        float64 `json:"kernel"` // slab, both ends of the connection
	ClientRSS     float64 `json:"client_rss"`
}

// WriteFile writes the result as JSON.
func (r *Result) WriteFile(name string) error { return report.WriteJSON(name, r) }
