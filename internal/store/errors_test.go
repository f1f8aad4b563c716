package store_test

import (
	"context"
	"database/sql"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"pushd/internal/codec"
	"pushd/internal/store"
)

// What the database says is for the log, under the operation's name; the client gets
// a text of ours.
func TestErrors(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, db *sql.DB) {
		execute(t, db, `ALTER TABLE friends RENAME TO enemies`)
		_, read := s.Relation(t.Context(), "alice", "bob")
		_, written := s.RemoveFriend(t.Context(), "alice", "bob")
		over, cancel := context.WithCancel(t.Context())
		cancel()
		_, late := s.User(over, "alice")
		for _, test := range []struct {
			err       error
			operation string
			code      int
		}{
			{read, "friend.find", codec.CodeInternal},
			{written, "friend.remove", codec.CodeInternal},
			{late, "user.find", codec.CodeUnavailable},
		} {
			var e *codec.Error
			if !errors.As(test.err, &e) || e.Code != test.code {
				t.Errorf("%s: %v, want code %d", test.operation, test.err, test.code)
				continue
			}
			if strings.Contains(e.Msg, "friends") || !strings.HasPrefix(e.Cause.Error(), test.operation+": ") {
				t.Errorf("%s: says %q, because of %q", test.operation, e.Msg, e.Cause)
			}
		}
	})
}

// Every exported method of Store that may fail answers under an operation's name, and
// no two under the same.
func TestEveryMethodAnswers(t *testing.T) {
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	operation := regexp.MustCompile(`^"[a-z_]+\.[a-z_]+"$`)
	seen := map[string]string{}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || !isStoreMethod(f) || f.Name.Name == "Close" {
				continue
			}
			answers := answeredAs(f)
			switch first, twice := seen[answers]; {
			case !operation.MatchString(answers):
				t.Errorf("%s: %s doesn't begin with defer s.answer(operation, &err)", name, f.Name.Name)
			case twice:
				t.Errorf("%s answers as %s, and so does %s", f.Name.Name, answers, first)
			}
			seen[answers] = f.Name.Name
		}
	}
	if len(seen) < 80 {
		t.Errorf("%d methods were found", len(seen))
	}
}

func isStoreMethod(f *ast.FuncDecl) bool {
	if f.Recv == nil || !f.Name.IsExported() {
		return false
	}
	star, ok := f.Recv.List[0].Type.(*ast.StarExpr)
	if !ok {
		return false
	}
	of, ok := star.X.(*ast.Ident)
	return ok && of.Name == "Store"
}

// answeredAs is the operation in a method's first statement, quoted.
func answeredAs(f *ast.FuncDecl) string {
	first, ok := f.Body.List[0].(*ast.DeferStmt)
	if !ok {
		return ""
	}
	called, ok := first.Call.Fun.(*ast.SelectorExpr)
	if !ok || called.Sel.Name != "answer" {
		return ""
	}
	literal, ok := first.Call.Args[0].(*ast.BasicLit)
	if !ok {
		return ""
	}
	return literal.Value
}
