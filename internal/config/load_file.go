package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"
)

// maxConfigFile bounds the configuration file, so that a wrong path, say a
// device or a log, is refused instead of read.
const maxConfigFile = 1 << 20

// readFile collects the options set in a YAML file. Scalars stay the text that
// stands in the file, so that 0123 is that and not 83, and every source is read
// by the same rules.
func readFile(table []option, name string) (values, error) {
	text, err := ReadBounded(name, maxConfigFile)
	if err != nil {
		return values{}, fmt.Errorf("configuration file: %w", err)
	}
	r := fileReader{table: table, name: name, values: newValues(), lines: map[string]int{}}
	for _, o := range table {
		r.keys = append(r.keys, o.key)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		return r.values, nil // empty, or comments only
	case err != nil:
		return values{}, fmt.Errorf("configuration file %s: %w", name, err)
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return values{}, fmt.Errorf("configuration file %s: more than one document", name)
	}
	r.section("", document.Content[0])
	return r.values, errors.Join(r.errs...)
}

// fileReader walks the parsed file.
type fileReader struct {
	table  []option
	keys   []string // every option's key
	name   string   // of the file
	values values
	lines  map[string]int // where each key was set
	errs   []error
}

func (r *fileReader) fail(node *yaml.Node, format string, args ...any) {
	r.errs = append(r.errs, fmt.Errorf("%s:%d: %w", r.name, node.Line, fmt.Errorf(format, args...)))
}

// section reads a mapping whose keys are options or further sections.
func (r *fileReader) section(prefix string, node *yaml.Node) {
	switch {
	case node.Kind == yaml.ScalarNode && node.Tag == "!!null":
		return // a section whose every line is commented out
	case node.Kind != yaml.MappingNode && prefix == "":
		r.fail(node, "expected options, one `key: value` a line")
		return
	case node.Kind != yaml.MappingNode:
		r.fail(node, "%s is a section and takes further keys%s", prefix[:len(prefix)-1], r.insteadOf(prefix))
		return
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		name, value := node.Content[i], node.Content[i+1]
		key := prefix + name.Value
		o, known := byKey(r.table, key)
		switch {
		case known:
			r.option(o, name, value)
		case r.isSection(key):
			r.section(key+".", value)
		default:
			r.fail(name, "unknown key %q%s", Shorten(key), didYouMean(key, r.keys))
		}
	}
}

// option reads one option's value.
func (r *fileReader) option(o option, name, value *yaml.Node) {
	if value.Kind == yaml.ScalarNode && value.Tag == "!!null" {
		return
	}
	if first, twice := r.lines[o.key]; twice {
		r.fail(name, "%s is set twice, first in line %d", o.key, first)
		return
	}
	r.lines[o.key] = name.Line
	raw, err := plainValue(value)
	if err != nil {
		r.fail(value, "%s: %w", o.key, err)
		return
	}
	r.values.set(o.key, raw, Source{layerFile, fmt.Sprintf("%s:%d", r.name, name.Line)})
}

func (r *fileReader) isSection(key string) bool {
	return r.insteadOf(key+".") != ""
}

// insteadOf names an option inside the section, for an error's example.
func (r *fileReader) insteadOf(prefix string) string {
	for _, key := range r.keys {
		if len(key) > len(prefix) && key[:len(prefix)] == prefix {
			return ", such as " + key
		}
	}
	return ""
}

// plainValue turns a node into text, a list or a map of them. Anchors and
// aliases are refused: nothing here needs them, and they let a small file
// expand without end.
func plainValue(node *yaml.Node) (any, error) {
	switch node.Kind {
	case yaml.ScalarNode:
		return node.Value, nil
	case yaml.SequenceNode:
		list := make([]any, 0, len(node.Content))
		for _, item := range node.Content {
			value, err := plainValue(item)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		return list, nil
	case yaml.MappingNode:
		m := make(map[string]any, len(node.Content)/2)
		for i := 0; i+1 < len(node.Content); i += 2 {
			name := node.Content[i].Value
			if _, twice := m[name]; twice {
				return nil, fmt.Errorf("%q is there twice", Shorten(name))
			}
			value, err := plainValue(node.Content[i+1])
			if err != nil {
				return nil, err
			}
			m[name] = value
		}
		return m, nil
	}
	return nil, errors.New("anchors and aliases are not accepted")
}
