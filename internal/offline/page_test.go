package offline_test

import (
	"os"
	"strings"
	"testing"
)

// TestAdapterPage holds docs/offline.md to the adapter that is compiled here.
func TestAdapterPage(t *testing.T) {
	code, err := os.ReadFile("example_adapter_test.go")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/offline.md")
	if err != nil {
		t.Fatal(err)
	}
	// There it is a program of its own.
	want := "```go\n" + strings.Replace(string(code), "package offline_test", "package main", 1) + "```\n"
	if !strings.Contains(string(page), want) {
		t.Errorf("docs/offline.md doesn't show this, which is example_adapter_test.go:\n%s", want)
	}
}
