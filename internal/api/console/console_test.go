package console_test

import (
	"io/fs"
	"path"
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
	for _, name := range files(t) {
		text := strings.ReplaceAll(read(t, name), `"http://www.w3.org/2000/svg"`, "") // a name, not an address
		for what, pattern := range forbidden {
			if found := pattern.FindString(text); found != "" {
				t.Errorf("%s has %s: %q", name, what, found)
			}
		}
	}
}

func TestReferencesAreFiles(t *testing.T) {
	reference := regexp.MustCompile(`(?:src|href)="([^"#]+)"|from "(\.\.?/[^"]+)"`)
	names := files(t)
	used := map[string]bool{"index.html": true}
	for _, name := range names {
		for _, match := range reference.FindAllStringSubmatch(read(t, name), -1) {
			target := path.Join(path.Dir(name), match[1]+match[2])
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
	made := regexp.MustCompile(`\bid: "([^"]+)"`)
	for _, name := range files(t) {
		text := read(t, name)
		here := map[string]bool{} // the elements that a script makes itself
		for _, match := range made.FindAllStringSubmatch(text, -1) {
			here[match[1]] = true
		}
		for _, match := range asked.FindAllStringSubmatch(text, -1) {
			if ids[match[1]] == 0 && !here[match[1]] {
				t.Errorf("%s asks for the element %s, which index.html doesn't have", name, match[1])
			}
		}
	}
}

// Every picture that is used is drawn, and those that are drawn are used.
func TestIconsExist(t *testing.T) {
	drawn := map[string]bool{}
	for _, match := range regexp.MustCompile(`<symbol id="i-([^"]+)"`).FindAllStringSubmatch(read(t, "index.html"), -1) {
		drawn[match[1]] = false
	}
	used := regexp.MustCompile(`href="#i-([^"]+)"|\bicon(?:Button)?\("([^"]+)"|\bicon: "([^"]+)"|: \["([a-z]+)", "[A-Z]`)
	for _, name := range files(t) {
		for _, match := range used.FindAllStringSubmatch(read(t, name), -1) {
			id := match[1] + match[2] + match[3] + match[4]
			if _, there := drawn[id]; !there {
				t.Errorf("%s uses the icon %s, which index.html doesn't draw", name, id)
			}
			drawn[id] = true
		}
	}
	for id, there := range drawn {
		if !there {
			t.Errorf("nothing uses the icon %s", id)
		}
	}
}

func files(t *testing.T) (names []string) {
	t.Helper()
	err := fs.WalkDir(console.Files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := fs.ReadFile(console.Files, name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
