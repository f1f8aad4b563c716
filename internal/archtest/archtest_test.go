package archtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "pushd"

func TestLayersOfThisModule(t *testing.T) {
	root := filepath.Join("..", "..")
	page, err := os.ReadFile(filepath.Join(root, "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	table, err := parseLayers(string(page))
	if err != nil {
		t.Fatalf("ARCHITECTURE.md: %v", err)
	}
	imports, err := moduleImports(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, sentence := range table.check(imports) {
		t.Errorf("ARCHITECTURE.md: %s", sentence)
	}
}

// moduleImports asks the go command, which knows build tags and file names,
// for the imports of every package with code. What only tests import is left
// out: a test may lean on anything that Go itself lets it import.
func moduleImports(root string) (map[string][]string, error) {
	list := exec.Command("go", "list", "-e", "-json=ImportPath,GoFiles,CgoFiles,Imports", "./...")
	list.Dir = root
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	imports := map[string][]string{}
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var pkg struct {
			ImportPath                 string
			GoFiles, CgoFiles, Imports []string
		}
		if err := decoder.Decode(&pkg); errors.Is(err, io.EOF) {
			return imports, nil
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		if len(pkg.GoFiles)+len(pkg.CgoFiles) == 0 {
			continue
		}
		name := strings.TrimPrefix(pkg.ImportPath, module+"/")
		imports[name] = []string{}
		for _, path := range pkg.Imports {
			if ours, ok := strings.CutPrefix(path, module+"/"); ok {
				imports[name] = append(imports[name], ours)
			}
		}
	}
}

const madeUpTable = "# Layers\n\nProse with a | in it.\n\n" +
	"| package | what it owns | imports of ours |\n|---|---|---|\n" +
	"| `internal/clay` | pots | none |\n" +
	"| `internal/kiln` | fire | clay |\n" +
	"| `internal/shop` | the door | clay, kiln |\n" +
	"| `cmd/pottery` | wiring | all |\n" +
	"| `stall` | a market stall | shop |\n"

func TestCheck(t *testing.T) {
	sound := func() map[string][]string {
		return map[string][]string{
			"internal/clay":       nil,
			"internal/kiln":       {"internal/clay"},
			"internal/shop":       {"internal/kiln", "internal/clay"},
			"internal/shop/shelf": {"internal/clay"},
			"cmd/pottery":         {"internal/shop", "internal/kiln", "internal/shop/shelf", "stall"},
			"stall":               {"internal/shop", "stall/awning"},
			"stall/awning":        nil,
		}
	}
	tests := []struct {
		name   string
		change func(map[string][]string)
		want   []string
	}{
		{"sound", func(map[string][]string) {}, nil},
		{
			"upward import",
			func(m map[string][]string) { m["internal/clay"] = []string{"internal/kiln"} },
			[]string{"internal/clay imports internal/kiln, which its row doesn't allow"},
		},
		{
			"import of a package below a row that is not allowed",
			func(m map[string][]string) { m["internal/kiln"] = []string{"internal/shop/shelf"} },
			[]string{"internal/kiln imports internal/shop/shelf, which its row doesn't allow"},
		},
		{
			"subpackage bound by the row above it",
			func(m map[string][]string) { m["stall/awning"] = []string{"internal/kiln"} },
			[]string{"stall/awning imports internal/kiln, which its row doesn't allow"},
		},
		{
			"package without a row",
			func(m map[string][]string) { m["internal/glaze"] = nil },
			[]string{"internal/glaze has no row"},
		},
		{
			"row without a package",
			func(m map[string][]string) { delete(m, "internal/kiln") },
			[]string{"the row of internal/kiln names no package with code"},
		},
		{
			"a row for a longer name does not speak for a shorter one",
			func(m map[string][]string) { m["internal/shopfront"] = nil },
			[]string{"internal/shopfront has no row"},
		},
	}
	table, err := parseLayers(madeUpTable)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			imports := sound()
			test.change(imports)
			if got := table.check(imports); !slices.Equal(got, test.want) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

func TestParseLayersRefuses(t *testing.T) {
	tests := []struct{ name, page, want string }{
		{"no table", "# Layers\n", "no table of layers"},
		{"unknown import", "| `internal/a` | x | b |\n", `allows "b", which has no row`},
		{"two rows", "| `internal/a` | x | none |\n| `internal/a` | y | none |\n", "a second row"},
		{"missing cell", "| `internal/a` | none |\n", "2 cells"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := parseLayers(test.page)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}
