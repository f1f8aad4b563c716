// Package archtest holds the code to the table of layers in ARCHITECTURE.md:
// the table is the architecture, and a package that imports another of ours
// which its row doesn't allow fails the build here. It is a test and nothing
// else, so it has no row itself, like every package without code of its own.
package archtest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// layers is the table: for each row's package, the packages of ours it may
// import. A row speaks for the packages below it that have no row themselves.
type layers struct {
	allowed map[string]map[string]bool
	all     map[string]bool // rows that may import everything
}

// parseLayers reads the rows of the form
//
//	| `internal/x` | what it owns | account, codec |
//
// from the Markdown page. The last cell says "none", "all", or names packages
// with or without the leading internal/.
func parseLayers(page string) (layers, error) {
	l := layers{allowed: map[string]map[string]bool{}, all: map[string]bool{}}
	named := map[string][]string{}
	for number, line := range strings.Split(page, "\n") {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		pkg, isRow := strings.CutPrefix(strings.TrimSpace(cells[0]), "`")
		if !strings.HasPrefix(line, "|") || !isRow {
			continue
		}
		pkg = strings.TrimSuffix(pkg, "`")
		if len(cells) != 3 {
			return layers{}, fmt.Errorf("line %d: the row of %s has %d cells, want 3", number+1, pkg, len(cells))
		}
		if _, twice := l.allowed[pkg]; twice {
			return layers{}, fmt.Errorf("line %d: a second row for %s", number+1, pkg)
		}
		l.allowed[pkg] = map[string]bool{}
		switch imports := strings.TrimSpace(cells[2]); imports {
		case "none":
		case "all":
			l.all[pkg] = true
		default:
			for name := range strings.SplitSeq(imports, ",") {
				named[pkg] = append(named[pkg], strings.TrimSpace(name))
			}
		}
	}
	if len(l.allowed) == 0 {
		return layers{}, fmt.Errorf("the page has no table of layers")
	}
	for pkg, names := range named {
		for _, name := range names {
			full := strings.Trim(name, "`")
			if _, isRow := l.allowed[full]; !isRow {
				full = "internal/" + full
			}
			if _, isRow := l.allowed[full]; !isRow {
				return layers{}, fmt.Errorf("the row of %s allows %q, which has no row", pkg, name)
			}
			l.allowed[pkg][full] = true
		}
	}
	return l, nil
}

// rowOf is the row that speaks for a package: its own, or the nearest above.
func (l layers) rowOf(pkg string) (string, bool) {
	for pkg != "" {
		if _, isRow := l.allowed[pkg]; isRow {
			return pkg, true
		}
		cut := strings.LastIndexByte(pkg, '/')
		if cut < 0 {
			break
		}
		pkg = pkg[:cut]
	}
	return "", false
}

// check compares the table with the imports of the code: package paths within
// the module, each with the paths of ours that it imports. It returns what is
// wrong, one sentence each, in a stable order.
func (l layers) check(imports map[string][]string) []string {
	var wrong []string
	used := map[string]bool{}
	for _, pkg := range slices.Sorted(maps.Keys(imports)) {
		row, ok := l.rowOf(pkg)
		if !ok {
			wrong = append(wrong, pkg+" has no row")
			continue
		}
		used[row] = true
		for _, imported := range slices.Sorted(slices.Values(imports[pkg])) {
			target, ok := l.rowOf(imported)
			if !ok {
				wrong = append(wrong, fmt.Sprintf("%s imports %s, which has no row", pkg, imported))
				continue
			}
			if target != row && !l.all[row] && !l.allowed[row][target] {
				wrong = append(wrong, fmt.Sprintf("%s imports %s, which its row doesn't allow", pkg, imported))
			}
		}
	}
	for _, row := range slices.Sorted(maps.Keys(l.allowed)) {
		if !used[row] {
			wrong = append(wrong, fmt.Sprintf("the row of %s names no package with code", row))
		}
	}
	return wrong
}
