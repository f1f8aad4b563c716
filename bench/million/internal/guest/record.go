package guest

import "pushd/bench/million/internal/trial"

// Files of the guest's first file system, which package vm packs.
const (
	Program  = "/init" // this program: the kernel starts it as process 1
	Pushd    = "/bin/pushd"
	PlanFile = "/etc/million.json"
)

// Plan is what the guest is to do.
type Plan struct {
	Trial  trial.Config `json:"trial"`
	Sysctl []Setting    `json:"sysctl"` // written before anything else
	Files  uint64       `json:"files"`  // descriptors that a process may open
}

// Setting is one kernel parameter.
type Setting struct{ Key, Value string }

// Record is one line of JSON that the guest says over its second serial line.
// Exactly one of its parts is set.
type Record struct {
	Hello    *Hello          `json:"hello,omitempty"`
	Progress *trial.Progress `json:"progress,omitempty"`
	Result   *trial.Result   `json:"result,omitempty"`
	Error    string          `json:"error,omitempty"`
}

// Hello is the guest's first word.
type Hello struct {
	Clock   string   `json:"clock"`   // the kernel's clock source
	Refused []string `json:"refused"` // settings that the kernel has not or did not take
}
