package protocol

import (
	"errors"
	"strings"
	"testing"
)

func TestFill(t *testing.T) {
	table := func(words []string) (string, error) {
		if words[0] == "none" {
			return "", errors.New("no such table")
		}
		return "| " + strings.Join(words, ",") + " |\n", nil
	}
	const filled = "text\n\n<!-- generated: a b -->\n\n| a,b |\n\n<!-- /generated -->\nmore\n"
	for name, page := range map[string]string{
		"empty":          "text\n\n<!-- generated: a b -->\n<!-- /generated -->\nmore\n",
		"stale":          "text\n\n<!-- generated: a b -->\nold\n\nolder\n<!-- /generated -->\nmore\n",
		"as it is to be": filled,
	} {
		if got, err := fill(page, table); err != nil || got != filled {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
	for page, want := range map[string]string{
		"<!-- generated: a -->\n<!-- generated: b -->\n<!-- /generated -->\n": "begins inside of",
		"<!-- /generated -->\n":                           "ends no table",
		"<!-- generated: a -->\n":                         "is not ended",
		"<!-- generated: none -->\n<!-- /generated -->\n": "no such table",
	} {
		if _, err := fill(page, table); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want an error with %q", page, err, want)
		}
	}
}

func TestTablesThatAreNot(t *testing.T) {
	s, err := newSchemas()
	if err != nil {
		t.Fatal(err)
	}
	all := tables{Collect(), s}
	for _, name := range []string{"", "actions", "dances chat", "actions ballet", "pushes chat.Dance"} {
		if text, err := all.table(strings.Fields(name), ""); err == nil {
			t.Errorf("%q is the table %q", name, text)
		}
	}
}
