package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pushd/internal/chat"
	"pushd/internal/store"
)

func TestDatabaseCommands(t *testing.T) {
	dir := t.TempDir()
	run := func(code int, args string, want ...string) {
		t.Helper()
		got := runIn(t, dir, nil, strings.Fields(args)...)
		all := got.stdout + got.stderr
		if got.code != code {
			t.Errorf("%s: exit code %d, want %d\n%s", args, got.code, code, all)
		}
		for _, part := range want {
			if !strings.Contains(all, part) {
				t.Errorf("%s: %q lacks %q", args, all, part)
			}
		}
		if strings.Contains(all, "hunter2") {
			t.Errorf("%s shows the password: %s", args, all)
		}
	}
	run(1, "migrate status", "there is no database yet")
	run(1, "backup copy.db", "there is no database yet")
	run(0, "migrate up", "1  init", "applied")
	run(0, "migrate up", "up to date")
	run(0, "migrate status --store sqlite:data/pushd.db", "1  init", "applied")
	run(2, "migrate status --store none", "there is no database")
	run(2, "migrate up --store mysql://u:hunter2@h/d", "store (flag --store)", "sqlite:FILE", "none")
	run(2, "migrate up --store @nosuch", "store (flag --store)", "nosuch")
	run(1, "migrate up --store postgres://u:hunter2@127.0.0.1:1/d", "is it running")
	run(1, "backup copy.db --store postgres://u:hunter2@127.0.0.1:1/d", "pg_dump --format=custom --file=copy.db", "postgres://u@127.0.0.1:1/d")
	run(2, "backup", "takes one argument")
	run(0, "config check --store postgres://u:hunter2@127.0.0.1:1/d", "postgres://u@127.0.0.1:1/d", "warning: --store")

	// The server has the database open, and goes on writing.
	s, err := store.Open(t.Context(), store.Options{URL: "sqlite:" + filepath.Join(dir, "data", "pushd.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	say := func(id string) {
		t.Helper()
		d := chat.Draft{ID: id, Conv: "s:alice:bob", From: "alice", Body: chat.Body{Type: chat.TypeText, Text: id}}
		if _, _, err := s.Append(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	say("before")
	run(0, "backup copy.db")
	say("after")
	run(1, "backup copy.db", "copy.db is there already")
	run(1, "migrate up", "in use by another process", fmt.Sprintf("pid %d", os.Getpid()))
	run(0, "migrate status", "applied")

	copied := filepath.Join(dir, "copy.db")
	info, err := os.Stat(copied)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the copy: %v, %v", info.Mode(), err)
	}
	c, err := store.Open(t.Context(), store.Options{URL: "sqlite:" + copied})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	page, more, err := c.Page(t.Context(), "alice", "s:alice:bob", chat.PageQuery{Limit: 10})
	if err != nil || more || len(page) != 1 || page[0].Text != "before" {
		t.Errorf("the copy holds %v, %v", page, err)
	}
}
