package protocol_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pushd/internal/protocol"
)

// TestFilesAreUpToDate: what is generated is as the code has it now.
func TestFilesAreUpToDate(t *testing.T) {
	files, err := protocol.Files()
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range files {
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is stale; run: go generate ./internal/protocol", path)
		}
	}
}

// TestEverythingIsExplained: SDKs take their comments from these.
func TestEverythingIsExplained(t *testing.T) {
	p := protocol.Collect()
	seen := map[string]bool{}
	check := func(kind, name, doc string) {
		if doc == "" || strings.Contains(doc, "\n") {
			t.Errorf("%s %s needs one line that explains it, and has %q", kind, name, doc)
		}
		if seen[kind+name] {
			t.Errorf("%s %s is there twice", kind, name)
		}
		seen[kind+name] = true
	}
	for _, a := range p.Actions {
		check("action", a.Module+"."+a.Action, a.Doc)
	}
	for _, push := range p.Pushes {
		check("push", push.Module+"."+push.Action, push.Doc)
	}
	for _, e := range p.Errors {
		check("error code", strconv.Itoa(e.Code), e.Doc)
	}
	for _, c := range p.Closes {
		check("close code", strconv.Itoa(c.Code), c.Doc)
		check("what clients do after", strconv.Itoa(c.Code), c.Client)
	}
}

// catalogues are the only files that declare pushes.
var catalogues = []string{"internal/chat/pushes.go", "internal/push/pushes.go"}

// TestPushesAreDeclaredInTheCatalogues: a push can only be made from its entry, and
// entries stand in the catalogues and are listed there.
func TestPushesAreDeclaredInTheCatalogues(t *testing.T) {
	root := filepath.Join("..", "..")
	declared := 0
	for _, top := range []string{"internal", "cmd"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(path string, d fs.DirEntry, err error) error {
			name, _ := filepath.Rel(root, path)
			ours := filepath.Ext(path) == ".go" && !strings.HasSuffix(path, "_test.go")
			// What only tests import makes frames of its own.
			ours = ours && !strings.HasSuffix(filepath.Dir(path), "test")
			if err != nil || !ours || strings.HasPrefix(name, "internal/codec/") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			found := pushesIn(file)
			if slices.Contains(catalogues, filepath.ToSlash(name)) {
				declared += len(found.types)
				found.types = nil
			}
			for _, what := range slices.Concat(found.types, found.frames) {
				t.Errorf("%s: %s: pushes are declared in %s, and made from there", name, what, strings.Join(catalogues, " and "))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if listed := len(protocol.Collect().Pushes); listed != declared {
		t.Errorf("%d pushes are declared, and %d are listed by the functions Pushes", declared, listed)
	}
}

// made is where a file makes pushes: declares their types, or writes their frames by hand.
type made struct{ types, frames []string }

func pushesIn(file *ast.File) (found made) {
	codec := ""
	for _, i := range file.Imports {
		if i.Path.Value == `"pushd/internal/codec"` {
			if codec = "codec"; i.Name != nil {
				codec = i.Name.Name
			}
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); !ok || codec == "" || x.Name != codec {
				return true
			}
			switch n.Sel.Name {
			case "NewPushType", "NewRawPushType":
				found.types = append(found.types, n.Sel.Name)
			case "NewFrame":
				found.frames = append(found.frames, n.Sel.Name)
			}
		case *ast.BasicLit:
			text, err := strconv.Unquote(n.Value)
			if n.Kind == token.STRING && err == nil && strings.Contains(text, `"Module":`) {
				found.frames = append(found.frames, n.Value)
			}
		}
		return true
	})
	return found
}

func TestPushesInFindsThem(t *testing.T) {
	const source = `package x
import wire "pushd/internal/codec"
var a = wire.NewPushType[int]("m", "a", "")
var b = wire.NewRawPushType("m", "b", "")
var c = wire.NewFrame(nil)
var d = "{\"Module\":\"m\"}"
var e wire.Frame
`
	file, err := parser.ParseFile(token.NewFileSet(), "x.go", source, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	if found := pushesIn(file); len(found.types) != 2 || len(found.frames) != 2 {
		t.Errorf("found %+v", found)
	}
}
