package gateway_test

import (
	"os"
	"strings"
	"testing"

	"pushd/internal/gateway"
)

// TestExampleModule runs the module that docs/modules.md shows.
func TestExampleModule(t *testing.T) {
	n := start(t, setup{modules: []gateway.Module{Module}})
	alice, bob := n.login("alice", "web"), n.login("bob", "web")
	bob.ok("topic", "Subscribe", `{"topic":"poll"}`)
	alice.refused(400, "poll", "Vote", `{}`)
	n.dial().refused(401, "poll", "Vote", `{"yes":true}`)
	if r := alice.ok("poll", "Vote", `{"yes":true}`); r["yes"] != 1.0 {
		t.Error(r)
	}
	if r := bob.pushed("push", "Message"); r["yes"] != 1.0 || r["no"] != 0.0 {
		t.Error(r)
	}
	alice.ok("poll", "Vote", `{"yes":false}`)
	if r := bob.ok("poll", "Result", ""); r["yes"] != 0.0 || r["no"] != 1.0 {
		t.Error(r)
	}
}

// TestModulesPage holds docs/modules.md to the module that is compiled here.
func TestModulesPage(t *testing.T) {
	code, err := os.ReadFile("example_module_test.go")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/modules.md")
	if err != nil {
		t.Fatal(err)
	}
	// There it is a package of its own.
	want := "```go\n" + strings.Replace(string(code), "package gateway_test", "package poll", 1) + "```\n"
	if !strings.Contains(string(page), want) {
		t.Errorf("docs/modules.md doesn't show this, which is example_module_test.go:\n%s", want)
	}
}
