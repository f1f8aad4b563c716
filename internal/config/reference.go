package config

import (
	_ "embed"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
)

// accepted describes an option's values: "duration, 1s to 24h".
func (o option) accepted() string {
	switch o.kind() {
	case "word":
		return "one of " + strings.Join(o.oneof, ", ")
	case "bool":
		return "true or false"
	case "map":
		return "map of names to numbers"
	case "keys":
		return "list of keys"
	case "bots":
		return "list of bots"
	}
	if o.max != "" {
		return fmt.Sprintf("%s, %s to %s", o.kind(), o.min, o.max)
	}
	return o.kind()
}

// WriteReference writes docs/configuration.md.
func WriteReference(w io.Writer) error {
	var b strings.Builder
	b.WriteString(referenceHead)
	group := ""
	for _, o := range allOptions(&Config{}) {
		if o.group != group {
			group = o.group
			fmt.Fprintf(&b, "\n## %s\n", group)
		}
		fmt.Fprintf(&b, "\n### `%s`\n\n%s\n\n", o.key, o.usage)
		fmt.Fprintf(&b, "| accepted | default | flag | environment |\n|---|---|---|---|\n")
		def := "empty"
		if o.def != "" {
			def = "`" + o.def + "`"
		}
		if o.dev != "" {
			def += "; under `--dev` `" + o.dev + "`"
		}
		flag, env := "`--"+o.key+"`", "`"+o.env+"`"
		if o.fileOnly {
			flag, env = "file only", "file only"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", o.accepted(), def, flag, env)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// referenceHead is what stands above the generated part.
//
//go:embed reference_head.md
var referenceHead string

// WriteValues writes every option with its value and where that came from, in
// columns; secrets are redacted.
func (c *Config) WriteValues(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, o := range allOptions(c) {
		value := o.text()
		if value == "" {
			value = "-"
		}
		if _, err := fmt.Fprintf(table, "%s\t%s\t%s\n", o.key, value, c.Source(o.key)); err != nil {
			return err
		}
	}
	return table.Flush()
}

// WriteDefault writes a YAML file with every option at its default, commented
// out, so that the file does not freeze defaults that later versions change.
func WriteDefault(w io.Writer) error {
	var b strings.Builder
	b.WriteString("# Options of pushd. What is commented out has the value shown, its default.\n" +
		"# Check a changed file with: ./pushd config check --config FILE\n")
	var open []string // the sections that the last option was in
	group := ""
	for _, o := range allOptions(&Config{}) {
		if o.group != group {
			group = o.group
			fmt.Fprintf(&b, "\n# --- %s ---\n", group)
		}
		path := strings.Split(o.key, ".")
		sections := path[:len(path)-1]
		same := 0
		for same < min(len(open), len(sections)) && open[same] == sections[same] {
			same++
		}
		b.WriteString("\n")
		for depth := same; depth < len(sections); depth++ {
			fmt.Fprintf(&b, "%s%s:\n", strings.Repeat("  ", depth), sections[depth])
		}
		open = sections
		indent := strings.Repeat("  ", len(sections))
		for _, line := range wrap(o.usage+" ("+o.accepted()+")", 76-len(indent)) {
			fmt.Fprintf(&b, "%s# %s\n", indent, line)
		}
		fmt.Fprintf(&b, "%s#%s: %s\n", indent, path[len(path)-1], yamlDefault(o))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// yamlDefault is an option's default as a YAML value.
func yamlDefault(o option) string {
	switch o.kind() {
	case "list":
		items, _ := listOf(o.def) // a text is always a list
		return "[" + strings.Join(items, ", ") + "]"
	case "keys", "bots":
		return "[]"
	case "map":
		return "{}"
	case "text", "secret", "address":
		return strconv.Quote(o.def)
	}
	return o.def
}

// wrap breaks text between words into lines of at most width bytes.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		switch {
		case line == "":
			line = word
		case len(line)+1+len(word) > width:
			lines = append(lines, line)
			line = word
		default:
			line += " " + word
		}
	}
	return append(lines, line)
}
