package main

import (
	"fmt"
	"go/parser"
	"go/token"
	"log/slog"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestEventTables holds the tables of package events to what subscribes when everything
// is configured.
func TestEventTables(t *testing.T) {
	dir := t.TempDir()
	cfg, err := loadWith(t, "", nil, "--data-dir="+dir, "--store=sqlite:"+filepath.Join(dir, "x.db"), "--hooks.url=https://x",
		"--hooks.events=message.sent,message.offline,user.login,user.logout,server.started", "--offline.gateway=https://x")
	if err != nil {
		t.Fatal(err)
	}
	n, err := newServer(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	hears := map[string][]string{} // by event
	kinds := map[string]string{}   // by subscriber
	for _, s := range n.events.Subscriptions() {
		kind := map[bool]string{true: "queued", false: "inline"}[s.Queued]
		kinds[s.Subscriber] = fmt.Sprint(kind, "  ", s.Bound, "  ", s.AtBound)
		for _, event := range s.Events {
			hears[event] = append(hears[event], s.Subscriber)
		}
	}
	if err := n.stop(); err != nil {
		t.Error(err)
	}

	gotHears, gotKinds := map[string][]string{}, map[string]string{}
	table := ""
	for _, row := range tableRows(t, "../../internal/events/doc.go") {
		switch {
		case row[0] == "event" || row[0] == "subscriber":
			table = row[0]
		case table == "event" && row[2] == "none":
			if users := hears[row[0]]; users != nil {
				t.Errorf("%s has subscribers: %q", row[0], users)
			}
		case table == "event":
			gotHears[row[0]] = strings.Fields(row[2])
		default:
			gotKinds[row[0]] = strings.Join(row[1:], "  ")
		}
	}
	if !maps.EqualFunc(gotHears, hears, slices.Equal) {
		t.Errorf("the table has  %v\nand there are %v", gotHears, hears)
	}
	if !maps.Equal(gotKinds, kinds) {
		t.Errorf("the table has  %v\nand there are %v", gotKinds, kinds)
	}
}

// tableRows are the lines of a package comment that begin with a tab, in columns.
func tableRows(t *testing.T, file string) (rows [][]string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments|parser.PackageClauseOnly)
	if err != nil {
		t.Fatal(err)
	}
	between := regexp.MustCompile(` {2,}`)
	for line := range strings.Lines(f.Doc.Text()) {
		if row, ok := strings.CutPrefix(line, "\t"); ok {
			rows = append(rows, between.Split(strings.TrimSpace(row), -1))
		}
	}
	return rows
}
