package main

import (
	_ "embed"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// text is the option's present value in the form in which it can be set;
// secrets are redacted.
func (c *Config) text(o option) string {
	switch v := reflect.ValueOf(c).Elem().FieldByIndex(o.index).Interface().(type) {
	case Secret:
		return v.String()
	case []string:
		return strings.Join(v, ",")
	case []netip.Prefix:
		texts := make([]string, len(v))
		for i, prefix := range v {
			texts[i] = prefix.String()
		}
		return strings.Join(texts, ",")
	case map[string]int:
		texts := make([]string, 0, len(v))
		for name, number := range v {
			texts = append(texts, name+"="+strconv.Itoa(number))
		}
		slices.Sort(texts)
		return strings.Join(texts, ",")
	case []AdminKey:
		texts := make([]string, len(v))
		for i, key := range v {
			texts[i] = fmt.Sprintf("%s (%s) %s", key.Name, strings.Join(key.Scopes, " "), key.Secret)
		}
		return strings.Join(texts, ", ")
	case []BotConfig:
		texts := make([]string, len(v))
		for i, bot := range v {
			texts[i] = fmt.Sprintf("%s %s", bot.Name, bot.Secret)
		}
		return strings.Join(texts, ", ")
	case time.Duration:
		return shortDuration(v)
	case slog.Level:
		return strings.ToLower(v.String())
	default:
		return fmt.Sprint(v)
	}
}

// shortDuration writes 1m0s as 1m and 1h0m0s as 1h.
func shortDuration(d time.Duration) string {
	text := d.String()
	if d == 0 {
		return "0s"
	}
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

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

// writeReference writes docs/configuration.md.
func writeReference(w io.Writer) error {
	var b strings.Builder
	b.WriteString(referenceHead)
	group := ""
	for _, o := range optionTable() {
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
		if o.hasDev {
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

// writeDefault writes a YAML file with every option at its default, commented
// out, so that the file does not freeze defaults that later versions change.
func writeDefault(w io.Writer) error {
	var b strings.Builder
	b.WriteString("# Options of pushd. What is commented out has the value shown, its default.\n" +
		"# Check a changed file with: ./pushd config check --config FILE\n")
	var open []string // the sections that the last option was in
	group := ""
	for _, o := range optionTable() {
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
