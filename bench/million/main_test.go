package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"pushd/bench/million/internal/trial"
)

// run makes a trial at the top of the source tree and returns its result.
func run(t *testing.T, args ...string) *trial.Result {
	t.Helper()
	t.Chdir("../..")
	output := filepath.Join(t.TempDir(), "result")
	cmd := command()
	cmd.SetArgs(append(args, "--output", output))
	if err := cmd.ExecuteContext(t.Context()); err != nil {
		b, _ := os.ReadFile(output + ".log")
		console, _ := os.ReadFile(output + ".console.log")
		t.Fatalf("%v\n%s\n%s", err, b, console)
	}
	b, err := os.ReadFile(output + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var r trial.Result
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	return &r
}

func check(t *testing.T, r *trial.Result, connections int) {
	t.Helper()
	n := int64(connections)
	c := r.Connections
	if !r.OK || c.Ready != n || c.ServerSessions != n || c.ServerUsers != n || c.Lost != 0 {
		t.Errorf("connections: %+v, problems: %+v", c, r.Problems)
	}
	if len(r.Broadcasts) != 1 || r.Broadcasts[0].Received != n || r.Broadcasts[0].Sessions != n {
		t.Errorf("broadcasts: %+v", r.Broadcasts)
	}
	if r.Singles.Sent != 20 || r.Singles.Received != 20 {
		t.Errorf("pushes to one user: %+v", r.Singles)
	}
	if r.Heartbeats.Sent == 0 || r.Heartbeats.Unanswered != 0 {
		t.Errorf("heartbeats: %+v", r.Heartbeats)
	}
	last := r.Memory[len(r.Memory)-1]
	if last.When != "settled" || last.ServerRSS == 0 || last.ClientRSS == 0 || last.Slab == 0 || last.Objects == 0 || last.Sockstat["TCP"] == "" {
		t.Errorf("memory: %+v", last)
	}
}

func TestManyProcesses(t *testing.T) {
	r := run(t, "many", "-n", "300", "--each", "110", "--hold", "3s", "--heartbeat", "20s", "--pushes", "20", "--dir", t.TempDir())
	check(t, r, 300)
	if r.Parameters.Servers != 3 || r.VM != nil {
		t.Errorf("%+v, %+v", r.Parameters, r.VM)
	}
}

func TestWrongNumbersAreRefused(t *testing.T) {
	t.Chdir("../..")
	for _, args := range [][]string{
		{"many", "-n", "0"},
		{"many", "--each", "-1"},
		{"many", "-n", "10", "--each", "5", "--broadcasts", "99"},
		{"many", "-n", "10", "--beats", "0"},
		{"many", "-n", "10", "--deadline", "0s"},
	} {
		cmd := command()
		cmd.SetArgs(append(args, "--dir", t.TempDir(), "--output", filepath.Join(t.TempDir(), "x")))
		if err := cmd.ExecuteContext(t.Context()); err == nil {
			t.Errorf("%v is taken", args)
		}
	}
}
