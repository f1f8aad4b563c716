package console_test

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"

	"pushd/internal/api/console"
)

// The page is served under a policy that allows nothing inline and no other
// host. A browser would tell so too, but only where a test's hand gets to.
func TestFilesKeepThePolicy(t *testing.T) {
	forbidden := map[string]*regexp.Regexp{
		"an inline script":  regexp.MustCompile(`<script(\s[^>]*)?>[^<]|\son[a-z]+\s*=\s*"|javascript:`),
		"an inline style":   regexp.MustCompile(`<style|\sstyle\s*=\s*"|setAttribute\("style"`),
		"an address":        regexp.MustCompile(`(https?|wss?)://[^\s"'` + "`" + `$]`),
		"a string as code":  regexp.MustCompile(`\beval\(|new Function\(|innerHTML|outerHTML|insertAdjacentHTML|document\.write`),
		"an import by name": regexp.MustCompile(`from\s+"[^./]`),
	}
	names, err := fs.Glob(console.Files, "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text := read(t, name)
		if name == "icon.svg" {
			text = strings.ReplaceAll(text, ` xmlns="http://www.w3.org/2000/svg"`, "") // a name, not an address
		}
		for what, pattern := range forbidden {
			if found := pattern.FindString(text); found != "" {
				t.Errorf("%s has %s: %q", name, what, found)
			}
		}
	}
}

func TestReferencesAreFiles(t *testing.T) {
	reference := regexp.MustCompile(`(?:src|href)="([^"#]+)"|from "\./([^"]+)"`)
	names, err := fs.Glob(console.Files, "*")
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{"index.html": true}
	for _, name := range names {
		for _, match := range reference.FindAllStringSubmatch(read(t, name), -1) {
			target := match[1] + match[2]
			used[target] = true
			if _, err := fs.Stat(console.Files, target); err != nil {
				t.Errorf("%s refers to %s: %v", name, target, err)
			}
		}
	}
	for _, name := range names {
		if !used[name] {
			t.Errorf("nothing refers to %s", name)
		}
	}
}

// A script asks for elements by id; each must be there, once.
func TestElementsExist(t *testing.T) {
	ids := map[string]int{}
	for _, match := range regexp.MustCompile(`\sid="([^"]+)"`).FindAllStringSubmatch(read(t, "index.html"), -1) {
		ids[match[1]]++
	}
	for id, times := range ids {
		if times > 1 {
			t.Errorf("%d elements have the id %s", times, id)
		}
	}
	asked := regexp.MustCompile(`(?:\$|getElementById)\("([^"]+)"\)`)
	for _, name := range []string{"app.js", "panels.js", "snippets.js"} {
		for _, match := range asked.FindAllStringSubmatch(read(t, name), -1) {
			if ids[match[1]] == 0 {
				t.Errorf("%s asks for the element %s, which index.html doesn't have", name, match[1])
			}
		}
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := fs.ReadFile(console.Files, name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
