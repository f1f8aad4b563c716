package protocol

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The description is served by internal/api, beside those of its HTTP doors.
const description = "../api/openapi/asyncapi.yaml"

// pages are what has tables that are made from the protocol.
var pages = [...]string{"protocol.md", "chat.md", "groups.md"}

// Files is what has to be in the files that are generated, or that have generated
// parts, by their paths. It is called in the directory of this package.
func Files() (map[string][]byte, error) {
	p := Collect()
	s, err := newSchemas()
	if err != nil {
		return nil, err
	}
	document, err := p.document(s)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{description: document}
	for _, name := range pages {
		path := filepath.Join("..", "..", "docs", name)
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read a page: %w", err)
		}
		objects := "protocol.md#objects"
		if name == "protocol.md" {
			objects = "#objects"
		}
		page, err := fill(string(text), func(words []string) (string, error) { return tables{p, s}.table(words, objects) })
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		files[path] = []byte(page)
	}
	return files, nil
}

// The lines between which a page is generated. The first one names the table.
const (
	openingMark = "<!-- generated: "
	closingMark = "<!-- /generated -->"
)

// fill puts tables between the marks of a page.
func fill(page string, table func(words []string) (string, error)) (string, error) {
	var b strings.Builder
	inside := ""
	for line := range strings.Lines(page) {
		line = strings.TrimSuffix(line, "\n")
		name, opens := strings.CutPrefix(line, openingMark)
		switch {
		case opens && inside != "":
			return "", fmt.Errorf("%s begins inside of %s", line, inside)
		case opens:
			text, err := table(strings.Fields(strings.TrimSuffix(name, "-->")))
			if err != nil {
				return "", fmt.Errorf("%s: %w", line, err)
			}
			inside = line
			fmt.Fprintf(&b, "%s\n\n%s\n", line, text)
		case line == closingMark && inside == "":
			return "", fmt.Errorf("%s ends no table", line)
		case line == closingMark:
			inside = ""
			b.WriteString(line + "\n")
		case inside == "":
			b.WriteString(line + "\n")
		}
	}
	if inside != "" {
		return "", fmt.Errorf("%s is not ended by %s", inside, closingMark)
	}
	return b.String(), nil
}
